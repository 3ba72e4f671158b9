"""Small random models with natural spread: a default-initialised one codes nothing but zeros at one index."""

from __future__ import annotations

import torch

from licrt.trainer.models import ARCHITECTURES, CompressionModel


def tiny_model(arch: str, channels: int = 8, latent_channels: int = 12, seed: int = 1) -> CompressionModel:
    """A random model whose latents and scales spread over many tables, in evaluation mode, tables made."""
    torch.manual_seed(seed)
    model = ARCHITECTURES[arch](channels, latent_channels)
    with torch.no_grad():
        model.g_a[-1].weight *= 60
        if arch != "bls2017":
            model.h_a[-1].weight *= 30
            last = model.h_s[-2] if isinstance(model.h_s[-1], torch.nn.ReLU) else model.h_s[-1]
            last.weight *= 4
            last.bias[:latent_channels] = torch.logspace(-1, 1, latent_channels)
    model.eval()
    model.update(force=True)
    return model
