from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from licrt.trainer.data.colour import rgb_to_ycbcr, to_420, to_444, ycbcr_to_rgb

if TYPE_CHECKING:
    from oracle_protocol import Oracle

# Rows: red, green, blue, white, gray, cyan. Computed by hand from the weights 0.2126, 0.7152 and 0.0722.
RGB = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0.5, 0.5, 0.5], [0, 1, 1]]
YCBCR = [
    [0.2126, 0.5 - 0.2126 / 1.8556, 1.0],
    [0.7152, 0.5 - 0.7152 / 1.8556, 0.5 - 0.7152 / 1.5748],
    [0.0722, 1.0, 0.5 - 0.0722 / 1.5748],
    [1.0, 0.5, 0.5],
    [0.5, 0.5, 0.5],
    [0.7874, 0.5 + 0.2126 / 1.8556, 0.0],
]


def test_known_colours() -> None:
    rgb, ycbcr = (torch.tensor(rows, dtype=torch.float64).T.reshape(3, 2, 3) for rows in (RGB, YCBCR))
    assert torch.allclose(rgb_to_ycbcr(rgb), ycbcr, atol=1e-12)
    assert torch.allclose(ycbcr_to_rgb(ycbcr), rgb, atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 4, 6), (2, 3, 4, 6), (2, 5, 3, 4, 6)])
def test_there_and_back(shape: tuple[int, ...]) -> None:
    x = torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(ycbcr_to_rgb(rgb_to_ycbcr(x)), x, atol=1e-12)
    for mode in ("bilinear", "bicubic", "nearest"):
        if len(shape) < 5 or mode == "nearest":
            y, cb, cr = to_420(x)
            assert to_444(y, cb, cr, mode).shape == shape
            assert torch.equal(to_444(y, cb, cr, mode)[..., :1, :, :], x[..., :1, :, :])


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest"])
def test_equals_compressai(oracle: Oracle, mode: str) -> None:
    rgb = np.random.default_rng(0).random((2, 3, 8, 12), np.float32)
    expected = oracle("convert_colours", rgb=rgb, mode=mode)
    ycbcr = rgb_to_ycbcr(torch.from_numpy(rgb))
    planes = to_420(ycbcr)
    back = to_444(*planes, mode)  # type: ignore[arg-type]
    ours = {
        "ycbcr": ycbcr,
        **dict(zip(("y", "cb", "cr"), planes, strict=True)),
        "back": back,
        "rgb": ycbcr_to_rgb(back),
    }
    for name, value in ours.items():
        np.testing.assert_allclose(value.numpy(), expected[name], rtol=0, atol=1e-6, err_msg=name)


def test_odd_sizes_take_the_pixels_that_are_there() -> None:
    plane = torch.arange(9.0).reshape(1, 3, 3)
    _, cb, _ = to_420(plane.expand(3, 3, 3))
    assert cb.tolist() == [[[2.0, 3.5], [6.5, 8.0]]]
    assert to_444(plane, cb, cb, "nearest")[1].tolist() == [[2.0, 2.0, 3.5], [2.0, 2.0, 3.5], [6.5, 6.5, 8.0]]


def test_gradients_flow() -> None:
    x = torch.rand(3, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: ycbcr_to_rgb(to_444(*to_420(rgb_to_ycbcr(x)))), x)
