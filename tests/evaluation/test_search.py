"""The search for a rate or a quality: against all settings tried one by one."""

from __future__ import annotations

import numpy as np
import pytest
from references.bundles import SINGLE_RATE
from references.tiny_photo import photo

from licrt.evaluation import anchors
from licrt.evaluation.codecs import open_codec
from licrt.evaluation.file_codec import FileCodec
from licrt.evaluation.search import encode, find_close
from licrt.runtime.errors import BackendError, ModelError

PHOTO = photo(48, 64)


@pytest.fixture(scope="module")
def every_jpeg() -> list:
    codec = anchors.find("jpeg")
    return [encode(codec, PHOTO, quality) for quality in range(1, 96)]


@pytest.mark.parametrize("bpp", [0.9, 2.0, 3.3])
def test_the_rate_is_as_close_as_any_setting_comes(every_jpeg, bpp) -> None:
    found = find_close(anchors.find("jpeg"), PHOTO, "bpp", bpp)
    assert abs(found.bpp - bpp) == min(abs(each.bpp - bpp) for each in every_jpeg)
    assert found.bpp == 8 * len(found.data) / (48 * 64)


@pytest.mark.parametrize("psnr", [24.0, 27.5])
def test_the_quality_is_nearly_as_close_as_any_setting_comes(every_jpeg, psnr) -> None:
    """PSNR of JPEG goes up and down a little from one quality to the next, so that a bisection may miss the best."""
    found = find_close(anchors.find("jpeg"), PHOTO, "psnr", psnr)
    assert abs(found.psnr - psnr) <= min(abs(each.psnr - psnr) for each in every_jpeg) + 0.1


def test_targets_out_of_reach_give_the_end_of_the_scale(every_jpeg) -> None:
    jpeg = anchors.find("jpeg")
    assert find_close(jpeg, PHOTO, "bpp", 1e3).data == every_jpeg[-1].data
    least = min(len(each.data) for each in every_jpeg)  # of quality 2, here: tables of 255 in both cases
    assert len(find_close(jpeg, PHOTO, "bpp", 1e-3).data) == least


def counting(scale: tuple[int, int]) -> tuple[FileCodec, list[int]]:
    """A codec whose files have as many bytes as its setting is steps from the worst; and the settings it was asked."""
    asked: list[int] = []

    def make(rgb, quality: int) -> bytes:
        asked.append(quality)
        return bytes(100 + abs(quality - scale[0]))

    decode = lambda data, height, width: np.zeros((height, width, 3), np.uint8)  # noqa: E731
    return FileCodec("c", "C", ".c", "q", scale, (), "", "", make, decode), asked


@pytest.mark.parametrize("scale", [(0, 100), (100, 0), (-7, 63), (5, 5)])
def test_scales_of_either_direction_in_few_steps(scale) -> None:
    for steps in range(abs(scale[1] - scale[0]) + 1):
        codec, asked = counting(scale)
        found = find_close(codec, np.zeros((8, 1, 3), np.uint8), "bpp", 100 + steps)
        assert len(found.data) == 100 + steps
        assert len(asked) == len(set(asked)) <= 8


def test_between_two_settings_the_nearer_is_taken() -> None:
    for target, expected in ((140.4, 40), (140.6, 41)):
        codec, _ = counting((0, 100))
        assert find_close(codec, np.zeros((8, 1, 3), np.uint8), "bpp", target).quality == expected


def test_names_of_codecs() -> None:
    assert open_codec("jpeg").suffix == ".jpg"
    model = open_codec("default", 1)
    assert (model.suffix, model.scale, model.parameter) == (".lci", (0, 100), "-q")
    model = open_codec(str(SINGLE_RATE), 1)
    assert (model.suffix, model.scale, model.parameter) == (".lci", (0, 0), "")
    assert find_close(model, PHOTO, "bpp", 9.0).quality == 0
    with pytest.raises(ModelError, match=r"none-of-these.* Other codecs are jpeg, jpeg2000"):
        open_codec("none-of-these")


def test_an_anchor_that_is_missing_is_not_taken_for_a_model(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackendError, match=r"vtm: .* not on the PATH"):
        open_codec("vtm")
