"""The hash that ties a model's id to the float synthesis it was exported from."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import nn


def synthesis_sha256(synthesis: nn.Module) -> str:
    """Return the SHA-256 of the source float synthesis weights: names, shapes, float32 little-endian, in order of name.

    The source weights rather than the graph, because the ONNX bytes change with every exporter version and precision.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(synthesis.state_dict().items()):
        real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
        array = real.detach().float().contiguous().numpy().astype("<f4")
        digest.update(f"{name}|{array.shape}|".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
