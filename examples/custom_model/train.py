"""Trains the codec of model.py: python train.py --pictures DIR --steps 500000 --output codec.pth.tar

Without --pictures it takes the eleven crops that come with licrt: enough to see the loss fall, not to make a codec.
"""

import argparse
from itertools import islice
from pathlib import Path

import torch
from model import make

from licrt.export.calibration import PHOTOS
from licrt.trainer.checkpoint import save_checkpoint
from licrt.trainer.data import find_pictures, open_batches
from licrt.trainer.losses import rate_distortion


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", default=str(PHOTOS / "calibration"), help="folder of photographs")
    parser.add_argument("--output", type=Path, default=Path("codec.pth.tar"))
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop", type=int, default=128, help="side of a crop, a multiple of 32")
    parser.add_argument("--lambda", type=float, dest="lmbda", default=0.013, help="weight of the distortion")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate")
    train(parser.parse_args())


def train(options: argparse.Namespace) -> None:
    torch.manual_seed(0)
    model = make().train()
    quantiles = model.entropy_bottleneck.quantiles
    weights = [parameter for parameter in model.parameters() if parameter is not quantiles]
    optimizer, aux_optimizer = torch.optim.Adam(weights, options.rate), torch.optim.Adam([quantiles], 1e-2)
    batches = open_batches(find_pictures([options.pictures]), side=options.crop, batch_size=options.batch, seed=0)
    for step, batch in enumerate(islice(batches, options.steps), 1):
        x = batch.crops.float() / 255
        loss = rate_distortion(model(x), x, options.lmbda)
        optimizer.zero_grad()
        loss.total.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        aux_optimizer.zero_grad()
        model.entropy_bottleneck.loss().backward()
        aux_optimizer.step()
        if step % 10 == 0 or step == 1:
            print(
                f"step {step} loss {loss.total.item():.3f} bpp {loss.bpp.item():.3f} psnr {loss.psnr:.2f}", flush=True
            )
    save_checkpoint(model.state_dict(), options.output)
    print(f"saved {options.output}")


if __name__ == "__main__":
    main()
