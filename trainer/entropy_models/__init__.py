"""Probability models of the latents, and the integer tables that the coder takes from them."""

from licrt.trainer.entropy_models.bottleneck import EntropyBottleneck
from licrt.trainer.entropy_models.gaussian import GaussianConditional

__all__ = ["EntropyBottleneck", "GaussianConditional"]
