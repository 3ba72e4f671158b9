"""How a model's own forward uses its parts, seen from one run: what no attribute tells, and what must not be guessed.

Scales and means in the wrong order, or |y| where the hyper-analysis was trained on y, would export without complaint
and code badly. So a model is watched on a random picture, and refused where its forward does anything else with its
parts than a runtime will.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from licrt.runtime.errors import ModelError, first_line
from licrt.trainer.entropy_models.gaussian import SCALE_MIN

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIDE = 256
_ADVICE = "describe the model with licrt.export.Parts"


@dataclass(frozen=True)
class Conventions:
    """What a forward does.

    Attributes:
        magnitude: the hyper-analysis reads |y|.
        means_first: means come before scales.
        context_inputs: what the entropy parameters of an autoregressive model read, in order.
        latent_channels: of y.
    """

    magnitude: bool
    means_first: bool
    context_inputs: tuple[Literal["hyper", "spatial"], ...]
    latent_channels: int


@dataclass
class _Calls:
    """What a module was given and gave, the first time."""

    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    output: Tensor = field(default_factory=lambda: torch.empty(0))


def watch(model: nn.Module) -> Conventions:
    """Run a model's forward on a random picture, and tell what it does with its parts.

    Args:
        model: with `g_a`, `h_a`, `h_s`, `gaussian_conditional`, and perhaps `context_prediction` and
            `entropy_parameters`. It is put into evaluation mode.

    Raises:
        ModelError: the forward fails, or does something else.
    """
    autoregressive = isinstance(getattr(model, "entropy_parameters", None), nn.Module)
    names = ["g_a", "h_a", "h_s", "gaussian_conditional"]
    names += ["context_prediction", "entropy_parameters"] if autoregressive else []
    calls = _run(model, names)
    y, features = calls["g_a"].output, calls["h_s"].output
    inputs: tuple[Literal["hyper", "spatial"], ...] = ()
    if autoregressive:
        inputs = _context_inputs(model, calls)
        features = calls["entropy_parameters"].output
    return Conventions(_magnitude(model, y, calls["h_a"]), _means_first(model, features, calls), inputs, y.shape[1])


@torch.no_grad()
def _run(model: nn.Module, names: list[str]) -> dict[str, _Calls]:
    calls: dict[str, _Calls] = {}
    picture = torch.rand(1, 3, _SIDE, _SIDE, generator=torch.Generator().manual_seed(0))
    with ExitStack() as hooks:
        for name in names:

            def record(_: nn.Module, arguments: Any, options: Any, output: Any, name: str = name) -> None:
                first = output[0] if isinstance(output, tuple) else output
                calls.setdefault(name, _Calls(_copies(arguments), options, first.clone()))

            handle = model.get_submodule(name).register_forward_hook(record, with_kwargs=True)
            hooks.callback(handle.remove)
        try:
            model.eval()(picture)
        except Exception as error:  # a model's forward may raise anything
            raise ModelError(
                f"cannot see how {_kind(model)}.forward uses its parts: on a picture of {_SIDE}x{_SIDE}, it raised "
                f"{type(error).__name__}: {first_line(error)}. Set hyper_analysis_sees_magnitude and means_first, "
                f"or {_ADVICE}"
            ) from error
    missing = [name for name in names if name not in calls]
    if missing:
        raise ModelError(f"{_kind(model)}.forward does not call {', '.join(missing)}; {_ADVICE}")
    return calls


def _copies(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(each.clone() if isinstance(each, Tensor) else each for each in arguments)


def _magnitude(model: nn.Module, y: Tensor, hyper: _Calls) -> bool:
    seen = hyper.arguments[0]
    if torch.equal(seen, y):
        return False
    if torch.equal(seen, y.abs()):
        return True
    raise ModelError(f"{_kind(model)}.forward gives h_a neither y nor |y|, where y is what g_a gives; {_ADVICE}")


def _means_first(model: nn.Module, features: Tensor, calls: Mapping[str, _Calls]) -> bool:
    """Find the scales that the conditional got among the features; below the smallest table, they may differ."""
    conditional = calls["gaussian_conditional"]
    found = conditional.options.get("scales", conditional.arguments[1] if len(conditional.arguments) > 1 else None)
    table = getattr(model.gaussian_conditional, "scale_table", torch.empty(0))
    bound = float(table[0]) if table.numel() else SCALE_MIN
    if isinstance(found, Tensor):
        halves = (features, *features.chunk(2, 1)) if features.shape[1] % 2 == 0 else (features,)
        for number, half in enumerate(halves):
            if half.shape == found.shape and torch.equal(half.clamp(min=bound), found.clamp(min=bound)):
                return number == 2
    source = "entropy_parameters" if "entropy_parameters" in calls else "h_s"
    raise ModelError(
        f"{_kind(model)}.forward gives gaussian_conditional other scales than the first or the second half of what "
        f"{source} gives; expected them as they are, bounded from below at most. If a context or a rate comes between, "
        f"{_ADVICE}"
    )


def _context_inputs(model: nn.Module, calls: Mapping[str, _Calls]) -> tuple[Literal["hyper", "spatial"], ...]:
    seen = calls["entropy_parameters"].arguments[0]
    sources = {"hyper": calls["h_s"].output, "spatial": calls["context_prediction"].output}
    orders: tuple[tuple[Literal["hyper", "spatial"], ...], ...] = (("hyper", "spatial"), ("spatial", "hyper"))
    for order in orders:
        joined = [sources[name] for name in order]
        if joined[0].shape[2:] == joined[1].shape[2:] and torch.equal(torch.cat(joined, 1), seen):
            return order
    raise ModelError(
        f"{_kind(model)}.forward gives entropy_parameters something else than what h_s and context_prediction give, "
        f"side by side; {_ADVICE}(context=…)"
    )


def _kind(model: nn.Module) -> str:
    return type(model).__name__
