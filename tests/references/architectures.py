"""Architectures by what tests can do with them."""

from __future__ import annotations

from licrt.trainer.models import ARCHITECTURES
from licrt.trainer.models.variable_rate import VariableRate

OF_COMPRESSAI = [arch for arch in ARCHITECTURES if arch != "licrt2026"]
VARIABLE = [arch for arch, model in ARCHITECTURES.items() if issubclass(model, VariableRate)]
