"""What all entropy models share: quantisation, the bound on likelihoods, and the coder's tables."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from licrt.runtime.errors import ModelError
from licrt.trainer.entropy_models.cdf import cdf_table
from licrt.trainer.layers import LowerBound

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Forward = TypeVar("Forward", bound="Callable[..., tuple[Tensor, Tensor]]")

TAIL_MASS = 1e-9  # probability outside of a table, left to the escape
LIKELIHOOD_BOUND = 1e-9


def in_float32(forward: Forward) -> Forward:
    """Makes a forward compute in float32 under autocast: likelihoods are differences of near values."""

    @wraps(forward)
    def call(self: EntropyModel, x: Tensor, *others: Tensor | None, **named: Tensor | None) -> tuple[Tensor, Tensor]:
        if not torch.is_autocast_enabled(x.device.type):
            return forward(self, x, *others, **named)
        with torch.autocast(x.device.type, enabled=False):
            single = {name: _in_float32(value) for name, value in named.items()}
            return forward(self, x.float(), *(_in_float32(other) for other in others), **single)

    return call  # type: ignore[return-value]


def _in_float32(value: Tensor | None) -> Tensor | None:
    return None if value is None else value.float()


class EntropyModel(nn.Module):
    """Base of the entropy models.

    The tables are buffers that are empty until :meth:`update` fills them or a state dict brings them, at whatever size
    they have there.

    Attributes:
        part, parts: this model sees one of so many equal parts of each training batch, as many processes do; its noise
            is that part of what one process would draw for the whole batch.
    """

    _offset: Tensor
    _quantized_cdf: Tensor
    _cdf_length: Tensor
    resizable: tuple[str, ...] = ("_offset", "_quantized_cdf", "_cdf_length")

    def __init__(self) -> None:
        super().__init__()
        self.part, self.parts = 0, 1
        self.likelihood_lower_bound = LowerBound(LIKELIHOOD_BOUND)
        for name in EntropyModel.resizable:
            self.register_buffer(name, torch.empty(0, dtype=torch.int32))

    @property
    def has_tables(self) -> bool:
        """Whether the tables are filled."""
        return self._offset.numel() > 0

    @property
    def table_count(self) -> int:
        """Number of tables that belong to this model."""
        raise NotImplementedError

    def tables(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        """The coder's tables: cdf ``[tables, longest]``, lengths ``[tables]``, offsets ``[tables]``, all int32.

        Raises:
            ModelError: there are none yet.
        """
        if not self.has_tables:
            raise ModelError("this model has no CDF tables; call its update() first")
        cdf, lengths, offsets = (
            buffer.cpu().numpy().astype(np.int32) for buffer in (self._quantized_cdf, self._cdf_length, self._offset)
        )
        return cdf, lengths, offsets

    def update(self, *, force: bool = False) -> bool:
        """Fills the tables from the distributions; tables that are there stay unless ``force``.

        Returns:
            Whether the tables are new.
        """
        raise NotImplementedError

    def _fill_tables(self, pmf: Tensor, tail_mass: Tensor, lengths: Tensor, offsets: Tensor) -> None:
        """Quantises pmf [tables, longest], of which lengths [tables] entries count, with tail_mass [tables, 1]."""
        rows = zip(pmf.cpu().numpy(), tail_mass.cpu().numpy(), lengths.tolist(), strict=True)
        cdf = cdf_table(np.concatenate([probabilities[:length], tail]) for probabilities, tail, length in rows)
        self._quantized_cdf = torch.from_numpy(cdf).to(pmf.device)
        self._cdf_length = (lengths + 2).int()
        self._offset = offsets.int()

    def quantize(self, x: Tensor, means: Tensor | None = None, batch_dim: int = 0) -> Tensor:
        """Adds uniform noise in (-1/2, 1/2) in training, else rounds ``x - means`` half to even and adds the means."""
        if self.training:
            return x + self._noise(x, batch_dim)
        return torch.round(x) if means is None else torch.round(x - means) + means

    def _noise(self, x: Tensor, batch_dim: int) -> Tensor:
        shape = list(x.shape)
        shape[batch_dim] *= self.parts
        return x.new_empty(shape).uniform_(-0.5, 0.5).chunk(self.parts, batch_dim)[self.part]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        for name in self.resizable:
            if isinstance(loaded := state_dict.get(prefix + name), Tensor):
                setattr(self, name, getattr(self, name).new_empty(loaded.shape))
        super()._load_from_state_dict(state_dict, prefix, *args)
