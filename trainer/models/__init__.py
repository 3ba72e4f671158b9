"""The architectures, by the names of the literature: ``ARCHITECTURES["mbt2018-mean"]``."""

from licrt.trainer.models.base import CompressionModel
from licrt.trainer.models.bls2017 import BLS2017
from licrt.trainer.models.bmshj2018_hyperprior import BMSHJ2018Hyperprior
from licrt.trainer.models.mbt2018_mean import MBT2018Mean

ARCHITECTURES: dict[str, type[CompressionModel]] = {
    model.arch: model for model in (BLS2017, BMSHJ2018Hyperprior, MBT2018Mean)
}

__all__ = ["ARCHITECTURES", "BLS2017", "BMSHJ2018Hyperprior", "CompressionModel", "MBT2018Mean"]
