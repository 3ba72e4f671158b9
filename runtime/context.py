"""Context models: integer networks that predict a latent from the latents decoded before it.

Autoregressive (Minnen et al. 2018), checkerboard (He et al. 2021) and channel-conditional (Minnen and Singh 2020, He et
al. 2022) models are all groups of channels that are visited in passes: docs/integer-net.md sections 7 and 8. This
module describes such a model, proves that it cannot overflow, and serialises it for the native engine, which runs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from licrt.runtime.bundle import MAX_MEAN_FRACTION
from licrt.runtime.expect import expect, expect_array, expect_in, shown
from licrt.runtime.integer import (
    MAX_CHANNELS,
    MAX_LAYERS,
    MAX_RATE_POINTS,
    check_thresholds,
    head_parts,
    layer_parts,
    padded,
    prove_layers,
    prove_sums,
    words,
)
from licrt.runtime.integer import prove as prove_network
from licrt.runtime.integer import to_blob as network_to_blob

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from licrt.runtime.integer import Layer, Network

BLOB_VERSION = 1
MAX_GROUPS = 64
ORDERS = ("whole", "checkerboard", "wavefront")


@dataclass(frozen=True, eq=False)
class Rates:
    """How a variable-rate model turns symbols into latents, at each of its P rate points (section 8).

    Attributes:
        multiplier: int64 ``[P]``, 1 to 2^30: the step, in fixed point.
        shift: uint8 ``[P]``, 1 to 30, bits that the product drops.
        offset: int64 ``[P, tables]``, smaller than 2^40 in magnitude: what is added to ``|symbol| * multiplier``.
    """

    multiplier: NDArray[np.int64]
    shift: NDArray[np.uint8]
    offset: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Group:
    """Some consecutive channels of the latent, coded together.

    Attributes:
        channels: how many.
        order: passes over the positions: ``whole``, ``checkerboard`` or ``wavefront``.
        sources: groups, each before this one, whose latents `channel_network` reads.
        channel_network: their latents to channel features, or None.
        spatial: masked convolution of this group's own latents; None in order ``whole``, and only there.
        spatial_bias: int32 ``[P, S]``, biases of `spatial` at each rate point, or None for its own.
        parameters: 1x1 layers from hyper, channel and spatial features to the heads.
        thresholds: int32 ``[P, channels, tables - 1]`` of the index head.
    """

    channels: int
    order: Literal["whole", "checkerboard", "wavefront"]
    sources: tuple[int, ...]
    channel_network: Network | None
    spatial: Layer | None
    spatial_bias: NDArray[np.int32] | None
    parameters: tuple[Layer, ...]
    thresholds: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class ContextModel:
    """A context model; its features come from a :class:`~licrt.runtime.integer.Network` without index head.

    Attributes:
        feature_channels: F.
        bits: width of features, and of latents as networks see them, 2 to 16.
        mean_fraction: fraction bits of latents, 0 to 8.
        latent_shift: uint8 ``[M]``, bits that a latent loses on its way into a network, 0 to 15.
        rates: None for models of a single rate.
        groups: 1 to 64 groups, which share the M channels out.
    """

    feature_channels: int
    bits: int
    mean_fraction: int
    latent_shift: NDArray[np.uint8]
    rates: Rates | None
    groups: tuple[Group, ...]

    @property
    def latent_channels(self) -> int:
        """Channels of the latent, M."""
        return int(self.latent_shift.size)

    @property
    def table_count(self) -> int:
        """How many Gaussian tables the indexes choose from."""
        return int(self.groups[0].thresholds.shape[2]) + 1

    @property
    def rate_points(self) -> int:
        """How many rate points there are, P."""
        return int(self.groups[0].thresholds.shape[0])


def prove(model: ContextModel) -> None:
    """Check that a context model obeys docs/integer-net.md section 7 and that nothing in it can overflow.

    Args:
        model: the model to check.

    Raises:
        ModelError: a limit is broken, an array has the wrong type or shape, a tap sees a latent that is not decoded
            yet, or a sum can overflow; names the group.

    >>> from licrt.runtime.integer import Layer
    >>> ones = np.ones((2, 1, 1, 1), np.int8), np.zeros(2, np.int32), np.ones(2, np.uint8)
    >>> layer = Layer("conv", *ones, 1, 0, 0, "none", 16)
    >>> group = Group(1, "whole", (), None, None, None, (layer,), np.zeros((1, 1, 63), np.int32))
    >>> prove(ContextModel(1, 10, 4, np.zeros(1, np.uint8), None, (group,)))
    >>> prove(ContextModel(2, 10, 4, np.zeros(1, np.uint8), None, (group,)))
    Traceback (most recent call last):
    licrt.runtime.errors.ModelError: group 0: parameter layer 0: weight has shape (2, 1, 1, 1), expected (2, 2, 1, 1)
    """
    expect(1 <= len(model.groups) <= MAX_GROUPS, f"a context model has 1 to {MAX_GROUPS} groups")
    expect_in("feature_channels", model.feature_channels, 1, MAX_CHANNELS)
    expect_in("bits", model.bits, 2, 16)
    expect_in("mean_fraction", model.mean_fraction, 0, MAX_MEAN_FRACTION)
    expect_in("latent_channels", model.latent_channels, 1, MAX_CHANNELS)
    expect_array("latent_shift", model.latent_shift, (model.latent_channels,), np.uint8)
    expect_in("latent_shift", int(model.latent_shift.max()), 0, 15)
    for number, group in enumerate(model.groups):
        _prove_group(f"group {number}", model, number, group)
    total = sum(group.channels for group in model.groups)
    expect(total == model.latent_channels, f"the groups have {total} channels, expected {model.latent_channels}")
    if model.rates is not None:
        prove_rates(model.rates, model.rate_points, model.table_count)


def prove_rates(rates: Rates, rate_points: int, table_count: int) -> None:
    """Check the rate points of a model with so many tables; raises ModelError."""
    expect_in("rate_points", rate_points, 1, MAX_RATE_POINTS)
    expect_array("multiplier", rates.multiplier, (rate_points,), np.int64)
    expect_array("shift of rates", rates.shift, (rate_points,), np.uint8)
    expect_array("offset", rates.offset, (rate_points, table_count), np.int64)
    for value in (rates.multiplier.min(), rates.multiplier.max()):
        expect_in("multiplier", int(value), 1, 1 << 30)
    for value in (rates.shift.min(), rates.shift.max()):
        expect_in("shift of rates", int(value), 1, 30)
    for value in (rates.offset.min(), rates.offset.max()):
        expect_in("offset", int(value), 1 - (1 << 40), (1 << 40) - 1)


def to_blob(model: ContextModel) -> bytes:
    """Serialise a context model for the native engine (docs/integer-net.md section 7), after :func:`prove`.

    Args:
        model: the model to write.

    Returns:
        The blob; equal models give equal bytes.

    Raises:
        ModelError: as :func:`prove`.
    """
    prove(model)
    return b"".join(_blob_parts(model))


def _blob_parts(model: ContextModel) -> Iterator[bytes]:
    yield b"LCTX"
    yield words(BLOB_VERSION, model.latent_channels, model.feature_channels, model.bits, model.mean_fraction)
    yield words(model.table_count, model.rate_points, model.rates is not None, len(model.groups))
    yield padded(model.latent_shift)
    if model.rates is not None:
        yield padded(model.rates.multiplier.astype(np.uint32))
        yield padded(model.rates.shift)
        yield padded(model.rates.offset)
    for group in model.groups:
        yield words(group.channels, ORDERS.index(group.order), len(group.sources), *group.sources)
        network = network_to_blob(group.channel_network) if group.channel_network else b""
        yield words(len(network)) + network
        yield words(group.spatial is not None)
        if group.spatial is not None:
            yield from layer_parts(group.spatial)
            yield words(0 if group.spatial_bias is None else len(group.spatial_bias))
            yield b"" if group.spatial_bias is None else padded(group.spatial_bias)
        yield words(len(group.parameters))
        for layer in group.parameters:
            yield from layer_parts(layer)
        yield from head_parts(group.thresholds, group.parameters[-1].channels_out - group.channels)


def _prove_group(name: str, model: ContextModel, number: int, group: Group) -> None:
    expect_in(f"{name}: channels", group.channels, 1, MAX_CHANNELS)
    expect(group.order in ORDERS, f"{name}: order is {shown(group.order)}, expected one of {ORDERS}")
    features = model.feature_channels
    features += _prove_channel_network(name, model, number, group)
    features += _prove_spatial(name, model, group)
    expect_in(f"{name}: features", features, 1, MAX_CHANNELS)
    expect(1 <= len(group.parameters) <= MAX_LAYERS, f"{name}: there are 1 to {MAX_LAYERS} parameter layers")
    prove_layers(f"{name}: parameter layer", group.parameters, features, model.bits, 24)
    for place, layer in enumerate(group.parameters):
        _expect_same_size(f"{name}: parameter layer {place}", layer)
        expect(layer.weight.shape[2] == 1, f"{name}: parameter layer {place} has a kernel that is not 1x1")
        if place + 1 < len(group.parameters):
            expect_in(f"{name}: parameter layer {place}: output_bits", layer.output_bits, 2, model.bits)
    heads = group.parameters[-1].channels_out
    expect(
        heads in (group.channels, 2 * group.channels),
        f"{name}: {heads} parameters for {group.channels} latents, expected an index each, or an index and a mean",
    )
    check_thresholds(f"{name}: thresholds", group.thresholds, group.channels, 32)
    shape = (model.rate_points, group.channels, model.table_count - 1)
    expect_array(f"{name}: thresholds", group.thresholds, shape, np.int32)


def _prove_channel_network(name: str, model: ContextModel, number: int, group: Group) -> int:
    """Return how many channel features there are."""
    for source in group.sources:
        expect_in(f"{name}: source", source, 0, number - 1)
    expect(list(group.sources) == sorted(set(group.sources)), f"{name}: its sources do not ascend")
    network = group.channel_network
    if network is None:
        expect(not group.sources, f"{name}: it has sources, but no network that reads them")
        return 0
    expect(bool(group.sources), f"{name}: its channel network has no sources")
    prove_network(network)
    channels = sum(model.groups[source].channels for source in group.sources)
    expect_array(f"{name}: input_offset", network.input_offset, (channels,), np.int32)
    expect_in(f"{name}: input_bits", network.input_bits, model.bits, model.bits)
    expect_in(f"{name}: input_shift", network.input_shift, 0, 0)
    expect(not network.input_offset.any(), f"{name}: its channel network has input offsets")
    expect_in(f"{name}: index_channels", network.index_channels, 0, 0)
    expect_in(f"{name}: rate points of its channel network", network.rate_points, 1, 1)
    for place, layer in enumerate(network.layers):
        _expect_same_size(f"{name}: channel layer {place}", layer)
    expect_in(f"{name}: channel features' output_bits", network.layers[-1].output_bits, 2, model.bits)
    return network.mean_channels


def _prove_spatial(name: str, model: ContextModel, group: Group) -> int:
    """Return how many spatial features there are."""
    layer = group.spatial
    if layer is None or group.order == "whole":
        expect(layer is None, f"{name}: order 'whole' has no spatial layer")
        expect(group.order == "whole", f"{name}: order {shown(group.order)} needs a spatial layer")
        expect(group.spatial_bias is None, f"{name}: it has spatial biases, but no spatial layer")
        return 0
    prove_layers(f"{name}: spatial layer", (layer,), group.channels, model.bits, model.bits)
    _expect_same_size(f"{name}: spatial layer", layer)
    expect(layer.weight.shape[2] in (3, 5), f"{name}: spatial layer: the kernel is not 3x3 or 5x5")
    expect(
        layer.activation == "none", f"{name}: spatial layer: activation is {shown(layer.activation)}, expected 'none'"
    )
    unseen = undecoded_taps(group.order, layer.weight.shape[2])
    expect(not layer.weight[:, :, unseen].any(), f"{name}: spatial layer: a tap sees latents that are not decoded yet")
    if group.spatial_bias is not None:
        expect_array(f"{name}: spatial_bias", group.spatial_bias, (model.rate_points, len(layer.bias)), np.int32)
        for point, bias in enumerate(group.spatial_bias):
            prove_sums(f"{name}: spatial layer at rate point {point}", layer, bias, model.bits)
    return layer.channels_out


def undecoded_taps(order: str, kernel: int) -> NDArray[np.bool_]:
    """Return which taps ``[kernel, kernel]`` of a spatial layer see latents of the same or a later pass.

    >>> undecoded_taps("wavefront", 3).astype(int).tolist(), undecoded_taps("checkerboard", 3).astype(int).tolist()
    ([[0, 0, 0], [0, 1, 1], [1, 1, 1]], [[1, 0, 1], [0, 1, 0], [1, 0, 1]])
    """
    row, column = np.indices((kernel, kernel))
    if order == "checkerboard":
        return np.asarray((row + column) % 2 == 0)
    reach = kernel // 2
    return np.asarray((row > reach) | (row == reach) & (column >= reach))


def _expect_same_size(name: str, layer: Layer) -> None:
    """Expect a convolution of stride 1 that keeps the size and accumulates in 32 bits."""
    kernel_h, kernel_w = layer.weight.shape[2:]
    expect(layer.kind == "conv", f"{name}: kind is {shown(layer.kind)}, expected 'conv'")
    expect_in(f"{name}: stride", layer.stride, 1, 1)
    expect_in(f"{name}: accumulator_bits", layer.accumulator_bits, 32, 32)
    expect(
        kernel_h == kernel_w and kernel_h % 2 == 1 and layer.padding == kernel_h // 2,
        f"{name}: {kernel_h}x{kernel_w} with padding {layer.padding} does not keep the size",
    )
