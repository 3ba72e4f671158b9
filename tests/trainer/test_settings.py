from __future__ import annotations

from contextlib import suppress

import torch

from licrt.trainer.recipe import Recipe
from licrt.trainer.settings import torch_settings


def test_settings_hold_inside_and_are_put_back() -> None:
    before = (torch.get_num_threads(), torch.backends.cudnn.benchmark)
    with suppress(KeyboardInterrupt), torch_settings(Recipe(deterministic=True, threads=2)):
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.get_num_threads() == 2
        assert not torch.backends.cudnn.benchmark
        raise KeyboardInterrupt
    assert not torch.are_deterministic_algorithms_enabled()
    assert (torch.get_num_threads(), torch.backends.cudnn.benchmark) == before
