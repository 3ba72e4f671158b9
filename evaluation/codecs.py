"""Codecs by the names that users give them: those of anchors first, then models of licrt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licrt.evaluation import anchors
from licrt.evaluation.file_codec import deployed
from licrt.runtime.errors import ModelError

if TYPE_CHECKING:
    from licrt.evaluation.file_codec import FileCodec


def open_codec(name: str, threads: int | None = None) -> FileCodec:
    """Return an anchor, or a model by its name, id or directory.

    Raises:
        BackendError: an anchor's package or program, or the inference engine, is missing.
        ModelError: neither an anchor nor a model has that name, or the model is damaged.

    >>> open_codec("webp").title, open_codec("default", threads=1).name
    ('WebP', 'licrt2026-mse')
    """
    if name in anchors.FAMILIES:
        return anchors.find(name)
    try:
        return deployed(name, threads)
    except ModelError as error:
        raise ModelError(f"{error}. Other codecs are {', '.join(anchors.FAMILIES)}") from error
