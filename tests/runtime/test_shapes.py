"""Sizes that engines are built for: those of the manifest, or what the runtime keeps to by itself."""

from __future__ import annotations

import dataclasses

import pytest
from references.bundles import SINGLE_RATE

from licrt.runtime import tiling
from licrt.runtime.backends import Shapes
from licrt.runtime.bundle import Sizes, load_bundle
from licrt.runtime.shapes import shapes_of, sizes_of


def with_graph(role: str, **changes):
    bundle = load_bundle(SINGLE_RATE)
    return dataclasses.replace(bundle, graphs={role: dataclasses.replace(bundle.graphs[role], **changes)})


def test_sizes_of_the_manifest_are_used_as_they_are() -> None:
    sizes = Sizes((16, 32), (512, 512), (512, 1024))
    bundle = with_graph("analysis", sizes=sizes, takes_bytes=True)
    assert sizes_of(bundle, "analysis") == sizes
    assert shapes_of(bundle, "analysis") == Shapes((1, 16, 32, 3), (1, 512, 512, 3), (1, 512, 1024, 3))
    planes = with_graph("analysis", sizes=sizes)
    assert shapes_of(planes, "analysis").least == (1, 3, 16, 32)
    channels = planes.latent_channels
    assert shapes_of(with_graph("synthesis", sizes=sizes), "synthesis").best == (1, channels, 512, 512)


@pytest.mark.parametrize("halo", [0, 30, 200, 1000])
def test_tiles_of_plain_graphs_stay_within_their_sizes(halo: int) -> None:
    """Whatever the picture: long, large, or both."""
    for role, unit, each in (("analysis", 1, halo), ("synthesis", 16, -(-halo // 16))):
        sizes = sizes_of(with_graph(role, halo=each), role)
        assert sizes.least == (16 // unit, 16 // unit)
        for size in ((1, 1), (68, 120), (120, 68), (1, 4000), (128, 64), (129, 10), (300, 500)):
            for spans in tiling.tiles(*size, 16, -(-halo // 16)):
                for span, most in zip(spans, sizes.most, strict=True):
                    assert (span.outer_end - span.outer_begin) * 16 <= most * unit


@pytest.mark.parametrize("halo", [0, 7, 64, 300])
def test_hyper_analyses_have_something_inside_their_halo(halo: int) -> None:
    least, best, most = sizes_of(with_graph("hyper_analysis", halo=halo), "hyper_analysis")
    assert least == (1, 1)
    assert best == (68, 120)
    assert most[0] % 4 == 0
    assert most[0] > 2 * (halo + 4)
