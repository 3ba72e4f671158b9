"""Picture files to 8-bit RGB arrays and back: bytes in, bytes out. Only this package imports Pillow."""

from licrt.runtime.picture.alpha import read_alpha, write_alpha
from licrt.runtime.picture.base import Picture, Rgb
from licrt.runtime.picture.reading import pixels_of, read_picture
from licrt.runtime.picture.writing import check_writable, left_out, memory_to_write, write_picture

__all__ = [
    "Picture",
    "Rgb",
    "check_writable",
    "left_out",
    "memory_to_write",
    "pixels_of",
    "read_alpha",
    "read_picture",
    "write_alpha",
    "write_picture",
]
