"""Integer-aware training: the entropy path computes in the integers that export will write, while its weights learn.

A decoder runs the hyper-synthesis and the context model as integer networks (docs/integer-net.md). Made after training,
they need activations of 12 to 14 bits to behave like the float model; trained in integers, they lose little at 8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from licrt.runtime.errors import ModelError
from licrt.trainer.integers.modules import Arithmetic, ChannelContext, HyperSynthesis, Parameters, SpatialContext
from licrt.trainer.integers.quantise import widths_named
from licrt.trainer.integers.ranges import EntropyPath, calibrate
from licrt.trainer.integers.stored import STORED, StoredRanges
from licrt.trainer.latent_rate import hyper_latent, latent_bits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor, nn

    from licrt.trainer.models import CompressionModel

SHARES = (1.0, 0.5, 0.25, 0.125)  # of the ranges that were seen
TRANSFORMS = ("g_a.", "g_s.")  # parameters outside of the entropy path


def prepare(
    model: CompressionModel, widths: str, pictures: Iterable[Tensor], *, train_transforms: bool = False
) -> CompressionModel:
    """Replace the networks of a model's entropy path by ones that compute in integers; in place.

    Formats follow from the weights of each step and from ranges. These are those that the pictures have in the model as
    it is, or a half, a quarter or an eighth of them, whichever costs these pictures least: in narrow integers, finer
    steps are worth more than the rare values that saturate. They stay as they are from then on, and in the state dict,
    from where export takes them. A model that has ranges already keeps them. Medians are moved to the fixed-point grid,
    and stay there.

    Args:
        model: a trained model with a hyper-prior, on its device, in either mode, which is kept.
        widths: as in ``w8a8``: 8-bit weights, 8-bit activations.
        pictures: float `[1, 3, height, width]` in 0…1, sides multiples of the model's stride; some tens of photographs.
        train_transforms: also train analysis and synthesis, which are frozen otherwise: the latents of a picture then
            stay what they are, and with them its quality.

    Returns:
        The model.

    Raises:
        ModelError: it has no hyper-prior, a layer that integer networks do not have, or ranges of other widths; or
            there are no pictures.
    """
    wanted = widths_named(widths)
    path = entropy_path(model)
    stored = getattr(model, STORED, None)
    seen: list[tuple[Tensor, Tensor]] = []
    if stored is None:
        seen = [*latents(model, pictures)]
        if not seen:
            raise ModelError("ranges of integers come from pictures, and there are none; give some photographs")
        stored = StoredRanges.of(calibrate(path, seen), wanted).to(next(model.parameters()).device)
        model.add_module(STORED, stored)
    elif stored.widths != wanted:
        raise ModelError(f"the model was trained for {stored.widths.name}, not {widths}; start from its float weights")
    arithmetic = Arithmetic(path, model.entropy_bottleneck, stored)
    _hold_medians(arithmetic)
    _replace(model, path.synthesis, HyperSynthesis(path.synthesis, arithmetic))
    for number, group in enumerate(path.groups):
        if group.channel_context is not None:
            _replace(model, group.channel_context, ChannelContext(group.channel_context, arithmetic, number))
        if group.spatial_context is not None:
            _replace(model, group.spatial_context, SpatialContext(group.spatial_context, arithmetic, number))
        _replace(model, group.parameters, Parameters(group.parameters, arithmetic, number))
    if seen:
        _narrow(model, stored, [y for y, _ in seen])
        arithmetic.refresh()
    for name, parameter in model.named_parameters():
        if name.startswith(TRANSFORMS):
            parameter.requires_grad_(train_transforms)
    return model


def entropy_path(model: CompressionModel) -> EntropyPath:
    """The networks that a decoder runs in integers.

    Raises:
        ModelError: there are none, or they change with the rate in a way that cannot be trained in integers.
    """
    synthesis = getattr(model, "h_s", None)
    if synthesis is None:
        raise ModelError(f"{model.arch} has no hyper-prior: it has no networks that become integers")
    groups = model.context_groups() if hasattr(model, "context_groups") else ()
    bias = getattr(model, "context_bias", None)
    if bias is not None and bias(torch.ones((), device=next(model.parameters()).device)) is not None:
        raise ModelError(f"{model.arch} adds a float to its context that depends on the rate; train it in floats")
    medians = model.entropy_bottleneck.medians.double().cpu().numpy()
    return EntropyPath(medians, synthesis, bool(getattr(model, "means_first", False)), groups)


@torch.no_grad()
def latents(model: CompressionModel, pictures: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """The latent and the rounded hyper-latent of each picture, float `[1, 3, height, width]` in 0…1."""
    device = next(model.parameters()).device
    for picture in pictures:
        y = model.g_a(picture.to(device))
        yield y, model.entropy_bottleneck.straight_through(hyper_latent(model, y))


@torch.no_grad()
def _narrow(model: CompressionModel, stored: StoredRanges, seen: list[Tensor]) -> None:
    """Choose the share of the ranges that makes latents cheapest."""
    training = model.training
    model.eval()
    costs = {}
    for share in SHARES:
        stored.scale(share)
        costs[share] = sum(float(latent_bits(model, y)) for y in seen)
        stored.scale(1 / share)
    stored.scale(min(costs, key=costs.__getitem__))
    model.train(training)


def _hold_medians(arithmetic: Arithmetic) -> None:
    """Move the medians to where the integers have them: tables are made around them."""
    quantiles, fixed = arithmetic.prior.quantiles, arithmetic.fixed
    snapped = torch.from_numpy(fixed.input_offset).to(quantiles) * 2.0**-fixed.input_shift
    with torch.no_grad():
        quantiles[:, 0, 1] = snapped
    mask = torch.tensor([1.0, 0.0, 1.0], device=quantiles.device)
    quantiles.register_hook(lambda gradient: gradient * mask.to(gradient.device))


def _replace(model: nn.Module, old: nn.Module, new: nn.Module) -> None:
    name = next(name for name, module in model.named_modules() if module is old)
    model.set_submodule(name, new)
