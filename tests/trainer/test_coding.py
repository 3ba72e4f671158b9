from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from references.architectures import VARIABLE
from references.sizes import sizes

from licrt.runtime.coder import CdfTables, decode
from licrt.runtime.container import HYPER_LATENT, LATENT, read_stream
from licrt.runtime.errors import ModelError
from licrt.trainer.checkpoint import load_checkpoint
from licrt.trainer.coding import code
from licrt.trainer.data import read_rgb
from licrt.trainer.models import ARCHITECTURES
from licrt.trainer.models.contextual import RasterModel

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from licrt.runtime.container import Section
    from licrt.trainer.entropy_models.base import EntropyModel
    from licrt.trainer.models.base import Output

HEADER = 90  # bytes at most, with two sections


def estimated_bits(output: Output) -> float:
    """What the likelihoods say."""
    return sum(-torch.log2(likelihoods).sum().item() for likelihoods in output["likelihoods"].values())


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_all_architectures(arch: str, perturbed) -> None:
    """The picture is that of the model's forward, and the stream weighs about what its likelihoods say.

    These models predict badly: what they find most improbable is escaped at less than its likelihood's bound.
    """
    model = perturbed(arch, (8, 12))
    model.update()
    x = torch.rand(1, 3, 128, 128)
    for level in [3, 7] if arch in VARIABLE else [None]:
        coded = code(model, x, level)
        with torch.no_grad():
            output = model(x) if level is None else model(x, s=level)
        assert 8 * len(coded.stream) == pytest.approx(estimated_bits(output), rel=0.25, abs=8 * HEADER)
        if not isinstance(model, RasterModel) or level is not None:  # their forward sees all positions at once
            assert torch.equal(coded.x_hat, torch.round(255 * output["x_hat"].clamp(0, 1)) / 255)


def test_streams_decode(perturbed) -> None:
    """A decoder that has the tables, and the means from the hyper-latent, gets the same picture."""
    model = perturbed("mbt2018-mean", (8, 12))
    model.update()
    coded = code(model, torch.rand(1, 3, 128, 64))
    sections = {section.type: section for section in read_stream(coded.stream).sections}
    with torch.no_grad():
        channels = np.broadcast_to(np.arange(8, dtype=np.int32)[:, None, None], (1, 8, 2, 1))
        z = decoded(sections[HYPER_LATENT], channels, model.entropy_bottleneck)
        scales, means = model.hyper_synthesis(z + model.entropy_bottleneck.medians[:, None, None])
        indexes = model.gaussian_conditional.build_indexes(scales).numpy()
        y_hat = decoded(sections[LATENT], indexes, model.gaussian_conditional) + means
        assert torch.equal(coded.x_hat, torch.round(255 * model.g_s(y_hat).clamp(0, 1)) / 255)


def decoded(section: Section, indexes: NDArray[np.int32], model: EntropyModel) -> torch.Tensor:
    """Symbols of a section, float of the shape of the indexes."""
    symbols = decode(section.body, np.ascontiguousarray(indexes), CdfTables(*model.tables()), section.lanes)
    return torch.from_numpy(symbols).float()


@pytest.mark.parametrize("name", ["mbt2018-mean-64-96", "mbt2018-64-96"])
def test_trained_models_estimate_well(name: str, shared_data: Path) -> None:
    model = load_checkpoint(shared_data / "checkpoints" / f"{name}.pth.tar")
    pixels = read_rgb(shared_data / "kodak" / "kodim05.png")[:256, :256]
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    coded = code(model, x)
    with torch.no_grad():
        output = model(x)
    assert 8 * (len(coded.stream) - HEADER) == pytest.approx(estimated_bits(output), rel=0.02)
    assert torch.mean((coded.x_hat - x) ** 2) == pytest.approx(torch.mean((output["x_hat"] - x) ** 2).item(), rel=0.05)


def test_tables_are_needed() -> None:
    model = ARCHITECTURES["mbt2018-mean"](*sizes("mbt2018-mean", 4, 6)).eval()
    with pytest.raises(ModelError, match="no CDF tables"):
        code(model, torch.zeros(1, 3, 64, 64))
