"""Models that people wrote: ``--model package.module:factory``, with or without a checkpoint."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from torch import Tensor, nn

from licrt.export.parts import Parts
from licrt.runtime.errors import ModelError, first_line
from licrt.trainer.checkpoint import read_state_dict
from licrt.trainer.fit import misfits_of_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

_SPEC = re.compile(r"(?P<module>[^\W\d]\w*(\.[^\W\d]\w*)*):(?P<factory>[^\W\d]\w*(\.[^\W\d]\w*)*)")
_TABLES = ("_quantized_cdf", "_cdf_length", "_offset", "scale_table")  # buffers that are empty until they are filled
_SHOWN = 3  # misfits named in a message


def load_custom(spec: str, checkpoint: Path | None) -> nn.Module | Parts:
    """Make a model and load its weights.

    The module is looked for in the current directory first, then among the installed ones.

    Args:
        spec: ``package.module:factory``; the factory takes no argument and gives an ``nn.Module`` or `Parts`. It may
            be a class, or the model itself.
        checkpoint: state dict for the ``nn.Module``; None for the weights that the factory gave it.

    Raises:
        click.UsageError: the spec is of another form.
        ModelError: there is no such module or factory, it fails or gives something else, or the checkpoint is not its.
    """
    match = _SPEC.fullmatch(spec)
    if not match:
        raise click.UsageError(f"--model is {spec!r}; expected package.module:factory, as in codec.model:make")
    source = _make(spec, _find(match["module"], match["factory"]))
    if checkpoint is None:
        return source
    if isinstance(source, Parts):
        raise ModelError(
            f"{spec} gives Parts, into which no --checkpoint can be loaded; give an nn.Module, or load it there"
        )
    load_weights(source, checkpoint)
    return source


def default_name(spec: str) -> str:
    """Return a name for a model of which nothing else is known.

    >>> default_name("codecs.residual:make")
    'residual-make'
    """
    module, _, factory = spec.partition(":")
    return f"{module.rpartition('.')[2]}-{factory.rpartition('.')[2]}"


def load_weights(model: nn.Module, checkpoint: Path) -> None:
    """Load a state dict into a model; tables of entropy models take the sizes that they have there.

    Raises:
        ModelError: the file cannot be read, or it is not this model's.
    """
    state_dict = read_state_dict(checkpoint)
    expected, sizeless = model.state_dict(), {key for key in state_dict if key.rpartition(".")[2] in _TABLES}
    # An entropy model of CompressAI that has never been updated lacks nothing but the sizes of its tables.
    if problems := misfits_of_keys(expected, state_dict, sizeless):
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ModelError(f"{checkpoint} is no {type(model).__name__} checkpoint: {'; '.join(problems[:_SHOWN])}{more}")
    _resize_tables(model, state_dict)
    try:
        model.load_state_dict(state_dict)
    except Exception as error:  # of a load_state_dict of its own
        raise ModelError(f"cannot load {checkpoint} into {type(model).__name__}: {first_line(error)}") from error


def _resize_tables(model: nn.Module, state_dict: Mapping[str, Tensor]) -> None:
    """Give every table the size that it has in a state dict: torch itself refuses to change sizes."""
    for path, module in model.named_modules():
        for name in _TABLES:
            loaded, buffer = state_dict.get(f"{path}.{name}"), module._buffers.get(name)
            if loaded is not None and buffer is not None and buffer.shape != loaded.shape:
                setattr(module, name, buffer.new_empty(loaded.shape))


def _find(module: str, factory: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
            raise ModelError(f"there is no Python module {module}, neither in {here} nor installed") from error
        raise ModelError(f"cannot import {module}: {error}") from error
    except (Exception, SystemExit) as error:  # whatever the module's own code raises
        raise ModelError(f"cannot import {module}: {_said(error)}") from error
    for name in factory.split("."):
        if not hasattr(found, name):
            raise ModelError(f"{module} has no {factory}; it is {getattr(found, '__file__', None) or found}")
        found = getattr(found, name)
    return found


def _make(spec: str, factory: Any) -> nn.Module | Parts:
    source = factory
    if not isinstance(factory, nn.Module | Parts):
        if not callable(factory):
            raise ModelError(f"{spec} is a {type(factory).__name__}; expected a function or class that makes the model")
        try:
            source = factory()
        except (Exception, SystemExit) as error:  # whatever the factory raises
            raise ModelError(f"{spec}() failed: {_said(error)}") from error
    if not isinstance(source, nn.Module | Parts):
        raise ModelError(f"{spec}() gives {type(source).__name__}; expected an nn.Module or licrt.export.Parts")
    return source


def _said(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "it exits, like a program. Put what should only run as one under if __name__ == '__main__'"
    return f"{type(error).__name__}: {first_line(error)}. Set LICRT_DEBUG=1 to see where"
