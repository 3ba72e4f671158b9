"""The strides of a model's networks, measured, and whether they keep to them at every size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from licrt.runtime.errors import ModelError, first_line

if TYPE_CHECKING:
    from collections.abc import Sequence

_PICTURE, _LATENT = 256, 64  # sides that strides are measured at; the largest that bundles may have
_SIDES = ((1, 1), (2, 3), (5, 4))


class AtAnySize(nn.Module):
    """A network that only takes whole strides, with zeros at the right and bottom up to those."""

    def __init__(self, inner: nn.Module, stride: int) -> None:
        super().__init__()
        self.inner, self.stride = inner, stride

    def forward(self, x: Tensor) -> Tensor:
        """Run on x `[batch, channels, height, width]`; gives ceil of each side divided by the stride."""
        height, width = x.shape[2:]
        padded = nn.functional.pad(x, (0, -width % self.stride, 0, -height % self.stride))
        return self.inner(padded)  # type: ignore[no-any-return]


@torch.inference_mode()
def sizes(g_a: nn.Module, g_s: nn.Module) -> tuple[int, int]:
    """Return pixels per latent sample, and the channels of the latent.

    Raises:
        ModelError: a network cannot run, or gives another size than the stride asks for.
    """
    latent = _run("g_a", g_a, (3, _PICTURE, _PICTURE))
    channels, stride = latent.shape[1], _stride("g_a", _PICTURE, latent)
    for height, width in _SIDES:
        picture = (3, height * stride, width * stride)
        _expect("g_a", g_a, picture, (channels, height, width))
        _expect("g_s", g_s, (channels, height, width), picture)
    return stride, channels


@torch.inference_mode()
def hyper_sizes(
    h_a: nn.Module, h_s: nn.Module, latent_channels: int, hyper_channels: int
) -> tuple[nn.Module, int, int]:
    """Return a hyper-analysis that takes every size, latent samples per hyper-latent sample, and what h_s gives.

    Raises:
        ModelError: a network cannot run, or gives another size than the stride asks for.
    """
    z = _run("h_a", h_a, (latent_channels, _LATENT, _LATENT))
    if z.shape[1] != hyper_channels:
        raise ModelError(f"h_a gives {z.shape[1]} channels, but entropy_bottleneck is made for {hyper_channels}")
    stride = _stride("h_a", _LATENT, z)
    sides = [(side, 2 * stride + 1 - side) for side in range(1, 2 * stride + 1)]
    if not all(_fits(h_a, (latent_channels, *pair), stride) for pair in sides):
        h_a = AtAnySize(h_a, stride)
        for height, width in sides:
            wanted = (hyper_channels, -(-height // stride), -(-width // stride))
            _expect("h_a", h_a, (latent_channels, height, width), wanted)
    features = 0
    for height, width in _SIDES:
        given = _run("h_s", h_s, (hyper_channels, height, width))
        if given.shape[2] < height * stride or given.shape[3] < width * stride:
            raise ModelError(
                f"h_s gives {_side(given)} for a hyper-latent of {height}x{width}; a latent has up to "
                f"{height * stride}x{width * stride}. Its layers must enlarge {stride} times, as with output_padding"
            )
        features = given.shape[1]
    return h_a, stride, features


def _run(name: str, network: nn.Module, shape: Sequence[int]) -> Tensor:
    try:
        given = network(torch.zeros(1, *shape))
    except Exception as error:  # whatever the network's own code raises
        raise ModelError(
            f"{name} cannot run on {[1, *shape]}: {first_line(error)}. Expected a network that takes every size; "
            "padding by reflection does not, zeros and replication do"
        ) from error
    if not isinstance(given, Tensor) or given.ndim != 4 or given.shape[0] != 1:
        what = list(given.shape) if isinstance(given, Tensor) else type(given).__name__
        raise ModelError(f"{name} gives {what}; expected one tensor [batch, channels, height, width]")
    return given


def _stride(name: str, side: int, given: Tensor) -> int:
    stride, rest = divmod(side, given.shape[2]) if given.shape[2] else (0, 1)
    if rest or given.shape[2] != given.shape[3]:
        raise ModelError(
            f"{name} turns {side}x{side} into {_side(given)}; expected a whole number of times less along both axes"
        )
    return stride


def _expect(name: str, network: nn.Module, given: Sequence[int], wanted: Sequence[int]) -> None:
    found = _run(name, network, given).shape[1:]
    if tuple(found) != tuple(wanted):
        raise ModelError(f"{name} turns {list(given)} into {list(found)}; expected {list(wanted)}. Change its padding")


def _fits(h_a: nn.Module, shape: Sequence[int], stride: int) -> bool:
    """Whether a hyper-analysis rounds sizes up."""
    try:
        found = h_a(torch.zeros(1, *shape)).shape[2:]
    except Exception:  # a window larger than the latent
        return False
    return tuple(found) == tuple(-(-side // stride) for side in shape[1:])


def _side(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape[2:]))
