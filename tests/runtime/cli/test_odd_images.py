"""Every odd picture there and back through `lic-run`, compared with Pillow's own reading of it.

What is readable is decided by Pillow. The codec is lossy, so colours are compared twice: what is encoded must be
Pillow's pixels exactly; and what is decoded must be exactly what the codec makes of these pixels, or for photographs,
where that takes long, nearer to them than to any turned, mirrored, channel-swapped or gamma-corrected form of them.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageOps
from references.pictures import pixels
from references.png import read_png
from references.tiny_photo import photo as photograph

from licrt.runtime.errors import PictureError
from licrt.runtime.picture import read_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from licrt.runtime import Codec

DAMAGED = (
    *("xc1n0g08", "xc9n2c08", "xcrn0g04", "xd0n2c08", "xd3n2c08", "xd9n2c08", "xdtn0g01", "xhdn0g08", "xlfn0g04"),
    *("xs1n0g01", "xs2n0g01", "xs4n0g01", "xs7n0g01"),
)
REFUSED = {
    *(f"pngsuite/{name}.png" for name in DAMAGED),  # but xcsn0g01, whose wrong checksum of the pixels Pillow forgives
    "mozjpeg/testorig12.jpg",
    *("pngsuite/LICENSE", "pngsuite/README"),
    *(f"mozjpeg/{name}" for name in ("LICENSE", "test.scan", "test1.icc", "test1.icc.txt", "test3.icc")),
    "mozjpeg/test3.icc.txt",
    *(f"exif_orientation/{name}" for name in (".gitignore", "LICENSE", "Makefile", "README.markdown", "VERSION")),
    *("exif_orientation/generator/Gemfile", "exif_orientation/generator/generate.rb"),
}
# Pillow compares their transparent gray at the wrong scale, so their alpha is that of the specification.
WRONG_IN_PILLOW = {"tbbn0g04.png", "tbwn0g16.png"}
GROUPS = ("pngsuite/*", "mozjpeg/*", "exif_orientation/Landscape*", "exif_orientation/Portrait*")


def reference(data: bytes) -> np.ndarray | None:
    """A picture as Pillow alone reads it, upright, uint8 `[height, width, 4]`; None if it cannot."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):  # of 16 bits, which Pillow would clip
                upright = Image.fromarray((np.array(upright) >> 8).astype(np.uint8))
            return np.array(upright.convert("RGBA"))
    except Exception:
        return None


def samples(data: bytes, name: str) -> tuple[np.ndarray, int]:
    """The reference, and how far off rounding may be from Pillow, which cuts 16 bits down to 8."""
    expected = reference(data)
    assert expected is not None
    if name in WRONG_IN_PILLOW:
        expected[..., 3] = read_png(data).rgba()[..., 3]
    return expected, int("16" in name)


def alpha_of(data: bytes | None, size: tuple[int, ...]) -> np.ndarray:
    alpha = pixels(data)
    return np.full(size, 255, np.uint8) if alpha is None else alpha


def others(rgb: np.ndarray) -> Iterator[np.ndarray]:
    """The forms that a mistake would give a picture."""
    for channels in ([2, 1, 0], [1, 0, 2], [0, 2, 1]):
        yield rgb[..., channels]
    upright = [rgb[::-1], rgb[:, ::-1], rgb[::-1, ::-1]]
    yield from upright
    if rgb.shape[0] == rgb.shape[1]:
        yield from (form.swapaxes(0, 1) for form in [rgb, *upright])
    yield 255 - rgb
    for gamma in (1 / 2.2, 2.2):
        yield 255 * (rgb / 255) ** gamma


def check_decoded(name: str, decoded: np.ndarray | None, expected: np.ndarray, codec: Codec) -> None:
    assert decoded is not None
    assert decoded.shape[:2] == expected.shape[:2], name
    if decoded.shape[2] == 4:
        assert np.array_equal(decoded[..., 3], expected[..., 3]), name
    else:
        assert (expected[..., 3] == 255).all(), name
    found, wanted = decoded[..., :3], np.ascontiguousarray(expected[..., :3])
    if wanted.size < 300_000:
        assert np.array_equal(found, codec.decode(codec.encode(wanted))), name
        return
    found, wanted = found[::5, ::5], wanted[::5, ::5]
    error = np.mean((found.astype(np.float32) - wanted) ** 2)
    assert error < 200, name
    for other in others(wanted):
        assert np.mean((found - other.astype(np.float32)) ** 2) > error, name


def test_what_pillow_reads_is_read_and_nothing_else(shared_data: Path) -> None:
    folder = shared_data / "odd-images"
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data, name = path.read_bytes(), str(path.relative_to(folder))
        readable = reference(data) is not None
        found[readable].add(name)
        if not readable:
            with pytest.raises(PictureError):
                read_picture(data)
            continue
        expected, tolerance = samples(data, path.name)
        picture = read_picture(data)
        assert picture.rgb.shape[:2] == expected.shape[:2], name
        got = np.dstack([picture.rgb, alpha_of(picture.alpha, expected.shape[:2])])
        assert np.abs(got.astype(np.int16) - expected).max() <= tolerance, name
        assert bool(picture.notes) == bool(tolerance), name
    assert found[False] == REFUSED
    assert len(found[True]) == 190


@pytest.mark.parametrize("group", GROUPS)
def test_readable_pictures_come_back(
    group: str, shared_data: Path, tmp_path: Path, codec: Codec, lic_run: Callable
) -> None:
    folder = shared_data / "odd-images"
    paths = [path for path in sorted(folder.glob(group)) if str(path.relative_to(folder)) not in REFUSED]
    twins = [path for path in paths if path.name == "testorig.ppm"]  # beside testorig.jpg
    for number, part in enumerate(([path for path in paths if path not in twins], twins)):
        streams, pictures = tmp_path / f"streams{number}", tmp_path / f"pictures{number}"
        if not part:
            continue
        encoded = lic_run("encode", *part, "--out-dir", streams)
        assert encoded.code == 0, encoded.stderr
        assert lic_run("decode", streams, "--out-dir", pictures).code == 0
        assert len(list(pictures.iterdir())) == len(part)
        for path in part:
            data = path.read_bytes()
            expected, tolerance = samples(data, path.name)
            if tolerance:  # compared above
                picture = read_picture(data)
                expected = np.dstack([picture.rgb, alpha_of(picture.alpha, expected.shape[:2])])
            check_decoded(path.name, pixels((pictures / f"{path.stem}.png").read_bytes()), expected, codec)


def test_others_are_refused_in_one_line(shared_data: Path, tmp_path: Path, lic_run: Callable) -> None:
    for name in sorted(REFUSED):
        path = shared_data / "odd-images" / name
        refused = lic_run("encode", path, "-o", tmp_path / "out.lci")
        assert (refused.code, refused.stdout, refused.stderr.count("\n")) == (6, b"", 1), name
        assert refused.stderr.startswith(f"lic-run: {path}: "), name
    assert list(tmp_path.iterdir()) == []


MADE = [
    *((".png", "PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
    *((".tiff", "TIFF", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16")),
    *((".webp", "WEBP", mode) for mode in ("L", "RGB", "RGBA")),
    *((".avif", "AVIF", mode) for mode in ("L", "RGB", "RGBA")),
    *((".jpg", "JPEG", mode) for mode in ("L", "RGB", "CMYK")),
    *((".ppm", "PPM", mode) for mode in ("1", "L", "RGB", "I;16")),
    *((".bmp", "BMP", mode) for mode in ("1", "L", "P", "RGB")),
]


def made(mode: str) -> Image.Image:
    rgb = photograph(40, 56, seed=4)
    if mode == "I;16":
        return Image.fromarray(rgb[..., 1].astype(np.uint16) * 257)
    opacity = np.linspace(0, 255, 40 * 56).reshape(40, 56).astype(np.uint8)
    return Image.fromarray(np.dstack([rgb, opacity]) if mode.endswith("A") else rgb).convert(mode)


def test_every_format_in_every_mode_comes_back(tmp_path: Path, codec: Codec, lic_run: Callable) -> None:
    for suffix, kind, mode in MADE:
        path = tmp_path / "in" / mode.replace(";", "") / f"{kind}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        made(mode).save(path, kind)
    encoded = lic_run("encode", tmp_path / "in", "-r", "--verify", "--out-dir", tmp_path / "streams")
    assert encoded.code == 0, encoded.stderr
    assert f"files   {len(MADE)} of {len(MADE)} done\n" in encoded.stderr
    assert lic_run("decode", tmp_path / "streams", "-r", "--out-dir", tmp_path / "out").code == 0
    for suffix, kind, mode in MADE:
        name = f"{mode.replace(';', '')}/{kind}"
        expected = reference((tmp_path / "in" / f"{name}{suffix}").read_bytes())
        assert expected is not None
        check_decoded(name, pixels((tmp_path / "out" / f"{name}.png").read_bytes()), expected, codec)
