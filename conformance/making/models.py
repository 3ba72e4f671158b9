"""The tiny models: random, with natural spread, and exported as any other model is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from references.tiny import tiny_model
from references.tiny_photo import photo

from licrt.export.bundle import Labels, export_bundle
from licrt.trainer.models import ARCHITECTURES, CompressionModel
from licrt.trainer.models.hyperprior import Hyperprior

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 300_000  # of a bundle
_ELIC: dict[str, Any] = {"hidden": ((12, 8),) * 5, "channel_hidden": (8, 6)}
# N, M, and what else the architecture takes: as large as MAX_BYTES allows. Factorised models have a table per channel.
_SIZES: dict[str, tuple[int, int, dict[str, Any]]] = {
    "bls2017": (8, 48, {}),
    "bmshj2018-factorized": (8, 48, {}),
    "bmshj2018-factorized-relu": (8, 48, {}),
    "bmshj2018-hyperprior": (8, 16, {}),
    "mbt2018-mean": (8, 16, {}),
    "mbt2018": (8, 12, {}),
    "cheng2020-anchor": (8, 8, {}),
    "cheng2020-attn": (6, 6, {}),
    "cheng2020-anchor-checkerboard": (8, 8, {}),
    "elic2022-official": (4, 9, _ELIC),
    "elic2022-chandelier": (4, 9, _ELIC),
    "bmshj2018-hyperprior-vbr": (8, 10, {}),
    "mbt2018-mean-vbr": (8, 10, {}),
    "mbt2018-vbr": (6, 6, {}),
    "licrt2026": (8, 14, {}),
}


def architectures() -> tuple[str, ...]:
    """Return all architectures; there must be a size for each."""
    return tuple({arch: _SIZES[arch] for arch in ARCHITECTURES})


@torch.no_grad()
def make_model(arch: str) -> CompressionModel:
    """Make the model of an architecture, whose pictures are gray on average, and neither black nor white."""
    channels, latent_channels, more = _SIZES[arch]
    model = tiny_model(arch, channels, latent_channels, **more)
    if isinstance(model, Hyperprior):  # whose scales come from a bias: so wide that they reach 40 tables
        last = model.h_s[-2] if isinstance(model.h_s[-1], torch.nn.ReLU) else model.h_s[-1]
        last.bias[:latent_channels] = torch.logspace(-1, 2.1, latent_channels)
    picture = torch.from_numpy(photo(128, 128)).permute(2, 0, 1)[None].float() / 255
    decoded = model.g_s(model.g_a(picture).round())
    last = [layer for layer in model.g_s.modules() if getattr(layer, "bias", None) is not None][-1]
    last.weight *= 0.2 / decoded.std()
    last.bias += 0.5 - model.g_s(model.g_a(picture).round()).mean((0, 2, 3)).repeat(len(last.bias) // 3)
    return model


def write_bundle(model: CompressionModel, folder: Path) -> None:
    """Export a model and refuse it where it is too large."""
    export_bundle(model, Labels(f"conformance-{folder.name}", folder.name, None, "mse", "CC0-1.0"), folder)
    size = sum(path.stat().st_size for path in folder.iterdir())
    if size > MAX_BYTES:
        raise SystemExit(f"the bundle of {folder.name} has {size} bytes, more than {MAX_BYTES}")
