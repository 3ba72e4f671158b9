"""Imports CompressAI where torchvision's compiled operators do not load.

The torchvision wheel is built for a CUDA build of torch; beside a CPU build its extension stays out, and importing its
Python part then fails, because that registers shape rules for two operators that nobody declared. CompressAI calls
neither, so a declaration is enough.
"""

import torch
from torch import library

if torch.version.cuda is None:
    _declared = library.Library("torchvision", "FRAGMENT")
    _declared.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import compressai

__all__ = ["compressai"]

if __name__ == "__main__":
    import sys

    sys.stdout.write(f"compressai {compressai.__version__}, torch {torch.__version__}\n")
