from __future__ import annotations

import numpy as np
import pytest
import torch

from licrt.evaluation.metrics import MIN_SIDE, ms_ssim
from licrt.trainer.losses import LAMBDAS, MS_SSIM_SIDE, picture_losses, rate_distortion
from zoo_manifests.generate import LAMBDAS as ZOO_LAMBDAS


def test_equals_the_definition() -> None:
    x = torch.zeros(2, 3, 4, 8)
    likelihoods = {"y": torch.full((2, 8), 0.25), "z": torch.full((2, 4), 0.5)}
    loss = rate_distortion({"x_hat": x + 0.5, "likelihoods": likelihoods}, x, 0.01)
    assert loss.bpp.item() == pytest.approx((16 * 2 + 8 * 1) / (2 * 32))
    assert loss.mse.item() == 0.25
    assert loss.total.item() == pytest.approx(0.01 * 255**2 * 0.25 + 40 / 64)
    assert loss.psnr == pytest.approx(6.0206, abs=1e-4)


def pair(random: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Two smooth pictures and noisy versions of them, float32 [2, 3, height, width]."""
    coarse = random.random((2, 3, -(-height // 8), -(-width // 8)))
    x = np.kron(coarse, np.ones((8, 8)))[..., :height, :width]
    noisy = x + random.normal(0, 0.1, x.shape)
    return x.astype(np.float32), noisy.astype(np.float32)


@pytest.mark.oracle
@pytest.mark.parametrize(("metric", "lmbda", "height", "width"), [
    ("mse", 0.013, 16, 24), ("ms-ssim", 16.64, 161, 190), ("ms-ssim", 220.0, 176, 163),
])  # fmt: skip
def test_values_and_gradients_equal_compressai(metric: str, lmbda: float, height: int, width: int, oracle) -> None:
    random = np.random.default_rng(11)
    x, x_hat = pair(random, height, width)
    likelihoods = {name: random.uniform(1e-9, 1, (2, 4, 3, 3)).astype(np.float32) for name in ("y", "z")}
    expected = oracle("rate_distortion", lmbda=lmbda, metric=metric, x=x, x_hat=x_hat, **likelihoods)
    mine = {name: torch.from_numpy(array).requires_grad_() for name, array in (likelihoods | {"x_hat": x_hat}).items()}
    output = {"x_hat": mine["x_hat"], "likelihoods": {"y": mine["y"], "z": mine["z"]}}
    loss = rate_distortion(output, torch.from_numpy(x), lmbda, metric)
    loss.total.backward()
    assert loss.total.item() == pytest.approx(expected["loss"], rel=1e-6, abs=1e-7 * lmbda)
    assert loss.bpp.item() == pytest.approx(expected["bpp_loss"], rel=1e-6)
    if metric == "mse":
        assert loss.mse.item() == pytest.approx(expected["mse_loss"], rel=1e-6)
    for name, tensor in mine.items():
        gradient = expected[f"grad:{name}"]
        atol = 1e-6 * np.abs(gradient).max()
        np.testing.assert_allclose(tensor.grad.numpy(), gradient, rtol=1e-5, atol=atol, err_msg=name)


def test_ms_ssim_is_that_of_the_evaluation() -> None:
    assert MS_SSIM_SIDE == MIN_SIDE
    floats = pair(np.random.default_rng(1), 176, 168)
    x, x_hat = (np.clip(np.round(255 * each), 0, 255).astype(np.uint8) for each in floats)
    output = {"x_hat": torch.from_numpy(x_hat) / 255, "likelihoods": {"y": torch.ones(2, 1)}}
    losses = picture_losses(output, torch.from_numpy(x) / 255, 100.0, "ms-ssim")
    for number, total in enumerate(losses.total.tolist()):
        expected = ms_ssim(*(each[number].transpose(1, 2, 0) for each in (x, x_hat)))
        assert 0.5 < expected < 0.99
        assert 1 - total / 100 == pytest.approx(expected, abs=1e-6)


def test_pictures_by_themselves_are_as_in_batches_of_one() -> None:
    generator = torch.Generator().manual_seed(0)
    x, x_hat = torch.rand(2, 3, 3, 16, 24, generator=generator).unbind()
    likelihoods = {name: torch.rand(3, 4, 2, 2, generator=generator) for name in ("y", "z")}
    lambdas = torch.tensor([0.01, 0.1, 1.0])
    losses = picture_losses({"x_hat": x_hat, "likelihoods": likelihoods}, x, lambdas)
    for number, lmbda in enumerate(lambdas.tolist()):
        only = slice(number, number + 1)
        output = {"x_hat": x_hat[only], "likelihoods": {name: each[only] for name, each in likelihoods.items()}}
        expected = rate_distortion(output, x[only], lmbda)
        assert [each[number].item() for each in losses] == pytest.approx([each.item() for each in expected], rel=1e-6)
    assert losses.mean().total.item() == pytest.approx(losses.total.mean().item())


def test_low_precision_of_the_model_stops_at_the_loss() -> None:
    x, x_hat = (torch.from_numpy(each) for each in pair(np.random.default_rng(2), 168, 168))
    output = {"x_hat": x_hat, "likelihoods": {"y": torch.full((2, 3), 0.5)}}
    expected = rate_distortion(output, x, 10.0, "ms-ssim")
    with torch.autocast("cpu", torch.bfloat16):
        assert rate_distortion(output, x, 10.0, "ms-ssim") == expected
        halved = {"x_hat": x_hat.bfloat16(), "likelihoods": {"y": torch.full((2, 3), 0.5, dtype=torch.bfloat16)}}
        assert {each.dtype for each in rate_distortion(halved, x, 10.0)} == {torch.float32}


def test_published_weights() -> None:
    assert LAMBDAS == ZOO_LAMBDAS
