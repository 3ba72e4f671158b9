"""Small integer networks for tests."""

from __future__ import annotations

import numpy as np
from references.tables import Sequence

from licrt.runtime import _native
from licrt.runtime.errors import BackendError
from licrt.runtime.integer import Layer, Network, to_blob

ACTIVATIONS = ("none", "relu", "leaky_relu")


def layer_of(weight, *, kind="conv", bias=0, shift=4, activation="none", bits=12, accumulator=32, stride=1, padding=0):
    """A layer with one bias and one shift."""
    out = weight.shape[0]
    biases, shifts = np.full(out, bias, np.int32), np.full(out, shift, np.uint8)
    return Layer(kind, weight, biases, shifts, stride, padding, 0, activation, bits, accumulator)


def network_of(*layers, input_bits=10, index_channels=None, thresholds=None):
    """A network whose last layer is all index head, unless told otherwise."""
    wide = layers[-1].accumulator_bits == 64
    heads = layers[-1].weight.shape[0] if index_channels is None else index_channels
    if thresholds is None:
        thresholds = np.zeros((heads, 1), np.int64 if wide else np.int32)
    channels = layers[0].weight.shape[1]
    return Network(input_bits, 0, np.zeros(channels, np.int32), layers, heads, thresholds)


def smallest():
    return network_of(layer_of(np.ones((1, 1, 1, 1), np.int8)))


def instruction_sets():
    """Every value of LICRT_CPU that this machine can run."""
    found = []
    for cpu in ("scalar", "avx2", "avx512vnni", "neon", "neondot"):
        try:
            found.append(_native.Network(to_blob(smallest()), cpu).cpu)
        except BackendError:
            continue
    return found


def fixed_network(wide):
    """A network made without numpy's generators, so that it never changes."""
    numbers = Sequence(8)
    dtype, limit, accumulator = (np.int16, 32767, 64) if wide else (np.int8, 127, 32)

    def layer(kind, shape, stride, activation, shift):
        weight = [numbers.below(2 * limit + 1) - limit for _ in range(int(np.prod(shape)))]
        bias = np.array([numbers.below(2001) - 1000 for _ in range(shape[0])], np.int32)
        shifts = np.full(shape[0], shift + 8 * wide, np.uint8)
        weights = np.array(weight, dtype).reshape(shape)
        return Layer(kind, weights, bias, shifts, stride, 1, stride - 1, activation, 13, accumulator)

    layers = (
        layer("conv_transpose", (19, 6, 3, 3), 2, "leaky_relu", 6),
        layer("conv", (17, 19, 3, 3), 1, "relu", 9),
        layer("conv", (10, 17, 3, 3), 1, "none", 9),
    )
    step = 60000 * (256 if wide else 1)
    thresholds = np.arange(-31, 32)[None].repeat(5, axis=0) * step
    return Network(
        11, 3, np.arange(-3, 3, dtype=np.int32), layers, 5, thresholds.astype(np.int64 if wide else np.int32)
    )
