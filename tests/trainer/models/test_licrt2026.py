"""The architecture of the embedded model: where its training starts from."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from licrt.runtime.errors import ModelError
from licrt.trainer.models import Licrt2026
from licrt.trainer.models.block_transform import block_transform, merged_amplitudes, merging_transform

PHOTO = Path(__file__).parents[3] / "examples" / "photo.webp"


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return -10 * torch.log10((a - b).square().mean()).item()


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    with Image.open(PHOTO) as image:
        pixels = np.array(image.convert("RGB").crop((64, 64, 320, 320)))
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


@torch.no_grad()
def test_a_new_model_codes_about_as_well_as_a_jpeg_of_as_coarse_steps(picture: torch.Tensor) -> None:
    torch.manual_seed(0)
    model = Licrt2026(128, 384).eval()
    output = model(picture, s=6)
    ours = psnr(output["x_hat"], picture)
    file = io.BytesIO()
    pixels = Image.fromarray(np.uint8(picture[0].permute(1, 2, 0).numpy() * 255))
    pixels.save(file, "JPEG", quality=75, subsampling="4:4:4")
    theirs = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)[None].float() / 255
    assert ours > psnr(theirs, picture) - 3


@torch.no_grad()
def test_without_rounding_hardly_anything_is_lost(picture: torch.Tensor) -> None:
    losses = [psnr(model.g_s(model.g_a(picture)), picture) for model in (Licrt2026(128, 256), Licrt2026(128, 384))]
    assert losses[0] > 33
    assert losses[1] > losses[0] + 3


def test_transforms_are_orthonormal() -> None:
    for basis in (block_transform(192), merging_transform(96, 32)):
        flat = basis.flatten(1).double()
        torch.testing.assert_close(flat @ flat.T, torch.eye(len(flat), dtype=torch.float64), rtol=0, atol=1e-6)


def test_amplitudes_are_those_of_photographs_but_for_a_factor(picture: torch.Tensor) -> None:
    fine, coarse = block_transform(128), merging_transform(256, 128)
    y = torch.conv2d(torch.conv2d(picture - 0.5, fine, stride=8), coarse, stride=2)
    ratio = torch.log(y.std((0, 2, 3)) / merged_amplitudes(256, 128))[1:]
    assert ratio.std() < 0.8  # while the amplitudes themselves go over a factor of a hundred
    assert torch.log(merged_amplitudes(256, 128)).std() > ratio.std()


def test_impossible_sizes() -> None:
    for channels, latent_channels in ((6, 12), (8, 8), (8, 4)):
        with pytest.raises(ModelError, match="expected a multiple of 4, and more latent channels than that"):
            Licrt2026(channels, latent_channels)
