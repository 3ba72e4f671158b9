"""What each stage has to do at least: operations of the model's own layers, and bytes that have to be moved once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from licrt.runtime.exact import load_exact_half

if TYPE_CHECKING:
    from collections.abc import Iterable

    from licrt.runtime.bench.limits import Limits
    from licrt.runtime.bundle import Bundle
    from licrt.runtime.context import ContextModel
    from licrt.runtime.integer import Layer

_SAMPLE_BYTES = 4  # of float32 and of int32


class Work(NamedTuple):
    """Operations, two for each multiplication, and bytes read or written."""

    flop: int
    bytes: int

    def limit(self, limits: Limits) -> float:
        """Return the seconds below which it cannot be done by these rates, whichever of the two decides.

        >>> from licrt.runtime.bench.limits import Limits
        >>> Work(flop=10, bytes=30).limit(Limits(flop_rate=5.0, byte_rate=10.0))
        3.0
        """
        return max(self.flop / limits.flop_rate, self.bytes / limits.byte_rate)


def work_of(bundle: Bundle, height: int, width: int, stream_bytes: int) -> dict[str, Work | None]:
    """Return the work of each stage for one picture; None where the bundle does not tell its operations.

    Bytes are weights, input and output of a stage, each once: what lies between its layers may stay in caches. Those
    of the exact half are operations on integers. Stages that move a few bytes alone are left out.
    """
    stride, channels = bundle.stride, bundle.latent_channels
    rows, columns = -(-height // stride), -(-width // stride)
    latent = channels * rows * columns * _SAMPLE_BYTES
    picture = 3 * height * width
    hyper_rows, hyper_columns = (
        -(-side // bundle.hyper_stride) if bundle.hyper_stride else 0 for side in (rows, columns)
    )
    hyper_latent = bundle.hyper_channels * hyper_rows * hyper_columns * _SAMPLE_BYTES
    moved = {
        "analysis": picture * (1 + _SAMPLE_BYTES) + latent,
        "hyper_analysis": latent + hyper_latent,
        "synthesis": picture * (1 + _SAMPLE_BYTES) + latent,
    }
    found: dict[str, Work | None] = {}
    for role, graph in bundle.graphs.items():
        weights = bundle.manifest["files"][graph.file]["bytes"]
        found[role.replace("_", "-")] = (
            None
            if graph.multiplications is None
            else Work(2 * graph.multiplications * rows * columns, weights + moved[role])
        )
    exact = _exact_work(bundle, rows, columns, (hyper_rows, hyper_columns), 2 * latent + hyper_latent + stream_bytes)
    return {**found, "entropy-encode": exact, "entropy-decode": exact}


def _exact_work(bundle: Bundle, rows: int, columns: int, hyper_size: tuple[int, int], moved: int) -> Work:
    hyper = load_exact_half(bundle).hyper
    if hyper is None:
        return Work(0, moved)
    layers = [*hyper.network.layers]
    count = layer_multiplications(hyper.network.layers, *hyper_size)
    if hyper.context:
        count += rows * columns * _per_position(hyper.context)
        layers += _context_layers(hyper.context)
    return Work(2 * count, moved + sum(layer.weight.nbytes for layer in layers))


def layer_multiplications(layers: Iterable[Layer], height: int, width: int) -> int:
    """Return the multiplications of integer layers for an input of height x width.

    >>> from licrt.runtime.integer import Layer
    >>> weight = np.ones((2, 3, 5, 5), np.int8)
    >>> layer_multiplications([Layer("conv", weight, None, None, 2, 2, 0, "none", 8)], 4, 6)
    900
    >>> layer_multiplications([Layer("conv_transpose", weight, None, None, 2, 2, 1, "none", 8)], 4, 6)
    3600
    """
    count = 0
    for layer in layers:
        kernel = layer.weight.shape[2:]
        if layer.kind == "conv_transpose":
            count += height * width * layer.weight.size
            height, width = (
                (side - 1) * layer.stride - 2 * layer.padding + extent + layer.output_padding
                for side, extent in zip((height, width), kernel, strict=True)
            )
        else:
            height, width = (
                (side + 2 * layer.padding - extent) // layer.stride + 1
                for side, extent in zip((height, width), kernel, strict=True)
            )
            count += height * width * layer.weight.size
            height, width = height * layer.upscale, width * layer.upscale
    return count


def _per_position(model: ContextModel) -> int:
    """Return the multiplications of a context model at each position; forbidden taps are not counted."""
    count = 0
    for group in model.groups:
        count += sum(layer.weight.size for layer in group.parameters)
        if group.channel_network:
            count += sum(layer.weight.size for layer in group.channel_network.layers)
        if group.spatial:
            taps = int(np.any(group.spatial.weight, axis=(0, 1)).sum())
            count += taps * group.spatial.weight.shape[0] * group.spatial.weight.shape[1]
    return count


def _context_layers(model: ContextModel) -> Iterable[Layer]:
    for group in model.groups:
        yield from group.parameters
        yield from group.channel_network.layers if group.channel_network else ()
        yield from (group.spatial,) if group.spatial else ()
