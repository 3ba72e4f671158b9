"""How far networks see, by changing one sample at a time."""

from __future__ import annotations

from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from references.networks import layer_of, network_of

from licrt.export import integer_reference as reference
from licrt.export.carried_halo import carried_halo
from licrt.runtime.errors import ModelError

SIDE = 25


@st.composite
def enlarging(draw):
    """Networks of layers that keep or enlarge, of which every weight and every sum counts."""
    layers = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["conv", "conv_transpose", "subpixel"]))
        upscale = draw(st.integers(2, 3)) if kind == "subpixel" else 1
        kernel = draw(st.integers(1, 5)), draw(st.integers(1, 5))
        stride = draw(st.integers(1, 2)) if kind == "conv_transpose" else 1
        weight = np.ones((upscale**2, 1, *kernel), np.int8)
        padding = draw(st.integers(0, min(kernel) - 1))
        layer = layer_of(weight, kind=kind, stride=stride, padding=padding, shift=1, bits=16)
        extra = draw(st.integers(0, stride - 1)) if kind == "conv_transpose" else 0
        layers.append(replace(layer, upscale=upscale, output_padding=extra))
    layers.append(layer_of(np.ones((1, 1, 1, 1), np.int8), shift=1, bits=24))
    return network_of(*layers, input_bits=16, index_channels=0, thresholds=np.zeros((1, 0, 0), np.int32))


@settings(max_examples=60, deadline=None)
@given(enlarging())
def test_it_is_as_far_as_changes_reach(network):
    """A sample in the middle changes outputs of samples up to the halo away along one axis, and none beyond."""
    scale = int(np.prod([layer.stride * layer.upscale for layer in network.layers]))
    height, width = reference.output_size(network, SIDE, SIDE)
    middle = SIDE // 2

    def run(symbol):
        symbols = np.zeros((1, SIDE, SIDE), np.int32)
        symbols[0, middle, middle] = symbol
        return reference.run(network, symbols, height, width)[1][0]

    places = np.argwhere(run(20000) != run(0)) // scale
    assert np.abs(places - middle).max(initial=0) == carried_halo(network)


def test_networks_that_shrink_have_none():
    network = network_of(layer_of(np.ones((1, 1, 1, 1), np.int8), stride=2))
    with pytest.raises(ModelError, match="gives 1/2 samples for one of its input; expected a whole number"):
        carried_halo(network)
