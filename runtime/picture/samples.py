"""Decoding to 8 bits per sample, rounded, with transparent colours compared at the depth that they have.

Left alone, Pillow decodes 16-bit RGB by cutting off the low bytes, leaves 16-bit gray in modes that it does not convert
well, and compares transparent grays of less than 8 bits with samples that it has scaled.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from licrt.runtime.picture.base import other_kind, rounded, strips

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.ImageFile import ImageFile

    Levels = npt.NDArray[np.uint8]

_BITS_PER_SAMPLE, _PHOTOMETRIC, _PLANAR_CONFIGURATION, _EXTRA_SAMPLES, _SUBSAMPLING = 258, 262, 284, 338, 530
_WHITE_IS_ZERO, _YCBCR, _SEPARATE, _MULTIPLIED = 0, 6, 2, 1


def load(image: ImageFile, reopen: Callable[[], ImageFile]) -> tuple[Image.Image, bool]:
    """Decode a picture.

    Args:
        image: opened, not decoded.
        reopen: opens the same file again.

    Returns:
        The decoded image, 8 bits per sample, and whether there were more.

    Raises:
        PictureError: the samples are of a kind that has no obvious 8-bit form.
    """
    raw = _raw_mode(image)
    bits = _bits(image, raw)
    _refuse_other_kinds(image, bits)
    if image.mode.startswith("I"):
        return _gray(image, bits), True
    if bits == 16:
        return _deep(image, raw, reopen), True
    image.load()
    key = image.info.get("transparency")
    if image.mode in ("1", "L") and isinstance(key, int):
        image.info["transparency"] = int(rounded((1 << bits) - 1, 1 << 16)[key & ((1 << bits) - 1)])
    return image, False


def _refuse_other_kinds(image: ImageFile, bits: int) -> None:
    if image.mode == "F":
        raise other_kind("floating-point samples")
    if image.mode == "I" and image.format != "PNG":
        raise other_kind("signed or 32-bit samples")
    multiplied = _MULTIPLIED in _tag(image, _EXTRA_SAMPLES, ())
    mixed_up = image.mode in ("LA", "La", "LAB") or (bits > 8 and (image.mode == "CMYK" or multiplied))
    if _tag(image, _PLANAR_CONFIGURATION, 1) == _SEPARATE and mixed_up:
        raise other_kind(f"{bits}-bit {image.mode} in separate planes")
    uncompressed_ycbcr = _tag(image, _PHOTOMETRIC, None) == _YCBCR and image.tile[0][0] == "raw"
    if uncompressed_ycbcr and (image.mode != "YCbCr" or _tag(image, _SUBSAMPLING, (2, 2)) != (1, 1)):
        raise other_kind("uncompressed YCbCr")  # which Pillow before 13 takes for RGB, and with fewer samples for more


def _gray(image: ImageFile, bits: int) -> Image.Image:
    image.load()
    table = rounded((1 << bits) - 1, 1 << 16)
    if _tag(image, _PHOTOMETRIC, None) == _WHITE_IS_ZERO:
        table = 255 - table
    key = image.info.get("transparency")
    picture = Image.new("L" if key is None else "LA", image.size)
    for box in strips(*image.size):
        samples = np.asarray(image.crop(box)).astype(np.uint16)[..., None]
        _paste(picture, box, table[samples], None if key is None else samples == key)
    return picture


def _deep(image: ImageFile, raw: str, reopen: Callable[[], ImageFile]) -> Image.Image:
    """Decode twice: Pillow keeps the high byte of each sample and, told the other byte order, it keeps the low one.

    Of compressed TIFF files in separate planes it keeps the high byte both times; that byte twice is 257 times the
    byte, and is rounded to it.
    """
    mode = image.mode
    if raw == "LA;16B":  # has no other order, but as many bytes per pixel as 8-bit RGBA, and keeps all four as that
        mode, parts = "LA", [_decode(image, lambda _: "RGBA")]
    else:
        high, low = _byte_orders(image, raw)
        parts = [_decode(image, lambda old: _reordered(old, high)), _decode(reopen(), lambda old: _reordered(old, low))]
    table = rounded(65535, 1 << 16)
    key = image.info.get("transparency")
    picture = Image.new(mode if key is None else "RGBA", parts[0].size)
    for box in strips(*picture.size):
        planes = [np.asarray(part.crop(box)).astype(np.uint16) for part in parts]
        if len(planes) == 1:
            planes = [planes[0][..., 0::2], planes[0][..., 1::2]]
        samples = planes[0] << 8 | planes[1]
        levels = _unmultiplied(samples) if "RGBa" in raw else table[samples]
        _paste(picture, box, levels, None if key is None else (samples == key).all(axis=2, keepdims=True))
    return picture


def _byte_orders(image: ImageFile, raw: str) -> tuple[str, str]:
    """Return Pillow's letters for the byte order of 16-bit samples, and for the other one."""
    if ";16" in raw:
        little = raw[-1] == "L" or (raw[-1] == "N" and sys.byteorder == "little")
    else:  # uncompressed planes, which Pillow would take for 8-bit ones
        little = image.tag_v2.prefix == b"II"  # type: ignore[attr-defined]
    return ("L", "B") if little else ("B", "L")


def _reordered(raw: str, order: str) -> str:
    """Return the raw mode of 16-bit samples in a byte order; `a`, alpha that multiplies, is taken as it is."""
    return f"{raw.partition(';')[0].replace('a', 'A')};16{order}"


def _decode(image: ImageFile, raw_mode: Callable[[str], str]) -> Image.Image:
    """Decode with another raw mode: Pillow's name for how the bytes of a pixel are taken apart."""
    tiles: list[Any] = []
    make = getattr(type(image.tile[0]), "_make", tuple)  # plain tuples before Pillow 11
    for *place, arguments in image.tile:
        old, *others = (arguments,) if isinstance(arguments, str) else arguments or ("",)
        tiles.append(make((*place, (raw_mode(old), *others))))
    image.tile = tiles
    image.load()
    return image


def _unmultiplied(samples: npt.NDArray[Any]) -> Levels:
    """Divide 16-bit RGB by its alpha, and round both to 8 bits."""
    wide = samples.astype(np.uint32)
    alpha = np.maximum(wide[..., 3:], 1)
    colours = np.minimum((wide[..., :3] * 510 + alpha) // (2 * alpha), 255)
    return np.concatenate([colours.astype(np.uint8), rounded(65535, 1 << 16)[samples[..., 3:]]], axis=2)


def _paste(
    picture: Image.Image, box: tuple[int, int, int, int], levels: Levels, transparent: npt.NDArray[np.bool_] | None
) -> None:
    if transparent is not None:
        levels = np.concatenate([levels, np.where(transparent, np.uint8(0), np.uint8(255))], axis=2)
    size = box[2] - box[0], box[3] - box[1]
    picture.paste(Image.frombytes(picture.mode, size, levels.tobytes()), box)


def _raw_mode(image: ImageFile) -> str:
    arguments = image.tile[0][3] if image.tile else None
    return arguments if isinstance(arguments, str) else str(arguments[0]) if arguments else ""


def _bits(image: ImageFile, raw: str) -> int:
    """Return bits per sample, of which raw modes tell more than modes: `L;4`, `I;16B`, `RGB;16B`."""
    if image.format == "TIFF":
        return int(max(_tag(image, _BITS_PER_SAMPLE, (1,))))
    digits = "".join(filter(str.isdigit, raw.partition(";")[2]))
    return 1 if image.mode == "1" else int(digits) if image.format == "PNG" and digits else 8


def _tag(image: ImageFile, number: int, default: Any) -> Any:
    return getattr(image, "tag_v2", {}).get(number, default)
