"""JPEG XL, of imagecodecs: its licence is BSD, that of Pillow's plugin is the GPL."""

from __future__ import annotations

from licrt.evaluation.file_codec import FileCodec, Rgb
from licrt.runtime.errors import BackendError

STEPS = 10  # of the encoder's distance 1, which is hardly seen


def jpegxl() -> FileCodec:
    """Lossy JPEG XL at the encoder's own effort, by tenths of its distance; one thread.

    Raises:
        BackendError: imagecodecs is missing.
    """
    try:
        import imagecodecs
    except ImportError as error:
        raise BackendError("jpegxl: this needs imagecodecs. Run: pip install imagecodecs") from error
    if not imagecodecs.JPEGXL.available:
        raise BackendError("jpegxl: this imagecodecs was built without libjxl. Install the one of PyPI")

    def encode(rgb: Rgb, tenths: int) -> bytes:
        return bytes(imagecodecs.jpegxl_encode(rgb, distance=tenths / STEPS, effort=7, numthreads=1))

    def decode(data: bytes, height: int, width: int) -> Rgb:  # noqa: ARG001
        decoded: Rgb = imagecodecs.jpegxl_decode(data, numthreads=1)
        return decoded

    return FileCodec(
        "jpegxl",
        "JPEG XL",
        ".jxl",
        "tenths of distance",
        (250, 1),
        (150, 100, 70, 50, 35, 25, 15, 10, 5),
        "imagecodecs.jpegxl_encode, effort=7, numthreads=1",
        f"imagecodecs {imagecodecs.__version__}, {imagecodecs.jpegxl_version()}",
        encode,
        decode,
    )
