"""Settings of torch that a run needs, for as long as it lasts."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from licrt.trainer.recipe import Recipe


@contextmanager
def torch_settings(recipe: Recipe) -> Iterator[None]:
    """Threads, and whether operations have to repeat exactly; everything is put back in the end.

    Where they need not, cuDNN measures which of its algorithms is fastest for these crops.
    """
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    benchmark = torch.backends.cudnn.benchmark
    if recipe.deterministic:  # cuBLAS reads it when a GPU is first used
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    try:
        if recipe.threads:
            torch.set_num_threads(recipe.threads)
        torch.use_deterministic_algorithms(recipe.deterministic)
        torch.backends.cudnn.benchmark = not recipe.deterministic
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
        torch.backends.cudnn.benchmark = benchmark
