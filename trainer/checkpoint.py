"""Checkpoints: models from files of PyTorch or safetensors, made here or with CompressAI of any age."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from licrt.runtime.errors import ModelError
from licrt.runtime.files import write_file
from licrt.trainer.fit import misfits
from licrt.trainer.integers.stored import STORED, take_stored_ranges
from licrt.trainer.models import ARCHITECTURES

if TYPE_CHECKING:
    import os

    from licrt.trainer.models import CompressionModel

_WRAPPERS = ("state_dict", "network", "model_state_dict")
_SHOWN = 3  # misfits named in a message

# CompressAI's entropy bottleneck, oldest first: `_matrices.0`, `_matrix0`, `matrices.0`.
_OLD_KEY = re.compile(r"(^|\.)_(matri(?:x|ces)|bias(?:es)?|factors?)\.?(\d+)$")
_OBSOLETE = "QuantOffset"  # in CompressAI's first variable-rate files; nothing reads it
_VARIABLE_BOTTLENECK = "gayn2zqstep."  # of CompressAI's vr_entbttlnck=True
_PLURAL = {"m": "matrices", "b": "biases", "f": "factors"}


def load_checkpoint(path: str | os.PathLike[str], arch: str | None = None) -> CompressionModel:
    """Load a trained model in evaluation mode, on the CPU, in float32.

    Reads ``.pth``/``.pth.tar`` files (tensors only: pickled objects are refused) and safetensors, whatever their name;
    state dicts as they are or wrapped as ``state_dict``; keys of all three generations of CompressAI, with or without
    ``module.`` in front. CDF tables are taken as they are; a checkpoint without them needs
    :meth:`~licrt.trainer.models.CompressionModel.update`.

    Args:
        path: the file.
        arch: name of the architecture, or None to find out from the tensors.

    Returns:
        The model; its class is ``ARCHITECTURES[arch]``. One that was trained in integers has the ranges of these as its
        submodule ``integers``, and computes in floats (:mod:`licrt.trainer.integer_aware`).

    Raises:
        ModelError: the file is missing or unreadable, the architecture unknown, or the tensors are not its.
    """
    if arch is not None and arch not in ARCHITECTURES:
        raise ModelError(f"unknown architecture {arch!r}; expected one of {', '.join(ARCHITECTURES)}")
    state_dict = read_state_dict(path)
    if any(key.startswith(_VARIABLE_BOTTLENECK) for key in state_dict):
        raise ModelError(
            f"{path} has a hyper-latent of variable step ({_VARIABLE_BOTTLENECK}*), which is not supported;"
            " expected a variable-rate model trained with vr_entbttlnck=False"
        )
    stored, state_dict = take_stored_ranges(state_dict)
    candidates = list(ARCHITECTURES) if arch is None else [arch]
    problems = {name: misfits(ARCHITECTURES[name], state_dict) for name in candidates}
    nearest = min(problems, key=lambda name: len(problems[name]))
    if found := problems[nearest]:
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        doubt = "" if arch else f" (nearest of {', '.join(ARCHITECTURES)})"
        raise ModelError(f"{path} is no {nearest} checkpoint{doubt}: {'; '.join(found[:_SHOWN])}{more}")
    model = ARCHITECTURES[nearest].from_state_dict(state_dict)
    if stored is not None:
        model.add_module(STORED, stored)
    return model


def read_state_dict(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read a checkpoint's state dict, by today's key names.

    Args:
        path: the file.

    Returns:
        Tensors on the CPU.

    Raises:
        ModelError: the file is missing, unreadable, or holds something else than tensors.
    """
    content = read_file(path)
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not content or not all(isinstance(key, str) for key in content):
        raise ModelError(f"cannot read checkpoint {path}: expected a state dict, found {type(content).__name__}")
    foreign = [key for key, value in content.items() if not isinstance(value, Tensor)]
    if foreign:
        kind = type(content[foreign[0]]).__name__
        raise ModelError(f"cannot read checkpoint {path}: {foreign[0]} is {kind}, expected a state dict of tensors")
    return current_keys(content)


def read_file(path: str | os.PathLike[str]) -> Any:
    """Read a file of torch.save or safetensors, tensors and plain values only, onto the CPU.

    Raises:
        ModelError: it is missing, unreadable, or of another kind.
    """
    try:
        with Path(path).open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise ModelError(f"cannot read checkpoint {path}: {error.strerror}") from error
    try:
        if start.endswith(b"{"):  # after the length of its header, eight bytes
            from safetensors.torch import load_file

            return load_file(path, device="cpu")
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelError(
            f"cannot read checkpoint {path}: expected a PyTorch or safetensors file that holds tensors only;"
            " save one with torch.save(model.state_dict(), path)"
        ) from error


def current_keys(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the keys of older CompressAI versions and of ``DataParallel`` to today's; drop what none needs any more.

    >>> list(current_keys({"module.entropy_bottleneck._matrix0": torch.zeros(1)}))
    ['entropy_bottleneck.matrices.0']
    """

    def renamed(match: re.Match[str]) -> str:
        return f"{match[1]}{_PLURAL[match[2][0]]}.{match[3]}"

    stripped = {key.removeprefix("module."): value for key, value in state_dict.items()}
    return {_OLD_KEY.sub(renamed, key): value for key, value in stripped.items() if key != _OBSOLETE}


def save_checkpoint(content: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a state dict, or a dict around one, with ``torch.save``: the whole file or nothing.

    Raises:
        PictureError: it cannot be written.
    """
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    write_file(str(path), buffer.getvalue(), force=True)


def save_model(model: CompressionModel, path: str | os.PathLike[str], metadata: Mapping[str, str]) -> None:
    """Write a model as safetensors, which :func:`load_checkpoint` reads; see :func:`save_tensors`."""
    save_tensors(model.state_dict(), path, {"arch": model.arch, **metadata})


def save_tensors(tensors: Mapping[str, Tensor], path: str | os.PathLike[str], metadata: Mapping[str, str]) -> None:
    """Write tensors, such as a state dict, as safetensors: the whole file or nothing. Equal ones give equal bytes.

    Args:
        tensors: of any device, none of which shares memory with another.
        path: the file.
        metadata: text that safetensors keeps with them.

    Raises:
        PictureError: it cannot be written.
    """
    from safetensors.torch import save

    data = save({name: value.contiguous() for name, value in tensors.items()}, dict(metadata))
    write_file(str(path), _with_sorted_metadata(data), force=True)


def _with_sorted_metadata(data: bytes) -> bytes:
    """Return a file of safetensors with its metadata in order; the library writes them in any."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors are aligned
    return len(text).to_bytes(8, "little") + text + data[end:]
