"""Streams for Pillow to open."""

from __future__ import annotations

import pytest
from references.tiny_photo import photo

from licrt.runtime import Codec
from licrt.runtime.picture import write_alpha

SIZE = (70, 50)


@pytest.fixture(scope="session")
def codec() -> Codec:
    return Codec.load("default", threads=1)


@pytest.fixture(scope="session")
def stream(codec: Codec) -> bytes:
    """RGB, 70 x 50 pixels."""
    return codec.encode(photo(SIZE[1], SIZE[0]))


@pytest.fixture(scope="session")
def rgba_stream(codec: Codec) -> bytes:
    return codec.encode(photo(SIZE[1], SIZE[0]), alpha=write_alpha(photo(SIZE[1], SIZE[0], 1)[..., 0]))
