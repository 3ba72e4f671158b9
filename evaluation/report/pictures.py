"""Pictures of a report: what each codec made of one original at about the same size, as data URIs."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from licrt.evaluation import anchors
from licrt.evaluation.pictures import read_pixels
from licrt.evaluation.storage import ResultsError
from licrt.runtime import decode
from licrt.runtime.cli.errors import our_words_only
from licrt.runtime.errors import LicrtError, PictureError
from licrt.runtime.files import read_picture_file, read_stream_file
from licrt.runtime.pixels import psnr

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from licrt.evaluation.metrics import Rgb
    from licrt.evaluation.report.entries import Entry
    from licrt.evaluation.results import ImageResult

TOLERANCE = 0.05  # dB: synthesis on another machine may differ by a level here and there


@dataclass(frozen=True)
class View:
    """One codec's picture: the result that it has in the file of results, its setting, and a data URI."""

    title: str
    slot: int
    setting: str
    image: ImageResult
    uri: str


@dataclass(frozen=True)
class Comparison:
    """An original and its views; what is shown is the middle of larger pictures, `[height, width]` in pixels."""

    file: str
    size: tuple[int, int]
    shown: tuple[int, int]
    original: str
    views: Sequence[View]

    @property
    def weight(self) -> int:
        """Bytes in the page."""
        return len(self.original) + sum(len(view.uri) for view in self.views)


def files_of(entries: Sequence[Entry]) -> list[str]:
    """Return the pictures of which all measured curves have a file, sorted."""
    sets = [
        {image.file for point in entry.points for image in point.images if image.stream}
        for entry in entries
        if entry.points
    ]
    return sorted(set.intersection(*sets)) if sets else []


def compare(entries: Sequence[Entry], file: str, originals: Path, largest: int) -> Comparison:
    """Return what the codecs made of a picture, each at the size that is closest to that of the first.

    Args:
        entries: those with points are taken; the first sets the size, with the middle one of its points.
        file: path of the picture below the folder of originals.
        originals: that folder.
        largest: side in pixels up to which pictures are shown whole.

    Raises:
        LicrtError: a file is missing or damaged, or what is decoded now is not what was measured.
    """
    with our_words_only():
        original = read_pixels(originals / file).rgb
    views: list[View] = []
    wanted = 0
    for entry in (entry for entry in entries if entry.points):
        choices = [
            (entry.label(index), image)
            for index, point in enumerate(entry.points)
            for image in point.images
            if image.file == file
        ]
        wanted = wanted or choices[len(choices) // 2][1].bytes
        setting, image = min(choices, key=lambda choice: abs(choice[1].bytes - wanted))
        decoded = _decode(entry, image, original)
        views.append(View(entry.title, entry.slot, setting, image, data_uri(_middle(decoded, largest))))
    shown = _middle(original, largest)
    height, width = original.shape[:2]
    return Comparison(file, (height, width), (shown.shape[0], shown.shape[1]), data_uri(shown), views)


def data_uri(rgb: Rgb) -> str:
    """Return uint8 `[height, width, 3]` as a data URI of lossless WebP.

    >>> import numpy as np
    >>> data_uri(np.zeros((1, 1, 3), np.uint8))[:24]
    'data:image/webp;base64,U'
    """
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "WEBP", lossless=True, quality=50, method=2)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def _decode(entry: Entry, image: ImageResult, original: Rgb) -> Rgb:
    if entry.folder is None or entry.source.results is None or image.stream is None:
        raise ResultsError(f"{entry.title} has no file of {image.file}")
    path = entry.folder / image.stream
    codec = str(entry.source.results.codec.get("name"))
    try:
        if codec == "licrt":
            rgb = decode(read_stream_file(str(path)))
        elif codec in anchors.FAMILIES:
            rgb = anchors.find(codec).decode(read_picture_file(str(path)), image.height, image.width)
        else:
            raise ResultsError(f"no decoder is known for {codec}")
    except LicrtError as error:
        raise type(error)(f"{path}: {error}") from error
    if rgb.shape != original.shape:
        raise PictureError(f"{path} decodes to another size than that of {image.file}. Is this the set it was made of?")
    now = psnr(original, rgb)
    if abs(now - image.psnr_rgb) > TOLERANCE:  # of two infinite ones, the difference is not a number, and all is well
        raise PictureError(
            f"{path} has {now:.2f} dB against {image.file} now, and had {image.psnr_rgb:.2f} dB when it was measured. "
            "Name the folder of the pictures that were measured, or measure again"
        )
    return rgb


def _middle(rgb: Rgb, largest: int) -> Rgb:
    height, width = rgb.shape[:2]
    top, left = ((side - min(side, largest)) // 2 for side in (height, width))
    return rgb[top : top + largest, left : left + largest]
