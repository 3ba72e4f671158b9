"""Sizes of models that the tests make."""

from __future__ import annotations


def sizes(arch: str, channels: int, latent_channels: int) -> tuple[int, int]:
    """N and M near those given that the architecture can have."""
    if arch.startswith("cheng2020"):
        return channels, channels
    return channels, max(latent_channels, 9) if arch.startswith("elic2022") else latent_channels
