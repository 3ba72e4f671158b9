from __future__ import annotations

import numpy as np
import pytest
import torch

from licrt.trainer.losses import rate_distortion


def test_equals_the_definition() -> None:
    x = torch.zeros(2, 3, 4, 8)
    likelihoods = {"y": torch.full((2, 8), 0.25), "z": torch.full((2, 4), 0.5)}
    loss = rate_distortion({"x_hat": x + 0.5, "likelihoods": likelihoods}, x, 0.01)
    assert loss.bpp.item() == pytest.approx((16 * 2 + 8 * 1) / (2 * 32))
    assert loss.mse.item() == 0.25
    assert loss.total.item() == pytest.approx(0.01 * 255**2 * 0.25 + 40 / 64)
    assert loss.psnr == pytest.approx(6.0206, abs=1e-4)


@pytest.mark.oracle
def test_equals_compressai(oracle) -> None:
    random = np.random.default_rng(11)
    x, x_hat = random.random((2, 2, 3, 16, 24)).astype(np.float32)
    likelihoods = {name: random.uniform(1e-9, 1, (2, 4, 3, 3)).astype(np.float32) for name in ("y", "z")}
    expected = oracle("rate_distortion", lmbda=0.013, x=x, x_hat=x_hat, **likelihoods)
    output = {"x_hat": torch.from_numpy(x_hat), "likelihoods": {k: torch.from_numpy(v) for k, v in likelihoods.items()}}
    loss = rate_distortion(output, torch.from_numpy(x), 0.013)
    assert loss.total.item() == pytest.approx(expected["loss"], rel=1e-6)
    assert loss.bpp.item() == pytest.approx(expected["bpp_loss"], rel=1e-6)
    assert loss.mse.item() == pytest.approx(expected["mse_loss"], rel=1e-6)
