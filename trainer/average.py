"""The moving average of a model's weights, which is a better model than the last one alone.

Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J. Control Optim. 30, 1992.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, TypeVar

from torch.optim.swa_utils import get_ema_multi_avg_fn

if TYPE_CHECKING:
    from torch import nn

Model = TypeVar("Model", bound="nn.Module")


def start_average(model: Model) -> Model:
    """A copy of a model, in evaluation mode, whose parameters take no gradient."""
    return copy.deepcopy(model).eval().requires_grad_(False)


def update_average(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Move the average towards the model after so many updates; the first ones count more than the decay says.

    >>> import torch
    >>> average, model = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    >>> _ = torch.nn.init.zeros_(average.weight), torch.nn.init.ones_(model.weight)
    >>> update_average(average, model, 0.75, step=1000)
    >>> average.weight.item()
    0.25
    """
    decay = min(decay, (1 + step) / (10 + step))  # else a short run's average would be its random start
    get_ema_multi_avg_fn(decay)([*average.parameters()], [*model.parameters()], step)


def copy_buffers(average: nn.Module, model: nn.Module) -> None:
    """Give the average the model's buffers, which no optimiser moves."""
    for buffer, source in zip(average.buffers(), model.buffers(), strict=True):
        buffer.copy_(source)
