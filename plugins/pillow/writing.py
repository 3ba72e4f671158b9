"""`image.save` for `.lci`: any picture of 8 bits per sample, upright, with its profile, transparency and EXIF."""

from __future__ import annotations

from typing import IO, Any

import numpy as np
from PIL import Image

from licrt.runtime.errors import PictureError, enough_memory
from licrt.runtime.models import DEFAULT
from licrt.runtime.picture import metadata, write_alpha
from licrt.runtime.picture.colour import to_srgb
from licrt.runtime.shared import shared_codec

# Colour spaces of profiles that are applied, and the modes of pictures that they are for.
_PROFILED = {b"GRAY": ("1", "L", "LA"), b"CMYK": ("CMYK",)}


@enough_memory()
def save(image: Image.Image, fp: IO[bytes], _name: str | bytes, *, device: str, threads: int | None) -> None:
    """Write a picture to a stream; called by `Image.save`, whose keywords arrive as `image.encoderinfo`.

    Transparency is kept; palettes, gray and CMYK become RGB. Keywords:

    - `model`: as `Codec.load` takes it; the embedded one unless given.
    - `quality`, `target_bpp`, `target_size`: as `Codec.encode` takes them, for models of variable rate.
    - `icc_profile`: unless given, that of `image.info`, if it is one for this mode (`Image.convert` leaves those of
      other modes there). A profile for gray or CMYK is applied to the pixels and left out.
    - `exif`: bytes or `Image.Exif`; as with Pillow's formats, that of `image.info` is not written unless given. Streams
      hold upright pictures, so an orientation in it turns the pixels and becomes 1.

    Raises:
        PictureError: the mode has more than 8 bits per sample, or pixels, profile or EXIF cannot be stored.
        ModelError, BackendError: as `Codec.load` and `Codec.encode`.
    """
    options: dict[str, Any] = image.encoderinfo
    icc = options.get("icc_profile", image.info.get("icc_profile"))
    if icc and "icc_profile" not in options and not _belongs(icc, image.mode):
        icc = None
    picture, icc = _to_rgb(image, icc or None)
    exif = options.get("exif")
    pixels = np.asarray(picture)
    if exif:
        orientation, exif = _upright(exif.tobytes() if isinstance(exif, Image.Exif) else exif)
        pixels = metadata.turned(pixels, orientation)
    alpha = write_alpha(pixels[..., 3]) if picture.mode == "RGBA" else None
    codec = shared_codec(options.get("model", DEFAULT), device, threads)
    rate = {name: options.get(name) for name in ("quality", "target_bpp", "target_size")}
    fp.write(codec.encode(pixels[..., :3], **rate, alpha=alpha, icc=icc, exif=exif or None))


def _belongs(icc: bytes, mode: str) -> bool:
    """Tell whether a profile says what the colours of a mode, or of the RGB that it becomes, look like."""
    space = icc[16:20]
    return space == b"RGB " or mode in _PROFILED.get(space, ())


def _to_rgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, bytes | None]:
    """Return a copy of the picture in mode RGB or RGBA, and the profile of these colours."""
    if image.mode.startswith(("I", "F")):
        raise PictureError(f"cannot write mode {image.mode} as LCI: expected 8 bits per sample. Scale and convert it")
    if image.mode == "La":
        image = image.convert("LA")
    picture = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if not icc or icc[16:20] == b"RGB ":
        return picture, icc
    if not _belongs(icc, image.mode):
        raise PictureError(
            f"cannot write mode {image.mode} as LCI with a colour profile for {icc[16:20]!r}. Pass icc_profile=None"
        )
    apply = to_srgb("CMYK" if image.mode == "CMYK" else "L", icc)
    if apply is None:
        raise PictureError("the colour profile of the picture is damaged. Pass icc_profile=None")
    colours = apply(image)
    if picture.mode == "RGBA":
        colours.putalpha(picture.getchannel("A"))
    return colours, None


def _upright(exif: bytes) -> tuple[int, bytes]:
    """Return the orientation that the pixels still have, and the EXIF data for pixels that were turned."""
    try:
        return metadata.upright(exif)
    except MemoryError:
        raise
    except Exception as error:  # whatever Pillow's parser raises: a dozen built-in types
        raise PictureError(f"the EXIF data for the picture is damaged ({error}). Leave exif out") from error
