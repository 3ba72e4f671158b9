"""Codecs that learned ones are measured by, at settings that favour them: of Pillow, imagecodecs and other programs.

Each family is a function that finds what it needs and returns an :class:`~licrt.evaluation.file_codec.FileCodec`, or
says what is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from licrt.evaluation.anchors import bpg, jpegxl, pillow, reference, video
from licrt.runtime.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from licrt.evaluation.file_codec import FileCodec

FAMILIES: Mapping[str, Callable[[], FileCodec]] = {
    "jpeg": pillow.jpeg,
    "jpeg2000": pillow.jpeg2000,
    "webp": pillow.webp,
    "avif": pillow.avif,
    "jpegxl": jpegxl.jpegxl,
    "x265": video.x265,
    "svt-av1": video.svt_av1,
    "bpg": bpg.bpg,
    "hm": reference.hm,
    "vtm": reference.vtm,
}


def find(name: str) -> FileCodec:
    """Return the anchor of a name.

    Raises:
        BackendError: it needs a package or a program that is not here.
        KeyError: there is no such name.

    >>> find("jpeg").settings
    "Pillow JPEG, optimize=True, subsampling='4:2:0'"
    """
    return FAMILIES[name]()


def search() -> tuple[list[FileCodec], dict[str, str]]:
    """Return all anchors that work here, and by name, what the others lack."""
    found, missing = [], {}
    for name, family in FAMILIES.items():
        try:
            found.append(family())
        except BackendError as error:
            missing[name] = str(error)
    return found, missing
