"""`Image.open` for `.lci`: header and metadata when it opens, the model and the pixels when they are asked for."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from PIL import Image, ImageFile

from licrt.runtime.container import ALPHA, EXIF, ICC, MAGIC, MAX_HEADER_BYTES, read_info, read_stream
from licrt.runtime.errors import FormatError, enough_memory
from licrt.runtime.files import read_stream_bytes
from licrt.runtime.picture import read_alpha
from licrt.runtime.shared import shared_codec

if TYPE_CHECKING:
    import os

# Names of sections in `Image.info`, and what Pillow's formats have there before the body.
_METADATA = {ICC: ("icc_profile", b""), EXIF: ("exif", b"Exif\0\0")}


def accept(prefix: bytes) -> bool:
    """Tell whether a file that starts so is a stream."""
    return prefix.startswith(MAGIC)


class LciImageFile(ImageFile.ImageFile):
    """A stream as Pillow opens it: mode RGB, or RGBA where there is an alpha section.

    `info` has `icc_profile` and `exif` where the stream has them; that they are whole is known when pixels are loaded.
    A stream that is cut short cannot be shown in part, so `ImageFile.LOAD_TRUNCATED_IMAGES` changes nothing.
    """

    format = "LCI"
    format_description = "learned image codec, licrt"

    _decoded = True  # copies and unpickled pictures have their pixels from somewhere else
    _device: str
    _threads: int | None

    def __init__(
        self,
        fp: str | bytes | os.PathLike[str] | os.PathLike[bytes] | IO[bytes],
        filename: str | bytes | None = None,
        *,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        self._device = device
        self._threads = threads
        super().__init__(fp, filename)

    def _open(self) -> None:
        file = self._file()
        start = file.read(MAX_HEADER_BYTES)
        if not accept(start):
            raise SyntaxError("not an LCI file")  # as Pillow wants it: another plugin may know the file
        header = read_info(start)
        kinds = {section.type for section in header.sections}
        self._mode = "RGBA" if ALPHA in kinds else "RGB"
        self._size = (header.width, header.height)
        offset = header.header_size
        for section in header.sections:
            if section.type in _METADATA:
                name, prefix = _METADATA[section.type]
                file.seek(offset)
                body = file.read(section.length)
                if len(body) == section.length:  # else the file is cut short, which `load` will say
                    self.info[name] = prefix + body
            offset += section.length
        self._decoded = False

    def load(self) -> Any:
        """Decode the pixels with the installed model that the stream names, and close the file if Pillow opened it.

        Raises:
            FormatError, PictureError: as `Codec.decode_image`; both are OSErrors.
            ModelError, MismatchError, BackendError: as `Codec.load` and `Codec.decode_image`.
        """
        if not self._decoded:
            self.im = self._decode().im
            self._decoded = True
            self.tile = []  # nothing is left for Pillow's own decoders; before Pillow 11 it was None until set
            self.readonly = 0
            if self._exclusive_fp and self._close_exclusive_fp_after_loading:
                self._file().close()
            self.fp = None
        return super().load()

    def verify(self) -> None:
        """Check the checksums of the stream, for which no model is needed, and close the file if Pillow opened it.

        Raises:
            FormatError: the stream is damaged or cut short.
        """
        try:
            read_stream(self._stream())
        finally:
            super().verify()

    @enough_memory()
    def _decode(self) -> Image.Image:
        data = self._stream()
        codec = shared_codec(read_info(data).model_id.hex(), self._device, self._threads)
        image = codec.decode_image(data)
        picture = Image.fromarray(image.rgb)
        if image.alpha is not None:
            picture.putalpha(read_alpha(image.alpha, picture.size))
        if (picture.mode, picture.size) != (self.mode, self.size):
            raise FormatError("the file is not the one that was opened: something wrote to it. Open it again")
        return picture

    def _stream(self) -> bytes:
        file = self._file()
        file.seek(0)
        return read_stream_bytes(file)

    def _file(self) -> IO[bytes]:
        if self.fp is None:
            raise ValueError("Operation on closed image")
        return self.fp
