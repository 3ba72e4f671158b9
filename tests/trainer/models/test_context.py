from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from references.architectures import OF_COMPRESSAI, VARIABLE
from references.coding import code
from references.tiny import tiny_model
from references.tiny_photo import photo

from licrt.runtime.coder import CdfTables, encode
from licrt.trainer.models import ARCHITECTURES
from licrt.trainer.models.context import code_latent
from licrt.trainer.models.contextual import CheckerboardModel, Contextual
from licrt.trainer.models.factorised import Factorised

CODED = [arch for arch, model in ARCHITECTURES.items() if not issubclass(model, Factorised)]
WITH_CONTEXT = [arch for arch in CODED if issubclass(ARCHITECTURES[arch], Contextual)]
LEVELS = [(arch, s) for arch in CODED for s in ((0, 3, 7) if arch in VARIABLE else (None,))]


def picture(height: int, width: int) -> torch.Tensor:
    return torch.from_numpy(photo(height, width, seed=7)).permute(2, 0, 1)[None].float() / 255


def place_by_place(model: Contextual, y: torch.Tensor, hyper: torch.Tensor) -> torch.Tensor:
    """The latent as a decoder gets it, one position after the other, each from the whole of what is there."""
    y_hat = torch.zeros_like(y)
    height, width = y.shape[2:]
    first = 0
    for group in model.context_groups():
        own = slice(first, first + group.channels)
        firsts = np.cumsum([0, *(each.channels for each in model.context_groups())])
        places = [(i, j) for i in range(height) for j in range(width)]
        if group.order == "checkerboard":
            places.sort(key=lambda place: sum(place) % 2)
        for i, j in places:
            spatial = group.spatial_context(y_hat[:, own])
            if group.order == "checkerboard" and (i + j) % 2 == 0:
                spatial = torch.zeros_like(spatial)
            seen = [y_hat[:, firsts[k] : firsts[k + 1]] for k in group.sources]
            features = {
                "hyper": hyper,
                "spatial": spatial,
                "channel": group.channel_context(torch.cat(seen, 1)) if seen else None,
            }
            both = group.parameters(torch.cat([features[name] for name in group.inputs], 1))
            means = both[:, : group.channels] if group.means_first else both[:, group.channels :]
            here = (slice(None), own, i, j)
            y_hat[here] = torch.round(y[here] - means[..., i, j]) + means[..., i, j]
        first += group.channels
    return y_hat


@torch.no_grad()
@pytest.mark.parametrize("size", [(5, 7), (3, 1), (1, 2)])
@pytest.mark.parametrize("arch", [arch for arch in WITH_CONTEXT if arch not in VARIABLE])
def test_passes_equal_one_place_after_the_other(arch: str, size: tuple[int, int]) -> None:
    """On latents of odd sides too, which CompressAI's checkerboard cannot take."""
    model = tiny_model(arch)
    torch.manual_seed(1)
    y = 5 * torch.randn(1, model.latent_channels, *size)
    hyper = model.hyper_features(4 * torch.randn(1, model.channels, 2, 2), y)
    y_hat, scales, means = code_latent(model.context_groups(), y, hyper)
    torch.testing.assert_close(y_hat, place_by_place(model, y, hyper), rtol=1e-4, atol=1e-4)
    assert scales.shape == means.shape == y.shape
    assert len(torch.unique(y_hat)) > 5


@torch.no_grad()
@pytest.mark.parametrize("arch", [arch for arch in CODED if issubclass(ARCHITECTURES[arch], CheckerboardModel)])
def test_odd_latents(arch: str) -> None:
    model = tiny_model(arch)
    output = model(picture(80, 112))
    assert output["x_hat"].shape == (1, 3, 80, 112)
    assert output["likelihoods"]["y"].shape == (1, model.latent_channels, 5, 7)


@pytest.mark.parametrize(("arch", "s"), LEVELS)
def test_gradients_reach_everything(arch: str, s: int | None) -> None:
    model = tiny_model(arch).train()
    output = model(picture(64, 64), **({} if s is None else {"s": s}))
    (
        sum(-torch.log(each).mean() for each in output["likelihoods"].values()) + output["x_hat"].square().mean()
    ).backward()
    without = {name for name, value in model.named_parameters() if value.grad is None or not value.grad.abs().max() > 0}
    assert {name for name in without if not name.endswith("quantiles") and name != "Gain"} == set()


@pytest.mark.parametrize("arch", CODED)
def test_tiny_models_exercise_the_coder(arch: str) -> None:
    """Many tables, many symbols, some escapes; the two oldest, whose sizes other tests know, are held to less."""
    model = tiny_model(arch)
    s = 7 if arch in VARIABLE else None
    coded = code(model, picture(128, 192), s)
    indexes, nonzero, escapes = len(np.unique(coded.indexes)), np.mean(coded.symbols != 0), coded.escapes(model)
    print(f"{arch}: {indexes} indexes, {nonzero:.0%} of the symbols not 0, {escapes} escapes of {coded.symbols.size}")
    assert indexes >= (30 if arch in {"bmshj2018-hyperprior", "mbt2018-mean"} else 40)
    assert nonzero >= 0.2
    assert escapes >= 10


def strings_of(model: torch.nn.Module, symbols: np.ndarray, indexes: np.ndarray) -> list[bytes]:
    """The strings of CompressAI for symbols and indexes [M, h, w]."""
    tables = CdfTables(*model.gaussian_conditional.tables())
    orders = [np.arange(symbols.size)]
    if isinstance(model, Contextual):
        number = np.arange(symbols.size).reshape(symbols.shape)
        orders = [number.transpose(1, 2, 0).ravel()]
    if isinstance(model, CheckerboardModel):
        white = np.add.outer(*(np.arange(side) for side in symbols.shape[1:])) % 2 == 0
        firsts = np.cumsum([0, *(group.channels for group in model.context_groups())])
        groups = [number[start:end] for start, end in itertools.pairwise(firsts)]
        orders = [group[:, colour].ravel() for group in groups for colour in (white, ~white)]
    return [bytes(encode(symbols.ravel()[order], indexes.ravel()[order], tables, lanes=1)) for order in orders]


@pytest.mark.oracle
@pytest.mark.parametrize(("arch", "s"), [each for each in LEVELS if each[0] in OF_COMPRESSAI])
def test_coding_equals_compressai(arch: str, s: int | None, oracle, to_arrays) -> None:
    """Its strings byte for byte, and its reconstruction, from its own compress() and decompress()."""
    model = tiny_model(arch)
    x = picture(64, 128)
    coded = code(model, x, s)
    expected = oracle("code", arch=arch, x=x.numpy(), **({} if s is None else {"s": s}), **to_arrays(model))
    strings = strings_of(model, coded.symbols, coded.indexes)
    for number, string in enumerate(strings):
        assert string == expected[f"string:{number}"].tobytes()
    assert f"string:{len(strings)}" in expected  # that of the hyper-latent
    np.testing.assert_allclose(coded.y_hat.numpy(), expected["y_hat"], rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        x_hat = model.g_s(coded.y_hat).clamp(0, 1)
    np.testing.assert_allclose(x_hat.numpy(), expected["x_hat"], rtol=0, atol=1e-4)
