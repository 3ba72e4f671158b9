from __future__ import annotations

import pytest
import torch

from licrt.trainer.layers import convolution, transposed_convolution


@pytest.mark.parametrize(("kernel", "stride"), [(5, 2), (9, 4), (3, 1)])
def test_sizes(kernel: int, stride: int) -> None:
    for side in range(4, 17):
        small = convolution(1, 1, kernel, stride)(torch.zeros(1, 1, side, side))
        assert small.shape[-1] == -(-side // stride)
        assert transposed_convolution(1, 1, kernel, stride)(small).shape[-1] == small.shape[-1] * stride
