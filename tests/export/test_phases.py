import numpy as np
import pytest
import torch

from licrt.export.phases import Convolution, Transposed, of_phases, of_transposed

# kernel, stride, padding, output padding; each enlarges exactly `stride` times
LAYERS = [(5, 2, 2, 1), (9, 4, 4, 3), (4, 2, 1, 0), (3, 2, 1, 1), (2, 2, 0, 0), (6, 3, 2, 1), (1, 2, 0, 1)]


def layer_of(kernel: int, stride: int, padding: int, extra: int) -> tuple[torch.nn.ConvTranspose2d, Transposed]:
    torch.manual_seed(kernel)
    layer = torch.nn.ConvTranspose2d(3, 2, kernel, stride, padding, extra, dtype=torch.float64)
    assert layer.bias is not None
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    return layer, Transposed(weight, bias, stride, (padding, padding))


def run(convolution: Convolution, x: np.ndarray) -> np.ndarray:
    weight, bias, (top, left, bottom, right) = convolution
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    tensors = [torch.from_numpy(array) for array in (padded, weight, bias)]
    return torch.nn.functional.conv2d(*tensors).numpy()


def interleave(phases: list[np.ndarray]) -> np.ndarray:
    factor = round(len(phases) ** 0.5)
    _, channels, height, width = phases[0].shape
    whole = np.empty((1, channels, factor * height, factor * width))
    for number, phase in enumerate(phases):
        whole[..., number // factor :: factor, number % factor :: factor] = phase
    return whole


@pytest.mark.parametrize("numbers", LAYERS)
@pytest.mark.parametrize("size", [(1, 1), (3, 4)])
def test_phases_interleave_to_the_layer(numbers: tuple[int, int, int, int], size: tuple[int, int]) -> None:
    layer, transposed = layer_of(*numbers)
    x = np.random.default_rng(0).normal(size=(1, 3, *size))
    expected = layer(torch.from_numpy(x)).detach().numpy()
    actual = interleave([run(convolution, x) for convolution in of_transposed(transposed)])
    np.testing.assert_allclose(actual, expected, atol=1e-12)


@pytest.mark.parametrize("numbers", LAYERS)
@pytest.mark.parametrize("factor", [2, 3])
def test_phases_of_the_input_sum_to_all_phases_of_the_output(numbers: tuple[int, int, int, int], factor: int) -> None:
    layer, transposed = layer_of(*numbers)
    x = np.random.default_rng(0).normal(size=(1, 3, 2 * factor, 3 * factor))
    inputs = [x[..., i::factor, j::factor] for i in range(factor) for j in range(factor)]
    parts = of_phases(transposed, factor)
    total = sum(run(part, phase) for part, phase in zip(parts, inputs, strict=True))
    outputs = np.split(total, (factor * transposed.stride) ** 2, axis=1)
    np.testing.assert_allclose(interleave(outputs), layer(torch.from_numpy(x)).detach().numpy(), atol=1e-12)


def test_no_multiplication_is_wasted() -> None:
    _, transposed = layer_of(5, 2, 2, 1)
    shapes = [convolution.weight.shape[2:] for convolution in of_transposed(transposed)]
    assert shapes == [(3, 3), (3, 2), (2, 3), (2, 2)]
