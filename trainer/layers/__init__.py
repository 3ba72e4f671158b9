"""Building blocks of the networks."""

from licrt.trainer.layers.attention import Attention
from licrt.trainer.layers.bound import LowerBound, NonNegative
from licrt.trainer.layers.convolution import convolution, subpixel_convolution, transposed_convolution
from licrt.trainer.layers.depthwise import DepthwiseBlock
from licrt.trainer.layers.gdn import GDN, GDN1
from licrt.trainer.layers.masked import MaskedConvolution, causal_mask, checkerboard_mask
from licrt.trainer.layers.residual import ResidualBlock, ResidualBottleneck, ResidualDownsampling, ResidualUpsampling
from licrt.trainer.layers.rounding import straight_through_round

__all__ = [
    "GDN",
    "GDN1",
    "Attention",
    "DepthwiseBlock",
    "LowerBound",
    "MaskedConvolution",
    "NonNegative",
    "ResidualBlock",
    "ResidualBottleneck",
    "ResidualDownsampling",
    "ResidualUpsampling",
    "causal_mask",
    "checkerboard_mask",
    "convolution",
    "straight_through_round",
    "subpixel_convolution",
    "transposed_convolution",
]
