import numpy as np
import pytest
import torch

from licrt.export import integer_reference
from licrt.runtime.integer import Layer, Network


@pytest.mark.parametrize(
    ("kind", "stride", "padding", "output_padding"),
    [("conv", 1, 1, 0), ("conv", 2, 2, 0), ("conv_transpose", 2, 2, 1), ("conv_transpose", 3, 0, 0)],
)
def test_the_accumulator_is_pytorchs_convolution(kind, stride, padding, output_padding) -> None:
    """Small integers are exact in float64, so torch is a reference for sizes, padding and orientation."""
    rng = np.random.default_rng(0)
    weight = rng.integers(-127, 128, (3, 2, 5, 3) if padding < 3 else (3, 2, 3, 3)).astype(np.int8)
    bias = rng.integers(-1000, 1000, 3).astype(np.int32)
    layer = Layer(kind, weight, bias, np.ones(3, np.uint8), stride, padding, output_padding, "none", 24)
    network = Network(10, 0, np.zeros(2, np.int32), (layer,), 0, np.zeros((1, 0, 0), np.int32))
    symbols = rng.integers(-600, 600, (2, 6, 7)).astype(np.int32)
    x = torch.from_numpy(np.clip(symbols, -512, 511)).double()[None]
    w, b = torch.from_numpy(weight).double(), torch.from_numpy(bias).double()
    if kind == "conv":
        expected = torch.nn.functional.conv2d(x, w, b, stride, padding)
    else:
        expected = torch.nn.functional.conv_transpose2d(x, w.transpose(0, 1), b, stride, padding, output_padding)
    height, width = expected.shape[2:]
    _, means = integer_reference.run(network, symbols, height, width)
    assert means.shape == expected[0].shape
    assert np.array_equal(means, np.floor((expected[0].numpy() + 1) / 2))
