"""Samples of more and of fewer than 8 bits: rounded exactly, compared with the samples that the files were made of."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from references.pictures import pixels
from references.png import chunk, read_png, write_png
from references.tiff import BLACK_IS_ZERO, CMYK, MULTIPLIED, UNRELATED, WHITE_IS_ZERO, write_tiff
from references.tiff import RGB as TIFF_RGB

from licrt.runtime.picture import Picture, read_picture

if TYPE_CHECKING:
    from pathlib import Path

DEEP = ("samples of more than 8 bits were rounded to 8",)


def samples(channels: int, top: int = 65535, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.integers(0, top + 1, (7, 13, channels)).astype(np.uint16 if top > 255 else np.uint8)


def rounded(values: np.ndarray, top: int = 65535) -> np.ndarray:
    """By another formula than the runtime's; 255 / (2^n - 1) has no ties."""
    return np.rint(values / np.float64(top) * 255).astype(np.uint8)


def alpha_of(picture: Picture) -> np.ndarray:
    alpha = pixels(picture.alpha)
    assert alpha is not None
    return alpha


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_png_of_16_bits_is_rounded(colour_type: int, channels: int, interlaced: bool) -> None:
    values = samples(channels)
    picture = read_picture(write_png(values, 16, colour_type, interlaced=interlaced))
    colours = 3 if channels > 2 else 1
    assert np.array_equal(picture.rgb, np.broadcast_to(rounded(values[..., :colours]), (7, 13, 3)))
    if channels % 2 == 0:
        assert np.array_equal(alpha_of(picture), rounded(values[..., -1]))
    assert picture.notes == DEEP


def test_every_sample_of_16_bits_is_rounded() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    for data in (write_png(values, 16, 0), write_png(np.repeat(values, 3, 2), 16, 2)):
        assert np.array_equal(read_picture(data).rgb[..., 1], rounded(values[..., 0]))


def test_what_pillow_alone_would_do() -> None:
    """The reason for all this: when it fails, Pillow rounds, and half of samples.py can go."""
    values = samples(3)
    cut = np.array(Image.open(io.BytesIO(write_png(values, 16, 2))))
    assert np.array_equal(cut, values >> 8)
    assert not np.array_equal(cut, rounded(values))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff_of_16_bits_is_rounded(channels: int, compressed: bool, order: str) -> None:
    values = samples(channels)
    extra = (UNRELATED,) if channels == 4 else ()
    photometric = TIFF_RGB if channels > 1 else BLACK_IS_ZERO
    picture = read_picture(write_tiff(values, photometric, extra=extra, compressed=compressed, order=order))
    assert np.array_equal(picture.rgb, np.broadcast_to(rounded(values[..., :3]), (7, 13, 3)))
    if channels == 4:
        assert np.array_equal(alpha_of(picture), rounded(values[..., 3]))
    assert picture.notes == DEEP


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("channels", [3, 4])
def test_separate_planes_of_16_bits(channels: int, order: str) -> None:
    values = samples(channels)
    options = {"extra": (UNRELATED,) if channels == 4 else (), "separate": True, "order": order}
    exact = read_picture(write_tiff(values, TIFF_RGB, **options))
    assert np.array_equal(exact.rgb, rounded(values[..., :3]))
    near = read_picture(write_tiff(values, TIFF_RGB, compressed=True, **options))  # libtiff: high bytes only
    assert np.array_equal(near.rgb, values[..., :3] >> 8)


@pytest.mark.parametrize("compressed", [False, True])
def test_colours_that_alpha_multiplied_are_divided_before_they_are_rounded(compressed: bool) -> None:
    values = samples(4)
    values[0, :4, 3] = [0, 1, 65535, 256]
    picture = read_picture(write_tiff(values, TIFF_RGB, extra=(MULTIPLIED,), compressed=compressed))
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = np.nan_to_num(values[..., :3] / values[..., 3:].astype(np.float64), nan=0, posinf=1)
    expected = np.minimum(np.floor(255 * exact + 0.5), 255)
    seen = values[..., 3] > 0
    assert np.array_equal(picture.rgb[seen], expected[seen])
    assert np.array_equal(alpha_of(picture), rounded(values[..., 3]))


def test_white_may_be_zero() -> None:
    values = samples(1)
    for compressed in (False, True):
        picture = read_picture(write_tiff(values, WHITE_IS_ZERO, compressed=compressed))
        assert np.array_equal(picture.rgb[..., 0], 255 - rounded(values[..., 0]))
    assert np.array_equal(read_picture(write_tiff(samples(1, 255), 0)).rgb[..., 0], 255 - samples(1, 255)[..., 0])


def test_tiff_of_12_bits_reaches_white() -> None:
    values = samples(1, 4095)
    for compressed in (False, True):
        picture = read_picture(write_tiff(values, BLACK_IS_ZERO, bits=12, compressed=compressed))
        assert np.array_equal(picture.rgb[..., 0], rounded(values[..., 0], 4095))
        assert picture.notes == DEEP


def test_cmyk_of_16_bits_is_that_of_8() -> None:
    values = samples(4, 255)
    deep = read_picture(write_tiff(values.astype(np.uint16) * 257, CMYK))
    assert np.array_equal(deep.rgb, read_picture(write_tiff(values, CMYK)).rgb)
    assert deep.notes[0] == DEEP[0]


@pytest.mark.parametrize(("bits", "key"), [(1, 0), (1, 1), (2, 2), (4, 15), (4, 0), (8, 77), (16, 40_000)])
def test_the_transparent_gray_is_of_the_files_depth(bits: int, key: int) -> None:
    values = samples(1, (1 << bits) - 1)
    values[0, 0] = key
    if bits == 16:
        values[0, 1] = key + 1  # the same high byte
    data = write_png(values, bits, 0, chunk(b"tRNS", key.to_bytes(2, "big")))
    picture = read_picture(data)
    assert np.array_equal(alpha_of(picture), np.where(values[..., 0] == key, 0, 255))
    assert np.array_equal(picture.rgb[..., 2], rounded(values[..., 0], (1 << bits) - 1))


@pytest.mark.parametrize("bits", [8, 16])
def test_the_transparent_colour_is_of_the_files_depth(bits: int) -> None:
    values = samples(3, (1 << bits) - 1)
    values[2, 3] = values[5, 5] = key = [200, 3, 77] if bits == 8 else [51_200, 803, 19_777]
    values[1, 1] = np.add(key, [0, 0, 1])
    data = write_png(values, bits, 2, chunk(b"tRNS", b"".join(value.to_bytes(2, "big") for value in key)))
    alpha = alpha_of(read_picture(data))
    assert sorted(zip(*np.nonzero(alpha == 0), strict=True)) == [(2, 3), (5, 5)]
    assert set(alpha.ravel()) == {0, 255}


def test_every_png_of_the_suite_is_read_by_the_letter(shared_data: Path) -> None:
    """Colours and alpha of all 163 readable files, compared with a decoder written from the specification."""
    paths = [path for path in (shared_data / "odd-images" / "pngsuite").glob("*.png") if path.name[0] != "x"]
    assert len(paths) == 162
    for path in paths:
        data = path.read_bytes()
        expected, picture = read_png(data).rgba(), read_picture(data)
        assert np.array_equal(picture.rgb, expected[..., :3]), path.name
        opaque = np.full(expected.shape[:2], 255, np.uint8)
        assert np.array_equal(opaque if picture.alpha is None else alpha_of(picture), expected[..., 3]), path.name
