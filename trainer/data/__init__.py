"""Training data: pictures of several kinds, and batches of random crops that depend on the seed and their numbers only.

``open_pictures`` finds what a place holds, ``open_batches`` cuts the crops. docs/training-data.md tells of all kinds;
``python -m licrt.trainer.data`` builds two of them, and measures how fast a recipe's are read.
"""

from licrt.trainer.data.batches import LoaderError, open_batches
from licrt.trainer.data.crops import Batch, Crops
from licrt.trainer.data.opening import find_files, open_pictures
from licrt.trainer.data.order import TicketBatches
from licrt.trainer.data.pictures import SUFFIXES, PictureFiles, Pictures, find_pictures, read_rgb
from licrt.trainer.data.vimeo import VimeoSequences

__all__ = [
    "SUFFIXES",
    "Batch",
    "Crops",
    "LoaderError",
    "PictureFiles",
    "Pictures",
    "TicketBatches",
    "VimeoSequences",
    "find_files",
    "find_pictures",
    "open_batches",
    "open_pictures",
    "read_rgb",
]
