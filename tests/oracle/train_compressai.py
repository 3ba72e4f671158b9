"""Trains one of CompressAI's own models for a given time and saves its state dict, CDF tables included.

    .venv-oracle/bin/python tests/oracle/train_compressai.py mbt2018-mean 48 80 -o out.pth.tar --minutes 15 --images DIR
    … cheng2020-anchor 48 -o …        … elic2022-official 48 160 --groups 16 16 32 32 64 -o …

A variable-rate model first trains its networks at the highest rate (CompressAI's stage 1), then at a level drawn for
each step (stage 2), with the weight of the distortion that CompressAI lists for the level.
A checkpoint made by CompressAI itself is what the importer and the exporter have to read.
"""

import argparse
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "evaluation" / "peers" / "oracle"))
from compressai_import import compressai
from oracle_models import ARCHITECTURES


def read_images(folders: list[str]) -> list[np.ndarray]:
    """All pictures below the folders as uint8 [height, width, 3], in the order of their names."""
    paths = [path for folder in folders for path in sorted(Path(folder).rglob("*")) if path.suffix in {".png", ".webp"}]
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths]


def random_crops(images: list[np.ndarray], count: int, size: int, random: np.random.Generator) -> torch.Tensor:
    """Float32 [count, 3, size, size] in 0…1, every pixel of the set equally likely, half of the crops mirrored."""
    area = np.array([image.shape[0] * image.shape[1] for image in images], dtype=float)
    crops = np.empty((count, size, size, 3), np.uint8)
    for crop, chosen in zip(crops, random.choice(len(images), count, p=area / area.sum()), strict=True):
        image = images[chosen]
        top, left = (int(random.integers(extent - size + 1)) for extent in image.shape[:2])
        window = image[top : top + size, left : left + size]
        crop[:] = window[:, ::-1] if random.random() < 0.5 else window
    return torch.from_numpy(crops).permute(0, 3, 1, 2).float().div_(255)


def batch_losses(
    model: torch.nn.Module,
    images: list[np.ndarray],
    options: argparse.Namespace,
    stage: int,
    random: np.random.Generator,
) -> dict[str, torch.Tensor]:
    """CompressAI's loss on new crops; ``stage`` matters to variable-rate models only."""
    if not hasattr(model, "Gain"):
        crops = random_crops(images, options.batch, options.crop, random)
        return compressai.losses.RateDistortionLoss(options.lmbda)(model(crops), crops)
    crops = random_crops(images, options.batch, options.crop if stage == 1 else options.crop_2, random)
    level = model.levels - 1 if stage == 1 else int(random.integers(model.levels))
    return compressai.losses.RateDistortionLoss(model.lmbda[level])(model(crops, stage=stage, s=level), crops)


def train(options: argparse.Namespace) -> None:
    """Runs the training and writes the checkpoint."""
    torch.set_num_threads(1)
    torch.backends.mkldnn.enabled = not options.without_onednn
    torch.manual_seed(options.seed)
    random = np.random.default_rng(options.seed)
    images = read_images(options.images)
    groups = [options.groups] if options.groups else []
    model = ARCHITECTURES[options.arch](*options.channels, *groups).train()
    main = [p for name, p in model.named_parameters() if not name.endswith(".quantiles")]
    quantiles = [p for name, p in model.named_parameters() if name.endswith(".quantiles")]
    optimizer, aux_optimizer = torch.optim.Adam(main, options.lr), torch.optim.Adam(quantiles, 1e-3)

    start, step, sums = time.monotonic(), 0, np.zeros(3)
    while (progress := (time.monotonic() - start) / (60 * options.minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = options.lr * (0.1 + 0.45 * (1 + math.cos(math.pi * progress)))
        losses = batch_losses(model, images, options, 1 if progress < options.stage_1 else 2, random)
        optimizer.zero_grad()
        losses["loss"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        aux_optimizer.zero_grad()
        aux_loss = model.aux_loss()
        aux_loss.backward()
        aux_optimizer.step()
        step += 1
        sums += [losses["loss"].item(), losses["bpp_loss"].item(), losses["mse_loss"].item()]
        if step % 100 == 0:
            loss, bpp, mse = sums / 100
            psnr = -10 * math.log10(mse)
            print(
                f"step {step} minute {progress * options.minutes:.1f} loss {loss:.4f} bpp {bpp:.4f} psnr {psnr:.2f}"
                f" aux {aux_loss.item():.1f}",
                flush=True,
            )
            sums[:] = 0
    model.update(force=True)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    torch.save(model.eval().state_dict(), options.output)
    print(f"saved {options.output} after {step} steps", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("arch")
    parser.add_argument("channels", type=int, nargs="+", help="N, or N and M")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--groups", type=int, nargs="+", help="channels of each group of the latent, for ELIC")
    parser.add_argument("--images", nargs="+", required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--lambda", dest="lmbda", type=float, default=0.013)
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--crop-2", type=int, default=128, help="side of the crops of stage 2")
    parser.add_argument(
        "--without-onednn", action="store_true", help="slower; torch 2.13 may crash in the backward pass of attention"
    )
    parser.add_argument("--stage-1", type=float, default=0.6, help="part of the time for stage 1 (variable rate)")
    parser.add_argument("--seed", type=int, default=1)
    train(parser.parse_args())
