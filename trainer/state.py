"""The state of a training run: all that the next step depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from licrt.runtime.errors import ModelError
from licrt.trainer.checkpoint import load_checkpoint, read_file, save_checkpoint
from licrt.trainer.models import ARCHITECTURES

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from licrt.trainer.models import CompressionModel
    from licrt.trainer.recipe import Recipe

AVERAGED = ("loss", "bpp", "mse", "aux_loss")


class TrainingState:
    """Model, optimisers, position and sums of the metrics since the last record; seeds torch's generators.

    Attributes:
        model: in training mode, on the device.
        optimizer, aux_optimizer: Adam, of the networks and of the quantiles.
        step: updates made.
        samples: crops used.
        device: of the model.
        sums: of the values named in AVERAGED, float64.
    """

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        self.model = _initial(recipe).to(device).train()
        quantiles = self.model.entropy_bottleneck.quantiles
        self.weights = [parameter for parameter in self.model.parameters() if parameter is not quantiles]
        self.optimizer = torch.optim.Adam(self.weights, recipe.learning_rate)
        self.aux_optimizer = torch.optim.Adam([quantiles], recipe.aux_learning_rate)
        self.step = 0
        self.samples = 0
        self.device = device
        self.sums = torch.zeros(len(AVERAGED), dtype=torch.float64)

    def save(self, path: Path) -> None:
        """Write the state; a model can be loaded from it as from any checkpoint.

        Raises:
            PictureError: it cannot be written.
        """
        save_checkpoint(
            {
                "state_dict": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "aux_optimizer": self.aux_optimizer.state_dict(),
                "step": self.step,
                "samples": self.samples,
                "sums": self.sums,
                "random": _random_states(),
            },
            path,
        )

    def restore(self, path: Path) -> None:
        """Take over a state that was saved, torch's generators included.

        Raises:
            ModelError: it is missing, damaged, or of another model.
        """
        content: dict[str, Any] = read_file(path)
        try:
            self.model.load_state_dict(content["state_dict"])
            self.optimizer.load_state_dict(content["optimizer"])
            self.aux_optimizer.load_state_dict(content["aux_optimizer"])
            self.step, self.samples, self.sums = content["step"], content["samples"], content["sums"]
            _set_random_states(content["random"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelError(
                f"cannot resume from {path}: it is damaged, or of another architecture or size than the recipe's"
            ) from error


def _initial(recipe: Recipe) -> CompressionModel:
    """The model that a run starts from; its tables are made anew when the run ends.

    Raises:
        ModelError: the recipe's checkpoint cannot be read, or is of other sizes than the recipe's.
    """
    model = ARCHITECTURES[recipe.arch](recipe.channels, recipe.latent_channels)
    if not recipe.checkpoint:
        return model
    trained = load_checkpoint(recipe.checkpoint, recipe.arch)
    if (trained.channels, trained.latent_channels) != (recipe.channels, recipe.latent_channels):
        raise ModelError(
            f"checkpoint {recipe.checkpoint} has {trained.channels} and {trained.latent_channels} channels. "
            f"Set channels={trained.channels} latent_channels={trained.latent_channels}"
        )
    model.load_state_dict({**model.state_dict(), **dict(trained.named_parameters())})
    return model


def _random_states() -> list[Tensor]:
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [])]


def _set_random_states(states: list[Tensor]) -> None:
    torch.set_rng_state(states[0])
    if torch.cuda.is_available() and len(states) > 1:
        torch.cuda.set_rng_state_all(states[1:])
