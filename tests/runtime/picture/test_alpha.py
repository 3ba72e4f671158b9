"""Alpha as streams carry it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from references.pictures import ALPHA, pixels

from licrt.runtime.errors import FormatError, PictureError
from licrt.runtime.picture import alpha as module
from licrt.runtime.picture.alpha import read_alpha, write_alpha


def test_round_trip() -> None:
    data = write_alpha(ALPHA)
    assert data is not None
    assert np.array_equal(pixels(data), ALPHA)
    assert np.array_equal(np.array(read_alpha(data, (9, 6))), ALPHA)
    with pytest.raises(FormatError, match="not an 8-bit gray PNG of 6 x 9 pixels"):
        read_alpha(data, (6, 9))


def test_opaque_needs_no_words() -> None:
    opaque = np.full((3, 4), 255, np.uint8)
    assert write_alpha(opaque) is None
    opaque[2, 3] = 254
    assert write_alpha(opaque) is not None


def test_over_the_limit_of_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_METADATA_BYTES", 50)
    with pytest.raises(PictureError, match="over the limit of 0 MiB; flatten the picture or scale it down"):
        write_alpha(ALPHA)


def test_a_large_alpha_passes_pillows_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_alpha(ALPHA)
    assert data is not None
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    assert np.array_equal(np.array(read_alpha(data, (9, 6))), ALPHA)
