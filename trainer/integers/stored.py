"""The ranges that a model was trained with in integers: they stay in its state dict, so that export takes the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from licrt.runtime.errors import ModelError
from licrt.trainer.integers.quantise import Widths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from licrt.trainer.integers.ranges import PathSteps, Ranges

STORED = "integers"  # what a model calls them
LEAST_SHARE = 1 / 64  # of the widest range in a layer


class StoredRanges(nn.Module):
    """Widths, and the largest magnitude of every channel of every layer, as buffers.

    The formats of an integer network depend on these and on the weights only
    (:func:`licrt.trainer.integers.fixed_point.fixed_point`). A model has it as its submodule ``integers``.

    Args:
        tensors: ``sizes`` (bits of weights, activations, accumulators), ``hyper_peak``, ``latent_peak`` `[M]`, and
            ``peak_0``, ``peak_1``, … `[out]` of each layer, in the order of `PathSteps.every`.
    """

    sizes: Tensor
    hyper_peak: Tensor
    latent_peak: Tensor

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)

    @classmethod
    def of(cls, ranges: Ranges, widths: Widths) -> StoredRanges:
        """Keep the peaks of ranges."""
        tensors = {
            "sizes": torch.tensor([widths.weight_bits, widths.activation_bits, widths.accumulator_bits]),
            "hyper_peak": torch.tensor(ranges.hyper_peak),
            "latent_peak": torch.from_numpy(ranges.latent_peak).float(),
        }
        for number, layer in enumerate(ranges.layers()):
            # A channel that no picture has woken yet still needs a range.
            peak = np.maximum(layer.peak, layer.peak.max() * LEAST_SHARE)
            tensors[f"peak_{number}"] = torch.from_numpy(peak).float()
        return cls(tensors)

    @property
    def widths(self) -> Widths:
        """How wide the integers are."""
        weight, activation, accumulator = self.sizes.tolist()
        return Widths(weight, activation, accumulator)

    def scale(self, share: float) -> None:
        """Multiply the range of every layer; those of the latents stay."""
        for name, buffer in self._buffers.items():
            if name.startswith("peak_") and buffer is not None:
                buffer *= share

    def ranges(self, steps: PathSteps) -> Ranges:
        """Join the peaks with the layers as they are now.

        Raises:
            ModelError: these are the ranges of another model.
        """
        seen = {}
        for number, step in enumerate(steps.every()):
            peak = self._buffers.get(f"peak_{number}")
            if peak is None or peak.shape != (step.convolution.out_channels,):
                raise ModelError(f"{STORED}.peak_{number} is missing or of another size than {step.name}")
            seen[step.convolution] = -peak, peak
        return steps.ranges(seen, float(self.hyper_peak), self.latent_peak.double().cpu().numpy(), settled=True)


def take_stored_ranges(state_dict: Mapping[str, Tensor]) -> tuple[StoredRanges | None, dict[str, Tensor]]:
    """Separate a model's state dict into the ranges of its integers, if it has any, and the rest.

    Raises:
        ModelError: they are incomplete.
    """
    prefix = f"{STORED}."
    found = {key.removeprefix(prefix): value for key, value in state_dict.items() if key.startswith(prefix)}
    rest = {key: value for key, value in state_dict.items() if not key.startswith(prefix)}
    if not found:
        return None, rest
    if lacking := [name for name in ("sizes", "hyper_peak", "latent_peak") if name not in found]:
        raise ModelError(f"the checkpoint has ranges of integers, but no {prefix}{lacking[0]}; it is damaged")
    return StoredRanges(found), rest
