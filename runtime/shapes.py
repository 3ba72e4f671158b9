"""Which sizes the graphs of a bundle are run on: engines that are built ahead are built for these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licrt.runtime import tiling
from licrt.runtime.backends import Shapes
from licrt.runtime.bundle import Sizes

if TYPE_CHECKING:
    from licrt.runtime.bundle import Bundle

BEST_PIXELS = (1088, 1920)  # 1080p in whole strides of 16
# Latent samples that a hyper-analysis sees at most, which is 4096 pixels at a stride of 16; its work is little, so it
# takes any size below.
MOST_LATENTS = 256


def sizes_of(bundle: Bundle, role: str) -> Sizes:
    """Return the heights and widths that a graph is run on, in samples of its input.

    They are those of the manifest, or for graphs of any size what `Transforms` keeps to.
    """
    graph = bundle.graphs.get(role)
    if graph and graph.sizes:
        return graph.sizes
    if role == "hyper_analysis":
        return hyper_sizes(bundle.stride, bundle.hyper_stride, graph.halo if graph else 0)
    unit = 1 if role == "analysis" else bundle.stride
    least = bundle.stride // unit
    halo = -(-graph.halo // least) * least if graph else 0
    # A tile with a wide halo may be larger than the largest picture that is not cut.
    most = max(tiling.MAX_UNTILED_SIDE // unit, tiling.SMALLEST_TILE_PIXELS // unit + 2 * halo)
    most += -most % least
    return Sizes((least, least), (BEST_PIXELS[0] // unit, BEST_PIXELS[1] // unit), (most, most))


def hyper_sizes(stride: int, hyper_stride: int, halo: int) -> Sizes:
    """Return the heights and widths, in latent samples, that a hyper-analysis is run on.

    >>> hyper_sizes(16, 4, 9)
    Sizes(least=(1, 1), best=(68, 120), most=(256, 256))
    """
    best = BEST_PIXELS[0] // stride, BEST_PIXELS[1] // stride
    most = max(MOST_LATENTS, 4 * halo, *best)
    most += -most % hyper_stride
    return Sizes((1, 1), best, (most, most))


def shapes_of(bundle: Bundle, role: str) -> Shapes:
    """Return the shapes of a graph's input, for `Backend.load`."""
    graph = bundle.graphs[role]
    channels = 3 if role == "analysis" else bundle.latent_channels

    def shape(size: tuple[int, int]) -> tuple[int, ...]:
        return (1, *size, 3) if role == "analysis" and graph.takes_bytes else (1, channels, *size)

    return Shapes(*map(shape, sizes_of(bundle, role)))
