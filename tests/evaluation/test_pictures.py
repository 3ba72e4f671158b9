"""Which pictures a set has, and what of them is measured."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from references.tiny_photo import photo

from licrt.evaluation.pictures import find_pictures, read_pixels
from licrt.runtime.errors import PictureError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_folders_stand_for_their_pictures_in_order(pictures: Path) -> None:
    for name in ("notes.txt", ".hidden.png", "B.PNG"):
        Path("set", name).write_bytes(b"")
    Path("set/below").mkdir()
    Path("set/below/a.webp").write_bytes(b"")
    assert find_pictures("set").files == ["0.png", "1.png", "B.PNG", "large.png"]
    found = find_pictures("set/", recursive=True)
    assert found.files == ["0.png", "1.png", "B.PNG", "below/a.webp", "large.png"]
    assert (found.folder, found.name, found.failures) == (Path("set"), "set", [])


def test_a_picture_is_a_set_of_one(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_pictures("set/0.png")
    assert (found.folder, found.name, found.files) == (Path("set"), "0", ["0.png"])
    monkeypatch.chdir("set")
    assert find_pictures("0.png").folder == Path()
    assert find_pictures(".").name == "set"


def test_sets_that_are_none(here: Path) -> None:
    Path("empty").mkdir()
    for dataset, message in (("empty", "nothing to do in empty"), ("nowhere", "cannot read nowhere: No such file")):
        with pytest.raises(PictureError, match=message):
            find_pictures(dataset)


def test_pixels_are_upright_opaque_and_of_8_bits(here: Path) -> None:
    pixels = photo(20, 30)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(pixels).save("turned.png", exif=exif)
    assert np.array_equal(read_pixels("turned.png").rgb, np.rot90(pixels, -1))
    transparent = np.concatenate([pixels, np.full((20, 30, 1), 7, np.uint8)], axis=2)
    Image.fromarray(transparent).save("transparent.png")
    assert np.array_equal(read_pixels("transparent.png").rgb, pixels)
    deep = pixels[..., 0].astype(np.uint16) * 257
    Image.fromarray(deep).save("deep.png")
    assert np.array_equal(read_pixels("deep.png").rgb[..., 1], pixels[..., 0])


def test_hashes_are_of_files(here: Path) -> None:
    Image.fromarray(photo(4, 4)).save("a.png")
    assert read_pixels("a.png").sha256 == hashlib.sha256(Path("a.png").read_bytes()).hexdigest()


def test_damaged_pictures_are_named(here: Path) -> None:
    Path("a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(PictureError, match=r"^a.png: "):
        read_pixels("a.png")
