"""The zoo: CompressAI's pretrained files, found by architecture, metric and quality, and fetched into the user's cache.

Each file has a manifest in `zoo_manifests/` (docs/zoo.md); `LICRT_ZOO_MANIFESTS` names another directory of these. A
manifest has the first hex digits of the file's SHA-256, as CompressAI publishes them; the whole hash is pinned beside
the file when it is first seen, and compared whenever the file is used.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from licrt.export.zoo_manifest import Manifest, is_hash, read_manifest
from licrt.runtime.errors import ModelError, PictureError
from licrt.runtime.files import write_file

if TYPE_CHECKING:
    from collections.abc import Callable

# Beside this package in a checkout and in a wheel alike; in a checkout, the package may be reached through links.
SHIPPED = Path(__file__).resolve().parent.parent / "zoo_manifests"
TIMEOUT = 30.0  # seconds without a byte


class NotInZooError(ModelError):
    """The zoo has no such file: wrong usage, and the message says what there is."""

    exit_code = 2


def available() -> list[Manifest]:
    """List the zoo, by architecture, metric and quality.

    >>> len([each for each in available() if each.arch == "mbt2018" and each.metric == "mse"])
    8

    Raises:
        ModelError: `LICRT_ZOO_MANIFESTS` names no directory of manifests.
    """
    directory = Path(os.environ.get("LICRT_ZOO_MANIFESTS") or SHIPPED)
    manifests = [read_manifest(path) for path in directory.glob("*.json")]
    if not manifests:
        raise ModelError(f"no zoo manifests in {directory}; check LICRT_ZOO_MANIFESTS, or install licrt again")
    return sorted(manifests, key=lambda each: (each.arch, each.metric, each.quality or 0))


def find(arch: str, metric: str = "mse", quality: int | None = None) -> Manifest:
    """Return the manifest of a model that can be exported.

    Args:
        arch: name of the architecture.
        metric: `mse` or `ms-ssim`.
        quality: index of the rate; models of variable rate have none.

    >>> find("mbt2018-mean", "mse", 4).file
    'mbt2018-mean-4-6dba02a3.pth.tar'
    >>> find("mbt2018-mean-vbr").quality is None
    True

    Raises:
        NotInZooError: there is none; the message names those that there are.
        ModelError: licrt cannot export it; or as :func:`available`.
    """
    of_arch = [each for each in available() if each.arch == arch]
    if not of_arch:
        raise NotInZooError(f"the zoo has no weights of {arch}: it needs --checkpoint")
    of_metric = [each for each in of_arch if each.metric == metric]
    if not of_metric:
        metrics = ", ".join(sorted({each.metric for each in of_arch}))
        raise NotInZooError(f"the zoo has {arch} for --metric {metrics} only, not for {metric}; or give --checkpoint")
    for each in of_metric:
        if each.quality == quality:
            if each.unsupported:
                raise ModelError(f"{each.name} cannot be exported: {each.unsupported}")
            return each
    qualities = [str(each.quality) for each in of_metric if each.quality is not None]
    if not qualities:
        raise NotInZooError(f"{arch} has one file for all rates; leave out --quality, and pick the rate when encoding")
    asked = "needs a --quality" if quality is None else f"has no quality {quality} in the zoo"
    raise NotInZooError(f"{arch} for {metric} {asked}; there are {', '.join(qualities)}; or give --checkpoint")


def cache_directory() -> Path:
    """Return where downloaded files are kept."""
    return Path(platformdirs.user_cache_dir("licrt", appauthor=False)) / "zoo"


def fetch(
    manifest: Manifest,
    *,
    cache: Path | None = None,
    timeout: float = TIMEOUT,
    say: Callable[[str], None] = lambda _: None,
    bar: bool = False,
) -> Path:
    """Return the path of a file of the zoo, downloaded unless the cache has it, and checked in either case.

    `LICRT_ZOO_URL` replaces the manifest's root URL; with `LICRT_OFFLINE=1` nothing is downloaded. Several processes
    may fetch a file at once: one downloads it, the others wait.

    Args:
        manifest: which file.
        cache: directory that keeps it; None is :func:`cache_directory`.
        timeout: seconds without a byte after which the server is given up.
        say: called with a line before a download or a wait, and where a hash cannot be pinned.
        bar: draw a progress bar on standard error meanwhile.

    Raises:
        ModelError: the file is not the one that the manifest or an earlier download knows, or not there when offline.
        PictureError: it cannot be downloaded, read or written.
    """
    path = (cache or cache_directory()) / manifest.file
    if not os.path.lexists(path):
        if os.environ.get("LICRT_OFFLINE") == "1":
            raise ModelError(
                f"{manifest.file} is not in the cache, and LICRT_OFFLINE=1 forbids a download."
                f" Get it from {manifest.url} elsewhere and put it at {path}"
            )
        from licrt.export.download import download

        url = f"{(os.environ.get('LICRT_ZOO_URL') or manifest.root).rstrip('/')}/{manifest.file}"

        def accept(part: Path) -> None:
            _check(part, path, manifest, url, "nothing was kept; try again, or another mirror")

        download(url, path, accept, timeout=timeout, say=say, bar=bar)
    found = _check(path, path, manifest, str(path), "remove it to download it again")
    _pin(path, found, say)
    return path


def source(manifest: Manifest, path: Path) -> dict[str, str]:
    """Return what a bundle's manifest records of fetched weights that it was made from.

    Raises:
        PictureError: the file cannot be read.
    """
    return {"url": manifest.url, "sha256": _pinned(path) or _sha256(path)}


def _sha256(path: Path) -> str:
    from pooch import file_hash

    try:
        return str(file_hash(str(path), alg="sha256"))
    except OSError as error:
        raise PictureError(f"cannot read {path}: {error.strerror}") from error


def _check(file: Path, path: Path, manifest: Manifest, what: str, remedy: str) -> str:
    """Compare a file with the manifest and with the hash pinned for `path`, and return its hash."""
    found = _sha256(file)
    pinned = _pinned(path)
    for expected in (manifest.sha256_prefix, pinned or ""):
        if not found.startswith(expected):
            origin = "the zoo's begins with" if expected == manifest.sha256_prefix else "the file first downloaded had"
            raise ModelError(f"{what} is not {manifest.file}: SHA-256 {found}, {origin} {expected}; {remedy}")
    return found


def _pin_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _pin(path: Path, found: str, say: Callable[[str], None]) -> None:
    """Keep a hash beside a file, as sha256sum writes and checks it, unless it is there."""
    pin = _pin_of(path)
    if pin.exists():
        return
    try:
        write_file(str(pin), f"{found}  {path.name}\n".encode(), force=True)
    except PictureError as error:  # somebody else's cache, which is used as it is
        say(f"the SHA-256 is not pinned: {error}")


def _pinned(path: Path) -> str | None:
    pin = _pin_of(path)
    try:
        text = pin.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PictureError(f"cannot read {pin}: {error.strerror}") from error
    if not is_hash(digits := text[:64], 64):
        raise ModelError(f"{pin} does not begin with a SHA-256; remove it, and {path.name} unless you trust that")
    return digits
