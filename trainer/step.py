"""One step of training: a batch, its loss and gradient, and the update."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from licrt.trainer.losses import Loss
    from licrt.trainer.models import CompressionModel
    from licrt.trainer.models.base import Output
    from licrt.trainer.objective import Objective
    from licrt.trainer.recipe import Recipe
    from licrt.trainer.state import TrainingState


class Measured(NamedTuple):
    """What a step is recorded by, for the batch of all processes: means of the loss, and the norm of the gradient."""

    loss: float
    bpp: float
    mse: float
    gradient_norm: float

    @property
    def finite(self) -> bool:
        """Whether the step may be taken."""
        return bool(np.isfinite(self).all())


class Criterion(nn.Module):
    """The loss of a model on a batch: what several processes compute in parallel and average the gradients of."""

    def __init__(self, model: CompressionModel, objective: Objective, precision: str) -> None:
        super().__init__()
        self.model = Bfloat16(model) if precision == "bf16" else model
        self._objective = objective

    def forward(self, x: Tensor, numbers: Tensor) -> Loss:
        """Loss of pictures x, float [batch, 3, height, width] in 0…1, with these numbers [batch] in the run."""
        return self._objective(self.model, x, numbers)


class Bfloat16(nn.Module):
    """A model under autocast: its networks compute in bfloat16, its entropy models in float32."""

    def __init__(self, model: CompressionModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, *arguments: Any, **options: Any) -> Output:
        """The model's output for pictures x, in float32."""
        with torch.autocast(x.device.type, torch.bfloat16):
            output: Output = self.model(x, *arguments, **options)
        return {"x_hat": output["x_hat"].float(), "likelihoods": output["likelihoods"]}


def seed_noise(recipe: Recipe, step: int) -> None:
    """Let the noise of a step follow from the recipe's seed and the step, whatever was drawn before."""
    torch.manual_seed(int(np.random.SeedSequence((recipe.seed, step)).generate_state(1, np.uint64)[0] >> np.uint64(1)))


def measure(state: TrainingState, crops: Tensor, numbers: Tensor) -> Measured:
    """Compute the loss of a batch and the gradient of the networks' weights.

    Args:
        state: takes the gradient.
        crops: this process's part of the batch, uint8 [part, 3, side, side].
        numbers: of the crops in the run, int64 [part].
    """
    x = crops.to(state.device, non_blocking=True).float() / 255
    state.optimizer.zero_grad()
    loss = state.criterion(x, numbers)
    loss.total.backward()
    norm = nn.utils.get_total_norm([weight.grad for weight in state.weights if weight.grad is not None])
    losses = state.processes.mean(torch.stack([*loss]).detach())
    # One transfer, for the device is waited for here.
    return Measured(*torch.cat([losses, norm.to(losses)[None]]).tolist())


def update(state: TrainingState, measured: Measured, recipe: Recipe) -> Tensor:
    """Take a step along the gradient that was measured; returns the auxiliary loss, a scalar."""
    if recipe.clip_norm:
        norm = torch.tensor(measured.gradient_norm, device=state.device)
        nn.utils.clip_grads_with_norm_(state.weights, recipe.clip_norm, norm)
    state.optimizer.step()
    state.aux_optimizer.zero_grad()
    aux_loss = state.model.aux_loss()
    aux_loss.backward()  # type: ignore[no-untyped-call]
    state.aux_optimizer.step()
    state.advance(recipe.batch_size)
    state.sums += torch.tensor(measured, dtype=torch.float64)
    return aux_loss.detach()
