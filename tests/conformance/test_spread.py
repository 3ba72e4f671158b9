"""The conformance streams exercise the models, rather than code zeros with one table."""

from __future__ import annotations

import pytest

from conformance.spread import measure
from licrt.trainer.models import ARCHITECTURES


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_spread(arch: str) -> None:
    """Also that the slow reference follows every stream to the indexes and latents of the native engine."""
    spread = measure(arch)
    assert len(spread.indexes) >= 40
    assert spread.nonzero >= 0.2 * spread.symbols
    assert spread.escapes >= 10
    if spread.activations:  # factorised models have no integer networks
        assert spread.negative >= 100
        assert spread.saturated >= 10
    else:
        assert spread.tables == len(spread.indexes)
