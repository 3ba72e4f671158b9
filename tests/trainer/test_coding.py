from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from references.architectures import VARIABLE
from references.sizes import sizes

from licrt.runtime.coder import CdfTables, decode
from licrt.runtime.container import HYPER_LATENT, LATENT, read_stream
from licrt.runtime.errors import ModelError
from licrt.trainer.coding import code
from licrt.trainer.models import ARCHITECTURES
from licrt.trainer.models.factorised import Factorised

if TYPE_CHECKING:
    from licrt.trainer.entropy_models import EntropyBottleneck

HEADER = 90  # bytes at most, with two sections


def prior_of(section, prior: EntropyBottleneck, shape: tuple[int, ...]) -> torch.Tensor:
    """A latent [1, channels, height, width], decoded with a table and a median for each channel."""
    indexes = np.broadcast_to(np.arange(shape[1], dtype=np.int32)[:, None, None], shape)
    symbols = decode(section.body, np.ascontiguousarray(indexes), CdfTables(*prior.tables()), section.lanes)
    return torch.from_numpy(symbols).float() + prior.medians[:, None, None]


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_streams_weigh_what_the_likelihoods_say(arch: str, perturbed) -> None:
    model = perturbed(arch, (8, 12))
    model.update()
    levels = [None] if arch not in VARIABLE else [3, 7]
    x = torch.rand(1, 3, 128, 128)
    for level in levels:
        coded = code(model, x, level)
        with torch.no_grad():
            output = model(x) if level is None else model(x, s=level)
        bits = sum(-math.log2(value) for each in output["likelihoods"].values() for value in each.flatten().tolist())
        # Tables have scales in steps of 13 % and likelihoods are bounded, while what lies outside a table is escaped.
        assert 8 * len(coded.stream) == pytest.approx(bits, rel=0.08, abs=8 * HEADER), (arch, level)
        sections = {section.type: section for section in read_stream(coded.stream).sections}
        if isinstance(model, Factorised):
            y = prior_of(sections[LATENT], model.entropy_bottleneck, model.g_a(x).shape)
            decoded = (255 * model.g_s(y).clamp(0, 1)).round() / 255
            torch.testing.assert_close(coded.x_hat, decoded.detach(), rtol=0, atol=1.01 / 255)
        else:
            assert len(sections[HYPER_LATENT].body) < len(coded.stream)


def test_tables_are_needed() -> None:
    model = ARCHITECTURES["mbt2018-mean"](*sizes("mbt2018-mean", 4, 6)).eval()
    with pytest.raises(ModelError, match="no CDF tables"):
        code(model, torch.zeros(1, 3, 64, 64))
