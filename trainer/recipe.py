"""Recipes: all that determines a training run, from a YAML file and ``key=value`` overrides."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from licrt.runtime.errors import LicrtError, PictureError

if TYPE_CHECKING:
    from collections.abc import Sequence

SHIPPED = Path(__file__).parent / "recipes"


class RecipeError(LicrtError):
    """A recipe or an override that says something unknown, incomplete or impossible: wrong usage."""

    exit_code = 2


@dataclass
class Recipe:
    """A training run.

    Attributes:
        arch: name of the architecture.
        channels, latent_channels: N and M of the papers.
        lmbda: weight of the distortion in ``lmbda * 255^2 * MSE + bpp``.
        metric: of the distortion, ``mse`` or ``ms-ssim``.
        stage: of variable-rate training, ``1``, ``2`` or ``joint``; empty for a single rate.
        integer_aware: widths of weights and activations to train for, such as ``w8a8``; empty for none.
        train_folders: places of the training pictures, one or a list: folders of pictures, searched with all below, or
            of Vimeo-90k, arrays, shards (docs/training-data.md).
        validation_folders: pictures measured every ``validate_every`` steps; may be empty.
        output: folder of the run's files.
        checkpoint: weights to start from, any file that export-model takes; empty for random ones.
        steps: number of updates.
        batch_size: crops per step, of all processes together.
        crop: side of a crop in pixels.
        flip: mirror half of the crops.
        crops_per_picture: cut from each picture when it is read.
        cache_megabytes: of decoded pictures that stay in memory, so that they are read once.
        optimizer, optimizer_options: class of ``torch.optim`` for the networks, and its further arguments.
        learning_rate, aux_learning_rate: of the networks, and of the quantiles, which Adam trains.
        schedule, schedule_options: class of ``torch.optim.lr_scheduler`` and its arguments; empty for a constant rate.
            It goes on with every step, ``ReduceLROnPlateau`` with every validation.
        warmup_steps: steps in which the learning rate rises linearly, before the schedule begins.
        ema_decay: of the moving average of the weights, which is what validations and checkpoints have; 0 for none.
        clip_norm: bound on the norm of the gradient; 0 for none.
        precision: ``32``, or ``bf16``: convolutions in bfloat16, entropy models and losses in float32.
        deterministic: only operations of torch that repeat exactly, on GPUs too.
        seed: of the initial weights, the crops and the noise.
        device: ``auto``, ``cpu``, ``cuda`` or any other device of torch.
        threads: of torch on the CPU; 0 leaves it to torch. Runs repeat exactly for one number of threads.
        workers: processes that read pictures.
        log_every, checkpoint_every, validate_every: steps between metrics, training states, validations.
        tensorboard: ``auto`` writes its files where it is installed, ``always`` asks for it, ``never``.
    """

    arch: str = MISSING
    channels: int = MISSING
    latent_channels: int = MISSING
    lmbda: float = MISSING
    metric: str = "mse"
    stage: str = ""
    integer_aware: str = ""
    train_folders: list[str] = MISSING
    validation_folders: list[str] = field(default_factory=list)
    output: str = MISSING
    checkpoint: str = ""
    steps: int = 1_000_000
    batch_size: int = 16
    crop: int = 256
    flip: bool = True
    crops_per_picture: int = 1
    cache_megabytes: float = 0.0
    optimizer: str = "Adam"
    optimizer_options: dict[str, Any] = field(default_factory=dict)
    learning_rate: float = 1e-4
    aux_learning_rate: float = 1e-3
    schedule: str = ""
    schedule_options: dict[str, Any] = field(default_factory=dict)
    warmup_steps: int = 0
    ema_decay: float = 0.0
    clip_norm: float = 1.0
    precision: str = "32"
    deterministic: bool = False
    seed: int = 0
    device: str = "auto"
    threads: int = 0
    workers: int = 2
    log_every: int = 100
    checkpoint_every: int = 1000
    validate_every: int = 5000
    tensorboard: str = "auto"


def load_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        name: a YAML file, or the name of a recipe that comes with licrt, such as ``mbt2018-mean``.
        overrides: ``key=value`` each.

    Raises:
        PictureError: there is no such file.
        RecipeError: a key is unknown or missing, or a value impossible.
    """
    shipped = SHIPPED / f"{name}.yaml"
    path = shipped if shipped.is_file() and not Path(name).exists() else Path(name)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        names = ", ".join(sorted(recipe.stem for recipe in SHIPPED.glob("*.yaml")))
        raise PictureError(f"cannot read recipe {name}: {error.strerror}. Name a file, or one of {names}") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"recipe {name} is not a text file") from error
    return parse_recipe(text, name, overrides)


def parse_recipe(text: str, name: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe that is called so in messages from the text of a YAML file.

    Raises:
        RecipeError: as :func:`load_recipe`.
    """
    try:
        merged = OmegaConf.merge(OmegaConf.structured(Recipe), _settings(text, overrides))
        missing = sorted(str(key) for key in OmegaConf.missing_keys(merged))
        recipe = None if missing else OmegaConf.to_object(merged)
    except (OmegaConfBaseException, YAMLError, ValueError, TypeError) as error:
        where = f"{key}: " if (key := getattr(error, "full_key", None)) else ""
        raise RecipeError(f"recipe {name}: {where}{str(error).splitlines()[0]}") from error
    if not isinstance(recipe, Recipe):
        raise RecipeError(f"recipe {name} leaves out {', '.join(missing)}; add key=value for each")
    _check(recipe, name)
    return recipe


def to_yaml(recipe: Recipe) -> str:
    """A recipe with all its keys, as YAML."""
    return OmegaConf.to_yaml(OmegaConf.structured(recipe))


def _settings(text: str, overrides: Sequence[str]) -> DictConfig:
    settings = OmegaConf.create(text)
    if not isinstance(settings, DictConfig):
        raise TypeError("expected lines of the form key: value")
    for override in overrides:
        if "=" not in override:
            raise ValueError(f"override {override!r} is not of the form key=value")
        if (name := override.partition("=")[0]) in {"optimizer", "schedule"}:
            settings.pop(f"{name}_options", None)  # they are those of another class
    settings.merge_with_dotlist([*overrides])
    for key in ("train_folders", "validation_folders"):
        if isinstance(folder := settings.get(key), str):
            settings[key] = [folder]
    return settings


def _check(recipe: Recipe, name: str) -> None:
    positive = (
        "channels", "latent_channels", "lmbda", "steps", "batch_size", "crop", "learning_rate", "aux_learning_rate",
        "log_every", "checkpoint_every", "validate_every", "crops_per_picture",
    )  # fmt: skip
    for key in positive:
        if not getattr(recipe, key) > 0:
            raise RecipeError(f"recipe {name}: {key} is {getattr(recipe, key)}, expected more than 0")
    if not recipe.train_folders:
        raise RecipeError(f"recipe {name}: train_folders is empty, expected at least one folder of pictures")
    for key in ("seed", "threads", "workers", "warmup_steps", "clip_norm", "cache_megabytes"):
        if not getattr(recipe, key) >= 0:
            raise RecipeError(f"recipe {name}: {key} is {getattr(recipe, key)}, expected 0 or more")
    if not 0 <= recipe.ema_decay < 1:
        raise RecipeError(f"recipe {name}: ema_decay is {recipe.ema_decay}, expected 0 or more and less than 1")
    for key, choices in (("precision", ("32", "bf16")), ("tensorboard", ("auto", "always", "never"))):
        if getattr(recipe, key) not in choices:
            raise RecipeError(f"recipe {name}: {key} is {getattr(recipe, key)}, expected {' or '.join(choices)}")
