"""Building blocks of the networks."""

from licrt.trainer.layers.bound import LowerBound, NonNegative
from licrt.trainer.layers.convolution import convolution, transposed_convolution
from licrt.trainer.layers.gdn import GDN, GDN1

__all__ = ["GDN", "GDN1", "LowerBound", "NonNegative", "convolution", "transposed_convolution"]
