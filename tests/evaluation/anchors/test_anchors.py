"""Every anchor that is here: real files of the kind that their names promise, better and larger along their scales."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from PIL import Image
from references.tiny_photo import photo

from licrt.evaluation import anchors
from licrt.runtime.errors import BackendError
from licrt.runtime.pixels import psnr

LIBRARIES = ("jpeg", "jpeg2000", "webp", "avif")
NEEDS = {"jpegxl": "imagecodecs", "x265": "ffmpeg", "svt-av1": "ffmpeg"}


@pytest.fixture(params=[*LIBRARIES, *NEEDS])
def codec(request):
    if request.param == "jpegxl":
        pytest.importorskip("imagecodecs")
    if NEEDS.get(request.param) == "ffmpeg":
        request.getfixturevalue("ffmpeg")
    return anchors.find(request.param)


def test_files_grow_and_get_better_along_the_curve(codec) -> None:
    original = photo(96, 130)
    sizes, qualities = [], []
    for quality in (codec.qualities[0], codec.qualities[len(codec.qualities) // 2], codec.qualities[-1]):
        data = codec.encode(original, quality)
        sizes.append(len(data))
        qualities.append(psnr(original, codec.decode(data, 96, 130)))
    assert sizes == sorted(set(sizes))
    assert qualities == sorted(set(qualities))
    assert qualities[-1] > 30


def test_both_ends_of_the_scale_are_settings(codec) -> None:
    original = photo(64, 64)
    worst, best = (codec.encode(original, quality) for quality in codec.scale)
    assert len(worst) < len(best)
    # Halved chroma alone leaves 31 dB of this picture.
    assert psnr(original, codec.decode(best, 64, 64)) > 30 > psnr(original, codec.decode(worst, 64, 64))
    low, high = sorted(codec.scale)
    assert low <= min(codec.qualities) <= max(codec.qualities) <= high


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 66), (65, 71)])
def test_odd_sizes(codec, height, width) -> None:
    original = photo(height, width)
    decoded = codec.decode(codec.encode(original, codec.qualities[-1]), height, width)
    assert (decoded.shape, decoded.dtype) == ((height, width, 3), np.uint8)
    assert psnr(original, decoded) > 20


def test_the_same_picture_gives_the_same_file(codec) -> None:
    original = photo(72, 80)
    middle = codec.qualities[len(codec.qualities) // 2]
    assert codec.encode(original, middle) == codec.encode(original, middle)


def test_versions_and_settings_are_told(codec) -> None:
    assert any(character.isdigit() for character in codec.version)
    assert "unknown" not in codec.version
    assert len(codec.settings) > 10


@pytest.mark.parametrize("name", [*LIBRARIES, "jpegxl"])
def test_another_decoder_reads_the_files(name) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    codec = anchors.find(name)
    original = photo(80, 96)
    data = codec.encode(original, codec.qualities[-1])
    decode = {"jpeg": "jpeg8_decode", "jpegxl": "jpegxl_decode"}.get(name, f"{name.replace('2000', '2k')}_decode")
    other = getattr(imagecodecs, decode)(data)
    assert np.abs(other[..., :3].astype(int) - codec.decode(data, 80, 96)).max() <= 2


def test_jpeg_has_halved_chroma_and_optimised_tables() -> None:
    original = photo(96, 128)
    data = anchors.find("jpeg").encode(original, 50)
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "JPEG"
        assert [layer[1:3] for layer in image.layer] == [(2, 2), (1, 1), (1, 1)]
        assert image.quantization[0][0] == 16  # of quality 50: Annex K itself
    usual = io.BytesIO()
    Image.fromarray(original).save(usual, "JPEG", quality=50, subsampling="4:2:0")
    assert len(data) < usual.tell()


def test_jpeg2000_has_the_9_7_wavelet_and_luma_and_chroma_apart() -> None:
    """Fields of the marker COD (ISO/IEC 15444-1, A.6.1); without the colour transform, photographs lose 4 dB."""
    data = anchors.find("jpeg2000").encode(photo(64, 64), 300)
    marker = data[data.index(b"\xff\x52") :]
    layers, colour_transform, wavelet = int.from_bytes(marker[6:8], "big"), marker[8], marker[13]
    assert (layers, colour_transform, wavelet) == (1, 1, 0)


def test_formats_are_what_they_are_called() -> None:
    starts = {"jpeg2000": b"\0\0\0\x0cjP  ", "webp": b"RIFF", "jpeg": b"\xff\xd8\xff"}
    for name, start in starts.items():
        codec = anchors.find(name)
        assert codec.encode(photo(32, 32), codec.qualities[0]).startswith(start)
    assert anchors.find("avif").encode(photo(32, 32), 50)[4:12] == b"ftypavif"


def test_search_tells_what_is_missing(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found, missing = anchors.search()
    assert {codec.name for codec in found} >= set(LIBRARIES)
    assert missing.keys() >= {"x265", "svt-av1", "bpg", "hm", "vtm"}
    assert missing["x265"] == "x265: ffmpeg is not on the PATH"
    with pytest.raises(BackendError, match="bpgenc is not on the PATH"):
        anchors.find("bpg")


def test_jpeg_xl_needs_its_package(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(BackendError, match="Run: pip install imagecodecs"):
        anchors.find("jpegxl")
