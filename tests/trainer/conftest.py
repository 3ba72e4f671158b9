"""Models and pictures that the trainer's tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from references.sizes import sizes

from licrt.trainer.models import ARCHITECTURES
from licrt.trainer.models.factorised import Factorised

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from licrt.trainer.models import CompressionModel


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """The machine is shared, and sums in one order make comparisons sharp."""
    torch.set_num_threads(1)


def spread(network: torch.nn.Sequential, x: torch.Tensor, deviation: float) -> torch.Tensor:
    """Scales the last convolution of a network, so that its output has about this standard deviation around zero."""
    convolutions = [layer for layer in network if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d)]
    last = [*network].index(convolutions[-1])
    before = network[: last + 1](x)
    convolutions[-1].bias.sub_(before.mean(dim=(0, 2, 3)))
    for _ in range(4):  # once is enough, unless there is attention behind
        factor = deviation / network(x).std()
        convolutions[-1].bias.mul_(factor)
        convolutions[-1].weight.mul_(factor)
    return network(x)


@pytest.fixture(scope="session")
def perturbed() -> Callable[..., CompressionModel]:
    """Makes a model in evaluation mode, moved at random from where training starts, GDN's stored values below their
    bounds included."""

    def make(arch: str, channels: tuple[int, int] = (8, 12), seed: int = 0) -> CompressionModel:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = ARCHITECTURES[arch](*sizes(arch, *channels))
            with torch.no_grad():
                for name, parameter in model.named_parameters():
                    size = 3.0 if name.endswith("quantiles") else 0.1
                    parameter += size * torch.randn_like(parameter) * (parameter.abs().mean() if size < 1 else 1)
                y = spread(model.g_a, torch.rand(1, 3, 128, 128), 4.0)
                if not isinstance(model, Factorised):
                    z = spread(model.h_a, y, 3.0)
                    spread(model.h_s, z, 2.0)
                for group in model.context_groups() if hasattr(model, "context_groups") else ():
                    group.parameters[-1].weight.mul_(10)
        return model.eval()

    return make


@pytest.fixture(scope="session")
def to_arrays() -> Callable[[torch.nn.Module], dict[str, NDArray[np.generic]]]:
    """State dict of a module as the oracle takes it."""
    return lambda module: {f"state:{key}": value.detach().numpy() for key, value in module.state_dict().items()}


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of five smooth pictures, 96x80 and 80x96, in two levels."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "more").mkdir()
    random = np.random.default_rng(0)
    for number in range(5):
        height, width = (96, 80) if number % 2 else (80, 96)
        coarse = random.integers(0, 256, (6, 6, 3), np.uint8)
        image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        image.save(folder / ("more" if number > 2 else ".") / f"{number}.png")
    return folder
