"""Random integer networks of every kind, as strategies of hypothesis."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from references.networks import ACTIVATIONS

from licrt.runtime.integer import Layer, Network


@st.composite
def networks(draw):
    """Networks of 1 to 3 layers that can be proved, with weights of every size and every kind of accumulator."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    channels = first = draw(st.sampled_from([1, 2, 3, 17]))
    bits = input_bits = draw(st.integers(2, 16))
    layers = []
    for remaining in reversed(range(draw(st.integers(1, 3)))):
        kind = draw(
            st.sampled_from(["conv", "conv_transpose", "subpixel"] if remaining else ["conv", "conv_transpose"])
        )
        upscale = draw(st.integers(2, 4)) if kind == "subpixel" else 1
        out = draw(st.sampled_from([1, 3, 16, 17, 33] if upscale == 1 else [1, 3, 5])) * upscale**2
        kernel_h, kernel_w, stride = draw(st.integers(1, 5)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
        dtype = draw(st.sampled_from([np.int8, np.int16]))
        limit = draw(st.sampled_from([1, 5, np.iinfo(dtype).max]))
        weight = random.integers(-limit, limit + 1, (out, channels, kernel_h, kernel_w)).astype(dtype)
        largest = int(np.abs(weight.astype(np.int64)).sum(axis=(1, 2, 3)).max()) << (bits - 1)
        accumulator = 64 if largest >= 2**30 else draw(st.sampled_from([32, 64]))
        scale = max(largest, 2)
        bias = random.integers(-min(scale, 2**29), min(scale, 2**29), out).astype(np.int32)
        most_shift = min(int(scale).bit_length(), 28 if accumulator == 32 else 62)
        layers.append(
            Layer(
                kind,
                weight,
                bias,
                random.integers(1, most_shift + 1, out).astype(np.uint8),
                stride,
                draw(st.integers(0, min(kernel_h, kernel_w) - 1)),
                draw(st.integers(0, stride - 1)) if kind == "conv_transpose" else 0,
                draw(st.sampled_from(ACTIVATIONS)),
                draw(st.integers(2, 16 if remaining else 24)),
                accumulator,
                upscale,
            )
        )
        channels, bits = layers[-1].channels_out, layers[-1].output_bits
    heads = draw(st.integers(0, channels))
    points = draw(st.sampled_from([1, 1, 3]))
    thresholds = random.integers(-scale, scale, (points, heads, draw(st.sampled_from([1, 2, 63, 255]))))
    thresholds = np.sort(np.clip(thresholds, -(2**31), 2**31 - 1) if accumulator == 32 else thresholds, axis=2)
    offset = random.integers(-(2 ** (input_bits - 1)), 2 ** (input_bits - 1), first).astype(np.int32)
    return Network(
        input_bits,
        draw(st.integers(0, 15)),
        offset,
        tuple(layers),
        heads,
        thresholds.astype(np.int64 if accumulator == 64 else np.int32),
    )
