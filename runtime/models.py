"""Finding models: by directory, by name, or by the id that a stream carries.

Searched in this order: the directories of `LICRT_MODEL_PATH`, the user's data directory (where `export-model` and
`lic-run models --add` put bundles), and the models inside this package.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from licrt.runtime.bundle import HALVES, Bundle, is_plain_name, load_bundle, load_tensors, parse_manifest, read_manifest
from licrt.runtime.errors import ModelError, PictureError
from licrt.runtime.files import replace_directory, workplace

if TYPE_CHECKING:
    from collections.abc import Iterator

EMBEDDED = Path(__file__).parent / "models_embedded"
DEFAULT = "default"


@dataclass(frozen=True)
class ModelInfo:
    """One installed model, as `lic-run models` lists it."""

    name: str
    id: str
    path: Path
    arch: str
    quality: int | None
    metric: str
    rate_points: int
    parts: tuple[str, ...]


def user_directory() -> Path:
    """Return where installed bundles live: the user's data directory, which nothing purges."""
    return Path(platformdirs.user_data_dir("licrt", appauthor=False)) / "models"


def search_path() -> list[Path]:
    """Return the directories whose subdirectories are looked at, first match first."""
    named = [Path(entry) for entry in os.environ.get("LICRT_MODEL_PATH", "").split(os.pathsep) if entry]
    return [*named, user_directory(), EMBEDDED]


def available_models() -> list[ModelInfo]:
    """List the models that can be named, in order of search; damaged directories are left out.

    >>> [model.name for model in available_models() if model.path.name == "default"]
    ['licrt2026-mse']
    """
    return [describe(bundle) for bundle in _bundles()]


def describe(bundle: Bundle) -> ModelInfo:
    """Return the public description of a bundle."""
    return ModelInfo(
        bundle.name,
        bundle.id,
        bundle.directory,
        bundle.arch,
        bundle.quality,
        bundle.metric,
        bundle.rate_points,
        tuple(sorted(bundle.graphs)),
    )


def find(model: str | Path) -> Path:
    """Return the directory of a model given as a directory, a name, `default`, or an id (32 hex digits).

    Raises:
        ModelError: nothing of that name or id is installed.
    """
    path = Path(model)
    if _is_bundle(path):
        return path
    if isinstance(model, str):
        if model == DEFAULT:
            return EMBEDDED / DEFAULT
        bundles = list(_bundles())
        matches = [bundle for bundle in bundles if model in (bundle.name, bundle.id, bundle.directory.name)]
        if matches:
            # Half a bundle must not hide the whole one; among equals the first of the search path wins.
            return max(matches, key=lambda bundle: len(bundle.graphs.keys() & set(HALVES))).directory
        names = ", ".join(sorted({bundle.name for bundle in bundles})) or "none"
        what = "a model with this id" if _is_id(model) else "an installed model or a bundle directory"
        raise ModelError(
            f"model {model} not found: expected {what}. Installed: {names}. "
            "Run: lic-run models --add DIR, or set LICRT_MODEL_PATH"
        )
    raise ModelError(f"{path} is not a bundle: it has no manifest.json. Expected a directory made by export-model")


def install(directory: Path) -> ModelInfo:
    """Copy a bundle into the user's data directory, under its name.

    A copy that is there already stays if it is whole; a damaged one, or half of the new one, is replaced.

    Raises:
        ModelError: the directory is not a whole bundle, or another model of that name is installed.
        PictureError: it cannot be copied.
    """
    manifest = read_manifest(directory)
    bundle = parse_manifest(directory, manifest)
    target = user_directory() / bundle.name
    if not is_plain_name(bundle.name):
        raise ModelError(f"model name {bundle.name!r} cannot be a directory name; export it under another one")
    _check_files(bundle)
    if not _is_installed(bundle, target):
        _copy(bundle, manifest, target)
    return describe(load_bundle(target))


def _is_installed(bundle: Bundle, target: Path) -> bool:
    """Tell whether a bundle is there, whole; raise if another one is."""
    if not target.exists():
        return False
    try:
        installed = load_bundle(target)
    except ModelError as error:
        raise ModelError(f"{target} is in the way ({error}). Remove it, then install the model again") from error
    if installed.id != bundle.id:
        raise ModelError(f"another model called {bundle.name} is installed in {target}; remove it first")
    try:
        _check_files(installed)
    except ModelError:
        return False
    lacking, extra = set(bundle.graphs) - set(installed.graphs), set(installed.graphs) - set(bundle.graphs)
    if lacking and extra:
        raise ModelError(
            f"{target} holds the other half of this model. Remove it first, or add a bundle of both halves"
        )
    return not lacking


def _check_files(bundle: Bundle) -> None:
    """Raise ModelError unless hashes and id of a bundle are right."""
    load_tensors(bundle)
    for file in bundle.manifest["files"]:
        bundle.read(file)


def _copy(bundle: Bundle, manifest: bytes, target: Path) -> None:
    """Write the bytes that were checked, whatever has become of the files since."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with workplace(target.parent) as temporary:
            copy = temporary / "bundle"
            copy.mkdir()
            for file in bundle.manifest["files"]:
                (copy / file).write_bytes(bundle.read(file))
            (copy / "manifest.json").write_bytes(manifest)
            replace_directory(target, copy, temporary / "old")
    except OSError as error:
        if not _is_installed(bundle, target):  # by another process, meanwhile
            raise PictureError(f"cannot install {bundle.name} in {target}: {error.strerror}") from error


def _bundles() -> Iterator[Bundle]:
    for parent in search_path():
        for directory in _subdirectories(parent):
            try:
                if _is_bundle(directory):
                    yield load_bundle(directory)
            except ModelError:
                continue


def _subdirectories(parent: Path) -> list[Path]:
    try:
        return sorted(parent.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ModelError(f"cannot list models in {parent}: {error.strerror}. Check it, and LICRT_MODEL_PATH") from error


def _is_bundle(directory: Path) -> bool:
    try:
        return (directory / "manifest.json").is_file()
    except OSError:  # a name that no directory can have, or one that may not be looked into
        return False


def _is_id(text: str) -> bool:
    return len(text) == 32 and all(digit in "0123456789abcdef" for digit in text)
