"""The architectures, by the names of the literature: ``ARCHITECTURES["mbt2018-mean"]``."""

from licrt.trainer.models.base import CompressionModel
from licrt.trainer.models.bls2017 import BLS2017
from licrt.trainer.models.bmshj2018_factorized import BMSHJ2018Factorized, BMSHJ2018FactorizedReLU
from licrt.trainer.models.bmshj2018_hyperprior import BMSHJ2018Hyperprior
from licrt.trainer.models.cheng2020 import Cheng2020Anchor, Cheng2020Attention
from licrt.trainer.models.cheng2020_checkerboard import Cheng2020AnchorCheckerboard
from licrt.trainer.models.elic2022 import Elic2022Chandelier, Elic2022Official
from licrt.trainer.models.licrt2026 import Licrt2026
from licrt.trainer.models.mbt2018 import MBT2018
from licrt.trainer.models.mbt2018_mean import MBT2018Mean
from licrt.trainer.models.vbr import BMSHJ2018HyperpriorVbr, MBT2018MeanVbr, MBT2018Vbr

ARCHITECTURES: dict[str, type[CompressionModel]] = {
    model.arch: model
    for model in (
        BLS2017,
        BMSHJ2018Factorized,
        BMSHJ2018FactorizedReLU,
        BMSHJ2018Hyperprior,
        MBT2018Mean,
        MBT2018,
        Cheng2020Anchor,
        Cheng2020Attention,
        Cheng2020AnchorCheckerboard,
        Elic2022Official,
        Elic2022Chandelier,
        BMSHJ2018HyperpriorVbr,
        MBT2018MeanVbr,
        MBT2018Vbr,
        Licrt2026,
    )
}

__all__ = [
    "ARCHITECTURES",
    "BLS2017",
    "MBT2018",
    "BMSHJ2018Factorized",
    "BMSHJ2018FactorizedReLU",
    "BMSHJ2018Hyperprior",
    "BMSHJ2018HyperpriorVbr",
    "Cheng2020Anchor",
    "Cheng2020AnchorCheckerboard",
    "Cheng2020Attention",
    "CompressionModel",
    "Elic2022Chandelier",
    "Elic2022Official",
    "Licrt2026",
    "MBT2018Mean",
    "MBT2018MeanVbr",
    "MBT2018Vbr",
]
