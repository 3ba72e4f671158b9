"""Layers known by what they hold and compute, not by their class: CompressAI's, licrt's and others' alike.

A **GDN** has parameters ``beta`` [C] and ``gamma`` [C, C], modules ``beta_reparam`` and ``gamma_reparam`` that make the
numbers of the formula of them, and a flag ``inverse``. Whether it is GDN or GDN1 shows in what it gives for some input:
CompressAI's GDN1 differs from its GDN in nothing but its code. What computes neither is left as it is.

Masked convolutions: :mod:`licrt.trainer.integers.convolutions`.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from licrt.trainer.integers.convolutions import Convolution, effective_weight, has_standard_forward, is_masked


class FoldedGdn(nn.Module):
    """(Inverse) GDN or GDN1 with its reparametrisation folded into constants (Ballé et al. 2016, 2018)."""

    def __init__(self, beta: Tensor, gamma: Tensor, *, inverse: bool, simplified: bool) -> None:
        super().__init__()
        self.norm = nn.Conv2d(len(beta), len(beta), 1)
        self.norm.weight.data = gamma.detach()[:, :, None, None].clone()
        self.norm.bias.data = beta.detach().clone()  # type: ignore[union-attr]
        self.inverse, self.simplified = inverse, simplified

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `x`, `[batch, channels, height, width]`."""
        norm: Tensor = self.norm(x.abs()) if self.simplified else self.norm(x * x).sqrt()
        return x * norm if self.inverse else x / norm


class _Unshuffle(nn.Module):
    """Pixel unshuffle as a convolution that picks samples, which graphs can be told to cut into tiles."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        channels, taps = x.shape[1], self.factor**2
        picks = torch.eye(taps).reshape(taps, 1, self.factor, self.factor).repeat(channels, 1, 1, 1)
        return nn.functional.conv2d(x, picks, stride=self.factor, groups=channels)


def fold(module: nn.Module) -> nn.Module:
    """Return a copy that computes the same with layers that export well; the original is left alone.

    GDN layers become `FoldedGdn`; masked convolutions, and those whose weight is computed from other parameters, become
    plain ones; pixel unshuffling becomes a convolution.
    """
    if replacement := _folded(module):
        return replacement
    folded = copy.deepcopy(module)
    replaced: list[str] = []
    for name, layer in list(folded.named_modules()):
        inside = any(name.startswith(f"{done}.") for done in replaced)
        if name and not inside and (replacement := _folded(layer)):
            folded.set_submodule(name, replacement)
            replaced.append(name)
    return folded


def _folded(module: nn.Module) -> nn.Module | None:
    if isinstance(module, nn.PixelUnshuffle):
        return _Unshuffle(module.downscale_factor)
    if isinstance(module, Convolution) and (is_masked(module) or "weight" not in module._parameters):
        return _plain(module) if has_standard_forward(module) else None
    return gdn(module)


@torch.no_grad()
def gdn(module: nn.Module) -> FoldedGdn | None:
    """Return what a GDN layer computes, with constants; None for any other layer."""
    if not all(hasattr(module, name) for name in ("beta", "gamma", "beta_reparam", "gamma_reparam", "inverse")):
        return None
    beta, gamma = module.beta_reparam(module.beta), module.gamma_reparam(module.gamma)
    channels = len(beta)
    if gamma.shape != (channels, channels):
        return None
    probe = torch.linspace(-3, 3, 4 * channels).reshape(1, channels, 2, 2)
    for simplified in (False, True):
        candidate = FoldedGdn(beta, gamma, inverse=bool(module.inverse), simplified=simplified)
        if torch.allclose(candidate(probe), module(probe), rtol=1e-4, atol=1e-6):
            return candidate
    return None


def _plain(convolution: Convolution) -> Convolution:
    """Return an ordinary convolution with the effective weight of another one."""
    kind = nn.ConvTranspose2d if isinstance(convolution, nn.ConvTranspose2d) else nn.Conv2d
    names = ("kernel_size", "stride", "padding", "dilation", "groups", "padding_mode")
    options = {name: getattr(convolution, name) for name in names}
    if kind is nn.ConvTranspose2d:
        options["output_padding"] = convolution.output_padding
    bias = convolution.bias
    with torch.random.fork_rng(devices=[]):
        plain = kind(convolution.in_channels, convolution.out_channels, bias=bias is not None, **options)
    plain.weight.data = effective_weight(convolution).clone()
    if bias is not None and plain.bias is not None:
        plain.bias.data = bias.detach().clone()
    return plain
