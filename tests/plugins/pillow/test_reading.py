"""`Image.open` on streams: what comes without a model, what Pillow's own formats do, and what damage does."""

from __future__ import annotations

import copy
import dataclasses
import gc
import io
import pickle
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError
from references.tiny_photo import photo

import licrt.pillow
from licrt.runtime.container import ALPHA, read_info, read_stream, write_stream
from licrt.runtime.errors import FormatError, ModelError, PictureError
from licrt.runtime.picture import read_alpha

SIZE = (70, 50)


def forged(stream: bytes, **fields: object) -> bytes:
    """A stream whose header says something else."""
    return write_stream(dataclasses.replace(read_stream(stream), **fields))


def open_files() -> int:
    """How many files this process has open, where the system tells."""
    descriptors = Path("/proc/self/fd")
    return len(list(descriptors.iterdir())) if descriptors.is_dir() else 0


def test_pixels_are_those_of_the_codec(codec, stream, rgba_stream, tmp_path) -> None:
    path = tmp_path / "a.lci"
    path.write_bytes(stream)
    for source in (path, str(path), io.BytesIO(stream)):
        with Image.open(source) as image:
            assert (image.format, image.mode, image.size) == ("LCI", "RGB", SIZE)
            assert image.get_format_mimetype() == "image/x-lci"
            assert np.array_equal(np.asarray(image), codec.decode(stream))
    with Image.open(io.BytesIO(rgba_stream)) as image:
        assert (image.mode, image.size) == ("RGBA", SIZE)
        pixels = np.asarray(image)
    assert np.array_equal(pixels[..., :3], codec.decode(rgba_stream))
    assert np.array_equal(pixels[..., 3], photo(SIZE[1], SIZE[0], 1)[..., 0])


def test_opening_loads_no_engine(stream, tmp_path) -> None:
    (tmp_path / "a.lci").write_bytes(stream)
    program = (
        "import sys, licrt.pillow\nfrom PIL import Image\nimage = Image.open('a.lci')\n"
        "assert image.size == (70, 50)\nimage.verify()\n"
        "assert not {'onnxruntime', 'torch', 'onnx'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=tmp_path, check=True)


def test_a_model_that_is_missing_shows_when_pixels_are_asked_for(stream) -> None:
    with Image.open(io.BytesIO(forged(stream, model_id=bytes(16)))) as image:
        assert image.size == SIZE
        for _ in range(2):  # it stays as it was
            with pytest.raises(ModelError, match="model 00000000000000000000000000000000 not found"):
                image.load()


def test_metadata_is_there_at_once(codec) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    data = codec.encode(photo(8, 8), icc=b"a profile", exif=exif.tobytes().removeprefix(b"Exif\0\0"))
    with Image.open(io.BytesIO(data)) as image:
        assert image.info == {"icc_profile": b"a profile", "exif": exif.tobytes()}
        assert image.getexif()[0x010E] == "a description"
        for format_ in ("JPEG", "PNG", "WEBP"):
            file = io.BytesIO()
            image.save(file, format_, exif=image.info["exif"], icc_profile=image.info["icc_profile"])
            with Image.open(file) as other:
                assert other.getexif()[0x010E] == "a description"
                assert other.info["icc_profile"] == b"a profile"
    for cut in (1, len(exif.tobytes().removeprefix(b"Exif\0\0"))):  # within the EXIF, and before it
        with Image.open(io.BytesIO(data[:-cut])) as image:
            assert image.info == {"icc_profile": b"a profile"}


def test_pillows_own_operations_work(stream, rgba_stream) -> None:
    whole = Image.open(io.BytesIO(stream))
    reference = np.asarray(whole)
    for other in (whole.copy(), copy.deepcopy(whole), pickle.loads(pickle.dumps(whole))):
        assert np.array_equal(np.asarray(other), reference)
    fresh = Image.open(io.BytesIO(stream))
    assert np.array_equal(np.asarray(pickle.loads(pickle.dumps(fresh))), reference)  # loads it
    assert Image.open(io.BytesIO(stream)).convert("L").mode == "L"
    assert Image.open(io.BytesIO(stream)).crop((60, 40, 70, 50)).size == (10, 10)
    assert ImageOps.exif_transpose(Image.open(io.BytesIO(stream))).size == SIZE
    thumbnail = Image.open(io.BytesIO(rgba_stream))
    assert thumbnail.draft("L", (10, 10)) is None
    thumbnail.thumbnail((14, 14))
    assert (thumbnail.size, thumbnail.mode) == ((14, 10), "RGBA")
    whole.putpixel((0, 0), (1, 2, 3))  # not read-only
    assert whole.getpixel((0, 0)) == (1, 2, 3)
    assert not getattr(whole, "is_animated", False)
    with pytest.raises(EOFError):
        whole.seek(1)


def test_files_are_closed(stream, tmp_path) -> None:
    path = tmp_path / "a.lci"
    path.write_bytes(stream)
    damaged = tmp_path / "b.lci"
    damaged.write_bytes(stream[:60])
    before = open_files()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        image = Image.open(path)
        image.load()
        assert image.fp is None
        with Image.open(path):
            pass
        Image.open(path).close()
        Image.open(path).verify()
        for _ in range(3):
            with pytest.raises(FormatError):
                Image.open(damaged)
        gc.collect()
    assert open_files() == before
    mine = io.BytesIO(stream)
    with Image.open(mine) as image:
        image.load()
    assert not mine.closed


def test_closed_pictures_cannot_be_loaded(stream) -> None:
    with Image.open(io.BytesIO(stream)) as image:
        pass
    with pytest.raises(ValueError, match="Operation on closed image"):
        image.load()


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_decompression_bomb_check_is_active(stream, monkeypatch, sign: int) -> None:
    pixels = SIZE[0] * SIZE[1]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pixels // 2 + min(sign, 0))
    if sign < 0:
        with pytest.raises(Image.DecompressionBombError):
            Image.open(io.BytesIO(stream))
    else:
        with pytest.warns(Image.DecompressionBombWarning):
            Image.open(io.BytesIO(stream))


def test_a_header_may_not_ask_for_more_than_the_format_allows(stream, monkeypatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    header = bytearray(stream[: read_info(stream).header_size])
    header[16:24] = struct.pack("<II", 500_000_001, 1)
    header[-4:] = struct.pack("<I", zlib.crc32(header[:-4]))
    with pytest.raises(PictureError, match="over the limit of 500,000,000 pixels"):
        Image.open(io.BytesIO(header))


def test_verify_finds_every_changed_byte_and_every_cut(stream) -> None:
    Image.open(io.BytesIO(stream)).verify()
    header = read_info(stream).header_size
    for position in range(header, len(stream), 7):
        damaged = bytearray(stream)
        damaged[position] ^= 0x10
        with pytest.raises(FormatError, match="payload"):
            Image.open(io.BytesIO(damaged)).verify()
        with pytest.raises(FormatError, match="cut short"):
            Image.open(io.BytesIO(stream[:position])).verify()
    image = Image.open(io.BytesIO(stream))
    image.verify()
    with pytest.raises(ValueError, match="closed"):  # Pillow wants it opened again
        image.load()


def test_a_cut_file_fails_as_a_png_does(stream) -> None:
    """Always with an OSError: when it is opened if its header is not whole, otherwise when it is loaded."""
    png = io.BytesIO()
    Image.fromarray(photo(50, 70)).save(png, "PNG")
    for data, begin in ((png.getvalue(), png.getvalue().index(b"IDAT")), (stream, read_info(stream).header_size)):
        for size in range(begin):
            with (
                pytest.raises(OSError, match=r"cannot identify|cut short|Truncated"),
                Image.open(io.BytesIO(data[:size])),
            ):
                pass
        for size in (begin + 8, len(data) // 2, len(data) - 40):
            with Image.open(io.BytesIO(data[:size])) as image:
                assert image.size == SIZE
                with pytest.raises(OSError, match=r"truncated|cut short"):
                    image.load()


def test_a_cut_file_is_never_shown_in_part(stream, monkeypatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with Image.open(io.BytesIO(stream[:-1])) as image, pytest.raises(FormatError, match="cut short"):
        image.load()


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n" + bytes(30), b"\x89LCI\n\x1a\n" + bytes(60), bytes(100)])
def test_other_files_are_not_ours(data: bytes) -> None:
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(data))
    with pytest.raises(SyntaxError, match="not an LCI file"):
        licrt.pillow.LciImageFile(io.BytesIO(data))


def test_streams_of_the_future_say_so(stream) -> None:
    with pytest.raises(OSError, match=r"format version 1.*pip install --upgrade licrt"):
        Image.open(io.BytesIO(stream[:8] + b"\1" + stream[9:]))


def test_streams_without_seek_are_read(codec, stream) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.source = io.BytesIO(stream)

        def read(self, size: int = -1) -> bytes:
            return self.source.read(size)

        def seek(self, *arguments: int) -> int:
            raise io.UnsupportedOperation

    with Image.open(Pipe()) as image:
        assert np.array_equal(np.asarray(image), codec.decode(stream))


def test_a_file_that_was_written_to_meanwhile_is_noticed(codec, stream, rgba_stream, tmp_path) -> None:
    path = tmp_path / "a.lci"
    for other in (rgba_stream, codec.encode(photo(9, 9))):
        path.write_bytes(stream)
        with Image.open(path) as image:
            path.write_bytes(other)
            with pytest.raises(FormatError, match="not the one that was opened"):
                image.load()


def test_alpha_that_does_not_fit_is_damage(codec, rgba_stream) -> None:
    body = read_stream(rgba_stream).body(ALPHA)
    assert body is not None
    assert read_alpha(body, SIZE).size == SIZE
    small = codec.encode(photo(8, 8), alpha=body)
    with Image.open(io.BytesIO(small)) as image, pytest.raises(FormatError, match=r"alpha section.*is damaged"):
        image.load()


def test_registering_again_only_changes_the_options(stream) -> None:
    before = list(Image.ID)
    licrt.pillow.register_opener(device="nowhere")
    try:
        with Image.open(io.BytesIO(stream)) as image, pytest.raises(licrt.runtime.errors.BackendError, match="nowhere"):
            image.load()
    finally:
        licrt.pillow.register_opener()
    assert before == Image.ID
    Image.open(io.BytesIO(stream)).load()
