from functools import cache

import numpy as np
import onnx
import pytest
import torch
from references.sizes import sizes
from torch import nn

from licrt.export.graphs import to_onnx
from licrt.export.halo import halo
from licrt.export.rewrites import by_phase
from licrt.export.structure import fold
from licrt.runtime.backends import open_backend
from licrt.runtime.errors import ModelError
from licrt.trainer.layers import GDN
from licrt.trainer.models import ARCHITECTURES

NETWORKS = ["bls2017", "bmshj2018-factorized-relu", "mbt2018-mean", "cheng2020-attn", "elic2022-official"]


def network(arch: str, name: str) -> tuple[nn.Module, int, int, int]:
    """A synthesis or analysis, its input channels, and samples of its input and output per latent."""
    torch.manual_seed(1)
    channels, latent_channels = sizes(arch, 8, 8)
    model = ARCHITECTURES[arch](channels, latent_channels).eval()
    return (model.g_s, latent_channels, 1, 16) if name == "g_s" else (model.g_a, 3, 16, 1)


@cache
def graph_of(arch: str, name: str) -> onnx.ModelProto:
    """The graph of such a network."""
    module, channels, _, _ = network(arch, name)
    return to_onnx(fold(module), channels, 128 if name == "g_a" else 16, "output")


@pytest.mark.parametrize("name", ["g_s", "g_a"])
@pytest.mark.parametrize("arch", NETWORKS)
def test_the_halo_is_what_the_outputs_of_one_latent_depend_on(arch: str, name: str) -> None:
    """With positive weights no influence cancels, so gradients are zero exactly where there is none.

    Behind sub-pixel layers the halo may be one more: it takes the widest of all phases at each of them.
    """
    module, channels, step, outputs = network(arch, name)
    reach = halo(graph_of(arch, name))
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.weight.data = torch.full_like(layer.weight, 1 / layer.weight[0].numel())
        if isinstance(layer, GDN):
            layer.gamma.data = layer.gamma_reparam.stored(torch.full_like(layer.gamma, 0.01))
    count = 2 * (-(-reach // step)) + 3
    x = torch.full((1, channels, count * step, count * step), 0.5, dtype=torch.float64, requires_grad=True)
    first = count // 2
    block = slice(first * outputs, (first + 1) * outputs)
    module.double()(x)[..., block, block].sum().backward()
    assert x.grad is not None
    influence = x.grad[0].abs().sum(0)
    for axis in (0, 1):
        seen = torch.nonzero(influence.sum(axis)).ravel()
        before, after = first * step - int(seen[0]), int(seen[-1]) - (first + 1) * step + 1
        spare = int(any(isinstance(layer, nn.PixelShuffle) for layer in module.modules()))
        assert max(before, after) <= reach <= max(before, after) + spare


@pytest.mark.parametrize("name", ["g_s", "g_a"])
@pytest.mark.parametrize("arch", NETWORKS)
def test_the_middle_of_a_tile_is_as_in_the_whole(arch: str, name: str) -> None:
    """But for the rounding of sums, which engines order otherwise at another size: far below a level or a symbol."""
    _, channels, step, outputs = network(arch, name)
    graph = graph_of(arch, name)
    around = -(-halo(graph) // step)
    session = open_backend("cpu", 1).load(by_phase(graph).SerializeToString(), arch)
    size, begin, end = 2 * around + 7, around + 2, around + 5
    scale = 1 if name == "g_a" else 5
    array = np.random.default_rng(2).normal(0, scale, (1, channels, size * step, size * step)).astype(np.float32)
    whole = session.run(array)[..., begin * outputs : end * outputs, begin * outputs : end * outputs]
    seen = slice((begin - around) * step, (end + around) * step)
    inner = slice(around * outputs, (around + 3) * outputs)
    tile = session.run(np.ascontiguousarray(array[..., seen, seen]))[..., inner, inner]
    assert np.abs(tile - whole).max() <= 2e-6 * np.abs(whole).max()


@pytest.mark.parametrize(
    ("layer", "reach"),
    [
        (nn.Conv2d(2, 2, (3, 7), padding=(1, 3)), 3),
        (nn.Conv2d(2, 2, (7, 3), padding=(3, 1)), 3),
        (nn.Conv2d(2, 2, 3, padding=4, dilation=4), 4),
        (nn.ConvTranspose2d(2, 2, (1, 9), padding=(0, 4)), 4),
    ],
)
def test_the_halo_counts_both_axes_and_dilation(layer: nn.Module, reach: int) -> None:
    assert halo(to_onnx(layer, 2, 32, "output")) == reach


def test_an_unknown_operator_is_named() -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 18]> g (float[1,2,4,4] x) => (float[1,2,4,4] y) { y = Softmax(x) }'
    )
    with pytest.raises(ModelError, match="Softmax"):
        halo(model)
