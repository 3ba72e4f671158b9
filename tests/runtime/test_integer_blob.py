"""The proof of integer networks, and blobs from strangers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from references.networks import fixed_network, instruction_sets, layer_of, network_of, smallest

from licrt.runtime import _native
from licrt.runtime.errors import ModelError
from licrt.runtime.integer import prove, to_blob

BROKEN = {
    "1 to 64 layers": lambda n: replace(n, layers=n.layers * 65),
    "input_bits is 17": lambda n: replace(n, input_bits=17),
    "input_bits is 1,": lambda n: replace(n, input_bits=1),
    "input_shift is 16": lambda n: replace(n, input_shift=16),
    "input_offset is int64": lambda n: replace(n, input_offset=n.input_offset.astype(np.int64)),
    "input_offset has shape": lambda n: replace(n, input_offset=np.zeros((1, 1), np.int32)),
    "layer 0: weight has shape": lambda n: replace(n, input_offset=np.zeros(2, np.int32)),
    "index_channels is 2": lambda n: replace(n, index_channels=2),
    "thresholds has shape": lambda n: replace(n, thresholds=np.zeros((1, 2, 1), np.int32)),
    "thresholds have 2 axes": lambda n: replace(n, thresholds=np.zeros((1, 1), np.int32)),
    "rate points of thresholds is 0": lambda n: replace(n, thresholds=np.zeros((0, 1, 1), np.int32)),
    "rate points of thresholds is 257": lambda n: replace(n, thresholds=np.zeros((257, 1, 1), np.int32)),
    "thresholds is int64": lambda n: replace(n, thresholds=n.thresholds.astype(np.int64)),
    "thresholds of channel 0 decrease": lambda n: replace(n, thresholds=np.int32([[[1, 2]], [[2, 1]]])),
    "thresholds per channel is 256": lambda n: replace(n, thresholds=np.zeros((1, 1, 256), np.int32)),
    "thresholds per channel is 0": lambda n: replace(n, thresholds=np.zeros((1, 1, 0), np.int32)),
}
BROKEN_LAYERS = {
    "kind is 'pool'": {"kind": "pool"},
    "activation is 'gelu'": {"activation": "gelu"},
    "accumulator_bits is 48": {"accumulator_bits": 48},
    "weight has 2 axes": {"weight": np.ones((1, 1), np.int8)},
    "weight is int32": {"weight": np.ones((1, 1, 1, 1), np.int32)},
    "weight -128 is not symmetric": {"weight": np.full((1, 1, 1, 1), -128, np.int8)},
    "weight -32768 is not symmetric": {"weight": np.full((1, 1, 1, 1), -32768, np.int16)},
    "kernel height is 16": {"weight": np.ones((1, 1, 16, 1), np.int8)},
    "kernel width is 0": {"weight": np.ones((1, 1, 1, 0), np.int8)},
    "output channels is 4097": {"weight": np.ones((4097, 1, 1, 1), np.int8)},
    "bias has shape": {"bias": np.zeros(2, np.int32)},
    "bias is float32": {"bias": np.zeros(1, np.float32)},
    "shift is 0": {"shift": np.zeros(1, np.uint8)},
    "shift is 31": {"shift": np.full(1, 31, np.uint8)},
    "stride is 9": {"stride": 9},
    "padding is 1": {"padding": 1},
    "padding is -1": {"padding": -1},
    "output_padding is 1": {"output_padding": 1},
    "upscale is 2, expected 1 to 1": {"upscale": 2},
    "upscale is 1, expected 2 to 4": {"kind": "subpixel"},
    "upscale is 5, expected 2 to 4": {"kind": "subpixel", "upscale": 5},
    "upscale is 2.0": {"kind": "subpixel", "upscale": 2.0},
    "1 output channels are no multiple of 2²": {"kind": "subpixel", "upscale": 2},
    "output_bits is 25": {"output_bits": 25},
    "channel 0 can overflow 32 bits": {"bias": np.full(1, -(2**31), np.int32)},
}


@pytest.mark.parametrize("message", [*BROKEN, *BROKEN_LAYERS])
def test_networks_that_break_a_rule(message):
    network = smallest()
    if message in BROKEN:
        network = BROKEN[message](network)
    else:
        network = replace(network, layers=(replace(network.layers[0], **BROKEN_LAYERS[message]),))
        message = f"layer 0: {message}"
    with pytest.raises(ModelError, match=message):
        to_blob(network)


def test_the_proof_names_layer_and_channel():
    weight = np.ones((3, 1, 1, 1), np.int8)
    bias = np.array([0, 0, 2**31 - 1], np.int32)
    first = layer_of(np.ones((1, 1, 1, 1), np.int8))
    network = network_of(first, replace(layer_of(weight), bias=bias))
    with pytest.raises(ModelError, match=r"^layer 1: channel 2 can overflow 32 bits"):
        prove(network)
    with pytest.raises(ModelError, match="layer 1: channel 2 can overflow"):
        _native.Network(forged_blob(network))


def forged_blob(network):
    """The blob of a network whose proof fails, which to_blob refuses to write."""
    honest = replace(network.layers[-1], bias=np.full_like(network.layers[-1].bias, 0x01020304))
    blob = to_blob(replace(network, layers=(*network.layers[:-1], honest)))
    assert blob.count(honest.bias.tobytes()) == 1
    return blob.replace(honest.bias.tobytes(), network.layers[-1].bias.tobytes())


def test_the_last_layer_is_no_subpixel_convolution():
    four = replace(layer_of(np.ones((4, 1, 1, 1), np.int8)), kind="subpixel", upscale=2)
    with pytest.raises(ModelError, match="the last layer is a sub-pixel convolution"):
        prove(network_of(four))
    prove(network_of(four, layer_of(np.ones((3, 1, 1, 1), np.int8))))
    with pytest.raises(ModelError, match=r"layer 1: weight has shape \(3, 4, 1, 1\), expected \(3, 1, 1, 1\)"):
        prove(network_of(four, layer_of(np.ones((3, 4, 1, 1), np.int8))))


def test_hidden_layers_have_at_most_16_bits():
    one = np.ones((1, 1, 1, 1), np.int8)
    with pytest.raises(ModelError, match="layer 0: output_bits is 17, expected 2 to 16"):
        prove(network_of(layer_of(one, bits=17), layer_of(one)))
    prove(network_of(layer_of(one), layer_of(one, bits=24)))


def test_truncated_and_extended_blobs():
    blob = to_blob(fixed_network(wide=False))
    for size in [*range(200), *range(200, len(blob), 37), len(blob) - 1]:
        with pytest.raises(ModelError):
            _native.Network(blob[:size])
    for tail in (b"\0", bytes(4)):
        with pytest.raises(ModelError, match="left over"):
            _native.Network(blob + tail)


@pytest.mark.parametrize(
    ("word", "value", "message"),
    [
        (0, 0x4C4E4555, "LNET"),
        (1, 1, "version is 1"),
        (2, 0, "layer_count is 0"),
        (2, 65, "layer_count is 65"),
        (3, 0, "input_channels is 0"),
        (3, 2**32 - 1, "input_channels is 4294967295"),
        (4, 17, "input_bits is 17"),
        (5, 16, "input_shift is 16"),
        (7, 3, "layer 0: kind is 3"),
        (7, 2, "layer 0: upscale is 1"),
        (8, 2, "cut short|channels that arrive"),
        (9, 4097, "layer 0: out is 4097"),
        (9, 4096, "cut short"),
        (10, 16, "kernel_h is 16"),
        (11, 0, "kernel_w is 0"),
        (12, 9, "stride is 9"),
        (13, 1, "padding is 1"),
        (14, 1, "output_padding is 1"),
        (15, 2, "upscale is 2"),
        (16, 12, "weight_bits"),
        (17, 33, "accumulator_bits"),
        (18, 3, "activation is 3"),
        (19, 25, "output_bits is 25"),
        (20, 0x101, "padding is not zero"),
        (20, 0x80, "not symmetric"),
        (22, 0, "shift is 0"),
        (23, 2, "index_channels is 2"),
        (24, 1, "heads"),
        (25, 0, "threshold_count is 0"),
        (25, 256, "threshold_count is 256"),
        (26, 0, "rate_points is 0"),
        (26, 257, "rate_points is 257"),
    ],
)
def test_every_field_of_a_blob_is_checked(word, value, message):
    blob = bytearray(to_blob(smallest()))
    assert len(blob) == 28 * 4
    blob[4 * word : 4 * word + 4] = value.to_bytes(4, "little")
    with pytest.raises(ModelError, match=message):
        _native.Network(bytes(blob))


def test_damaged_blobs_are_refused_or_still_networks():
    blob, random = to_blob(fixed_network(wide=False)), np.random.default_rng(4)
    small = to_blob(smallest())
    symbols = np.full((6, 2, 2), 2**31 - 1, np.int32)
    accepted, cpus = 0, instruction_sets()
    for number in range(3000):
        damaged = bytearray(blob if number % 2 else small)
        for _ in range(random.integers(1, 4)):
            at = int(random.integers(0, min(len(damaged), 120) if random.random() < 0.8 else len(damaged)))
            damaged[at] = random.choice([0, 1, 2, 3, 4, 127, 128, 255, random.integers(0, 256)])
        try:
            network = _native.Network(bytes(damaged), cpus[number % len(cpus)])
            size = network.output_size(2, 2)
        except (ModelError, ValueError):
            continue
        accepted += 1
        channels = network.input_channels
        network.run(np.ascontiguousarray(symbols[:channels]), *size, 1)
    assert accepted > 100


def test_limits_come_before_memory():
    """A header that promises 4096 x 4096 x 15 x 15 weights of 16 bits is refused without asking for 7 GB."""
    words = [0x54454E4C, 2, 1, 4096, 8, 0]
    layer = [0, 4096, 4096, 15, 15, 1, 0, 0, 1, 16, 64, 0, 8]
    blob = np.array(words + [0] * 4096 + layer, "<u4").tobytes() + bytes(1000)
    with pytest.raises(ModelError, match="cut short"):
        _native.Network(blob)
