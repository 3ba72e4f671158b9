"""Networks in integers inside PyTorch: the integers of the runtime, and gradients."""

import copy

import numpy as np
import pytest
import torch
from references.tiny import tiny_model
from references.tiny_photo import photo

from licrt.export import context_reference, integer_reference
from licrt.export.calibration import to_tensor
from licrt.export.float_model import float_model
from licrt.export.integers import assemble
from licrt.runtime._native import Network
from licrt.runtime.integer import to_blob
from licrt.trainer.integer_aware import latents, prepare
from licrt.trainer.models.context import code_latent

PLAIN = ["bmshj2018-hyperprior", "mbt2018-mean", "mbt2018-mean-vbr"]
CONTEXTUAL = ["mbt2018", "cheng2020-anchor-checkerboard"]
PICTURES = [to_tensor(photo(64, 128)), to_tensor(photo(64, 64, 1))]


def in_integers(arch: str, widths: str):
    """A tiny model in integers, these integers as export makes them, and the latents of a picture."""
    model = tiny_model(arch)
    source = float_model(copy.deepcopy(model))
    prepare(model, widths, PICTURES)
    y, z_hat = next(latents(model, PICTURES))
    return model, assemble(source, model.get_submodule(synthesis_of(model)).arithmetic.fixed), y, z_hat


def synthesis_of(model) -> str:
    return next(name for name, module in model.named_modules() if module is model.h_s)


def symbols_of(model, z_hat) -> np.ndarray:
    return torch.round(z_hat - model.entropy_bottleneck.medians[:, None, None])[0].numpy().astype(np.int32)


@pytest.mark.parametrize("widths", ["w8a8", "w16a14"])
@pytest.mark.parametrize("arch", PLAIN)
@torch.no_grad()
def test_the_network_in_training_gives_the_integers_of_the_engine(arch: str, widths: str) -> None:
    model, integers, y, z_hat = in_integers(arch, widths)
    height, width = y.shape[2:]
    # Not only what pictures give: everything that saturates, too.
    noise = torch.randint(-300, 300, z_hat.shape, generator=torch.Generator().manual_seed(5))
    for z in (z_hat, noise + model.entropy_bottleneck.medians[:, None, None]):
        symbols = symbols_of(model, z)
        point = integers.network.rate_points - 1  # the gain of 1
        native = Network(to_blob(integers.network)).run(symbols, height, width, 1, point)
        slow = integer_reference.run(integers.network, symbols, height, width, point)
        # Accumulators have more bits than float32 holds.
        values = model.h_s(z.double())[0, :, :height, :width].numpy()
        count, fixed = integers.network.index_channels, model.h_s.arithmetic.fixed
        accumulators = np.ldexp(values[:count], fixed.hyper[-1].exponent[:count, None, None])
        assert np.array_equal(accumulators, np.rint(accumulators))
        indexes = integer_reference.reached(accumulators.astype(np.int64), integers.network.thresholds[point])
        for expected in (native, slow):
            assert np.array_equal(indexes, expected[0])
            assert np.array_equal(np.ldexp(values[count:], integers.mean_fraction), expected[1])
    assert len(np.unique(indexes)) > 5, "the test needs spread"


@pytest.mark.parametrize("arch", CONTEXTUAL)
@torch.no_grad()
def test_the_context_in_training_gives_the_latents_of_a_decoder(arch: str) -> None:
    model, integers, y, z_hat = in_integers(arch, "w8a8")
    _, features = integer_reference.run(integers.network, symbols_of(model, z_hat), *y.shape[2:])
    ours, scales, _ = code_latent(model.context_groups(), y.double(), model.hyper_features(z_hat.double(), y))
    _, _, expected = context_reference.encode(integers.context, features.astype(np.int32), y[0].numpy())
    assert np.array_equal(np.ldexp(ours[0].numpy(), integers.mean_fraction), expected)
    assert scales.std() > 0.1, "the test needs spread"


@pytest.mark.parametrize("arch", ["mbt2018-mean", "elic2022-official"])
def test_gradients_reach_the_entropy_path_and_nothing_else(arch: str) -> None:
    model = prepare(tiny_model(arch), "w8a8", PICTURES).train()
    likelihoods = model(PICTURES[0])["likelihoods"]
    sum(-torch.log2(each).sum() for each in likelihoods.values()).backward()
    for name, parameter in model.named_parameters():
        if name.startswith(("g_a", "g_s")):
            assert parameter.grad is None, name
        elif "quantiles" not in name:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


def test_the_gradient_is_nearly_that_of_the_float_network() -> None:
    """Wide integers hardly round, so both gradients must point the same way."""
    gradients = []
    for widths in (None, "w16a14"):
        model = tiny_model("mbt2018-mean")
        _, z_hat = next(latents(model, PICTURES))
        if widths:
            prepare(model, widths, PICTURES)
        model.h_s(z_hat).square().sum().backward()
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in model.h_s.parameters()]))
    assert torch.cosine_similarity(*gradients, dim=0) > 0.999


def test_weights_that_move_move_the_integers() -> None:
    model = prepare(tiny_model("mbt2018-mean"), "w8a8", PICTURES)
    _, z_hat = next(latents(model, PICTURES))
    with torch.no_grad():
        before = model.h_s(z_hat)
        model.h_s.get_submodule("0").weight *= 2
        after = model.h_s(z_hat)
        average = copy.deepcopy(model)
        model.h_s.get_submodule("0").weight *= 0
        assert torch.equal(average.h_s(z_hat), after), "a copy has weights of its own"
    assert not torch.equal(before, after)
