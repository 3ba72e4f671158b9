"""Picture files to 8-bit RGB arrays and back: bytes in, bytes out. Only this package imports Pillow."""

from licrt.runtime.picture.alpha import read_alpha, write_alpha
from licrt.runtime.picture.base import Picture, Rgb, check_size
from licrt.runtime.picture.reading import read_picture
from licrt.runtime.picture.writing import check_writable, left_out, write_picture

__all__ = [
    "Picture",
    "Rgb",
    "check_size",
    "check_writable",
    "left_out",
    "read_alpha",
    "read_picture",
    "write_alpha",
    "write_picture",
]
