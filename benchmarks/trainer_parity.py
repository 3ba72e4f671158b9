"""Our training loop and CompressAI's, on the same crops with the same noise: do they learn alike, and how fast?

    .venv/bin/python benchmarks/trainer_parity.py                    # 1,000 steps of mbt2018-mean, 128 and 192 channels
    .venv/bin/python benchmarks/trainer_parity.py --steps 50 -o out.json

Both start from the same weights, with the settings of CompressAI's examples/train.py: Adam, 1e-4 and 1e-3 for the
quantiles, gradients clipped to norm 1, lmbda 0.01 for the MSE. CompressAI's classes, loss and optimisers run in a
Python of their own. The two take turns, ten steps each, so that both see the same machine; the crops are in memory.
Times are the processor's, which other programs disturb less than the clock.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from licrt.trainer.data import find_pictures, read_rgb
from licrt.trainer.processes import open_processes
from licrt.trainer.recipe import Recipe
from licrt.trainer.state import TrainingState
from licrt.trainer.step import measure, seed_noise, update

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "evaluation" / "peers" / "oracle"))
from oracle_protocol import Oracle  # noqa: E402

TURN = 10  # steps that one side takes before the other
LAST = 100  # steps whose mean loss is compared


def main() -> None:
    """Train on both sides and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    photos = ROOT.parent / "shared" / "data" / "photos" / "cid22-training"
    parser.add_argument("--pictures", type=Path, default=photos, help="default: %(default)s")
    parser.add_argument("--oracle", type=Path, default=ROOT / ".venv-oracle" / "bin" / "python", help="its Python")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--crop", type=int, default=64)
    parser.add_argument("--channels", type=int, nargs=2, default=(128, 192), metavar=("N", "M"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of weights, crops and noise; default: %(default)s")
    parser.add_argument("--gradients", type=int, metavar="N", help="every N steps, compare gradients at our weights")
    parser.add_argument("-o", "--output", type=Path, help="JSON of all losses and times")
    options = parser.parse_args()
    recipe = Recipe(
        arch="mbt2018-mean", channels=options.channels[0], latent_channels=options.channels[1], lmbda=0.01,
        steps=options.steps, batch_size=options.batch, crop=options.crop, learning_rate=1e-4, aux_learning_rate=1e-3,
        clip_norm=1.0, device="cpu", threads=options.threads, seed=options.seed,
    )  # fmt: skip
    losses, seconds, apart = race(recipe, read_pictures(options.pictures), options.oracle, options.gradients)
    ours, theirs = (losses[side][-LAST:].mean() for side in ("licrt", "CompressAI"))
    mine, peers = (float(np.median(seconds[side])) for side in ("licrt", "CompressAI"))
    print(f"mean loss of the last {min(LAST, recipe.steps)} of {recipe.steps} steps: licrt {ours:.4f}", end="")
    print(f", CompressAI {theirs:.4f}, difference {100 * (ours / theirs - 1):+.2f} %")
    print(f"median step: licrt {1e3 * mine:.1f} ms, CompressAI {1e3 * peers:.1f} ms, ratio {mine / peers:.3f}")
    if apart:
        print(f"gradients at {len(apart)} steps: {max(apart):.1e} of a tensor's largest apart at most")
    if options.output:
        both = {"losses": losses, "seconds": seconds}
        content = {key: {side: array.tolist() for side, array in value.items()} for key, value in both.items()}
        options.output.write_text(json.dumps(content) + "\n")


def race(
    recipe: Recipe, pictures: list[NDArray[np.uint8]], oracle: Path, every: int | None
) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]], list[float]]:
    """Losses and seconds of every step, by side; and how far gradients are apart, every so many steps."""
    torch.set_num_threads(recipe.threads)
    state = TrainingState(recipe, open_processes(recipe.device, all_used=True))
    apart: list[float] = []
    losses: dict[str, list[float]] = {"licrt": [], "CompressAI": []}
    seconds: dict[str, list[float]] = {"licrt": [], "CompressAI": []}
    with closing(Oracle(oracle, Path(__file__).with_name("compressai_training.py"), recipe.threads)) as peer:
        peer(
            "start", arch=recipe.arch, lmbda=recipe.lmbda, learning_rate=recipe.learning_rate, threads=recipe.threads,
            aux_learning_rate=recipe.aux_learning_rate, clip_norm=recipe.clip_norm, **weights_of(state),
        )  # fmt: skip
        for batches in turns(recipe, pictures):
            seeds = []
            for crops in torch.from_numpy(batches):
                begin = time.process_time()
                seed_noise(recipe, state.step)
                seeds.append(torch.initial_seed())
                measured = measure(state, crops, torch.arange(len(crops)) + state.samples)
                if every and (state.step + 1) % every == 0:
                    pause = time.process_time()
                    theirs = peer("gradients", batch=crops.numpy(), seed=seeds[-1], **weights_of(state))
                    apart.append(distance(state, theirs))
                    begin += time.process_time() - pause
                update(state, measured, recipe)
                seconds["licrt"].append(time.process_time() - begin)
                losses["licrt"].append(measured.loss)
            answer = peer("steps", batches=batches, seeds=seeds)
            seconds["CompressAI"] += answer["seconds"].tolist()
            losses["CompressAI"] += answer["losses"].tolist()
    return *({side: np.array(values) for side, values in each.items()} for each in (losses, seconds)), apart


def weights_of(state: TrainingState) -> dict[str, NDArray[Any]]:
    """The model's state dict, as the other side takes it."""
    return {f"state:{key}": value.numpy().copy() for key, value in state.model.state_dict().items()}


def distance(state: TrainingState, theirs: dict[str, NDArray[np.float32]]) -> float:
    """The largest difference of any gradient that was just measured, as a share of its tensor's largest."""
    ours = {name: each.grad for name, each in state.model.named_parameters()}
    return max(float(np.abs(ours[name].numpy() - each).max() / np.abs(each).max()) for name, each in theirs.items())


def turns(recipe: Recipe, pictures: list[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """Crops at random, uint8 [steps of a turn, batch, 3, side, side]."""
    random = np.random.default_rng(recipe.seed)
    for start in range(0, recipe.steps, TURN):
        steps = min(TURN, recipe.steps - start)
        crops = [
            _crop(pictures[random.integers(len(pictures))], recipe.crop, random)
            for _ in range(steps * recipe.batch_size)
        ]
        yield np.stack(crops).reshape(steps, recipe.batch_size, 3, recipe.crop, recipe.crop)


def read_pictures(folder: Path) -> list[NDArray[np.uint8]]:
    """All pictures of a folder, uint8 [3, height, width]."""
    return [read_rgb(path).transpose(2, 0, 1) for path in find_pictures([str(folder)])]


def _crop(picture: NDArray[np.uint8], side: int, random: np.random.Generator) -> NDArray[np.uint8]:
    top, left = (int(random.integers(extent - side + 1)) for extent in picture.shape[1:])
    return picture[:, top : top + side, left : left + side]


if __name__ == "__main__":
    main()
