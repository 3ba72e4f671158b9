"""Layers of any library: folded by what they compute, or left alone."""

import pytest
import torch
from torch import nn

from licrt.export.structure import FoldedGdn, fold, gdn
from licrt.trainer.integers.convolutions import effective_weight, has_standard_forward
from licrt.trainer.layers import GDN, GDN1, LowerBound, MaskedConvolution, causal_mask


class Reparametrised(nn.Module):
    """A stored root, as every GDN since 2016 has it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x**2


class Theirs(nn.Module):
    """GDN by somebody else: the attributes, and none of licrt's classes."""

    def __init__(self, inverse: bool) -> None:
        super().__init__()
        self.inverse, self.beta_reparam, self.gamma_reparam = inverse, Reparametrised(), Reparametrised()
        self.beta, self.gamma = nn.Parameter(torch.rand(3) + 0.5), nn.Parameter(torch.rand(3, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        norm = nn.functional.conv2d(self.energy(x), self.gamma_reparam(self.gamma)[..., None, None], self.beta**2)
        return x * (self.gain(norm) if self.inverse else 1 / self.gain(norm))

    def energy(self, x: torch.Tensor) -> torch.Tensor:
        return x**2

    def gain(self, norm: torch.Tensor) -> torch.Tensor:
        return norm.sqrt()


class TheirsSimplified(Theirs):
    def energy(self, x: torch.Tensor) -> torch.Tensor:
        return x.abs()

    def gain(self, norm: torch.Tensor) -> torch.Tensor:
        return norm


class Cubic(Theirs):
    def energy(self, x: torch.Tensor) -> torch.Tensor:
        return x.abs() ** 3


def of_licrt(kind: type[GDN], inverse: bool) -> GDN:
    layer = kind(3, inverse=inverse)
    layer.gamma.data = torch.rand(3, 3)
    return layer


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("make", [Theirs, TheirsSimplified, lambda i: of_licrt(GDN, i), lambda i: of_licrt(GDN1, i)])
def test_gdn_is_known_by_what_it_computes(make, inverse: bool) -> None:
    torch.manual_seed(0)
    layer = make(inverse)
    folded = fold(layer)
    assert isinstance(folded, FoldedGdn)
    assert folded.simplified == isinstance(layer, TheirsSimplified | GDN1)
    x = torch.randn(2, 3, 5, 7)
    torch.testing.assert_close(folded(x), layer(x), rtol=1e-5, atol=1e-6)


def test_what_computes_something_else_stays() -> None:
    torch.manual_seed(0)
    assert gdn(Cubic(False)) is None
    assert isinstance(fold(nn.Sequential(Cubic(False)))[0], Cubic)
    assert gdn(LowerBound(0.5)) is None


class MaskedInForward(nn.Conv2d):
    """As in CompressAI: its forward writes to the weight, which no exporter can follow."""

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self.register_buffer("mask", causal_mask(3).expand_as(self.weight).clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.weight.data = self.weight.data * self.mask
        return super().forward(x)


@pytest.mark.parametrize(
    "layer", [MaskedInForward(2, 4, 3, padding=1, bias=False), MaskedConvolution(2, 4, causal_mask(5))]
)
def test_masked_convolutions_become_plain_ones(layer: nn.Conv2d) -> None:
    stored = layer.weight.detach().clone()
    folded = fold(nn.Sequential(layer))[0]
    assert type(folded) is nn.Conv2d
    assert torch.equal(layer.weight, stored), "folding leaves the model alone"
    assert torch.equal(folded.weight, effective_weight(layer))
    x = torch.randn(1, 2, 6, 5)
    torch.testing.assert_close(folded(x), layer(x))


def test_weights_computed_from_others_become_constants() -> None:
    normed = torch.nn.utils.parametrizations.weight_norm(nn.ConvTranspose2d(2, 4, 5, 2, 2, 1, bias=False))
    folded = fold(nn.Sequential(normed))[0]
    assert type(folded) is nn.ConvTranspose2d
    x = torch.randn(1, 2, 6, 5)
    torch.testing.assert_close(folded(x), normed(x))


def test_unshuffling_is_a_convolution() -> None:
    x = torch.randn(1, 3, 6, 9)
    assert torch.equal(fold(nn.PixelUnshuffle(3))(x), nn.PixelUnshuffle(3)(x))


class Doubled(nn.Conv2d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


def test_a_forward_of_its_own_is_noticed() -> None:
    assert has_standard_forward(nn.Conv2d(1, 1, 1))
    assert has_standard_forward(torch.nn.utils.parametrizations.weight_norm(nn.Conv2d(1, 1, 1)))
    assert not has_standard_forward(Doubled(1, 1, 1))
