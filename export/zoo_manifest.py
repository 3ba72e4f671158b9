"""Manifests of the zoo: what is known of a pretrained file before it is downloaded (docs/zoo.md)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from licrt.runtime.bundle import is_plain_name
from licrt.runtime.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

FORMAT_VERSION = 1


class Result(NamedTuple):
    """Means over the 24 Kodak pictures: bits per pixel, PSNR of RGB in dB, MS-SSIM."""

    bpp: float
    psnr: float
    ms_ssim: float


@dataclass(frozen=True)
class Manifest:
    """One pretrained file.

    Attributes:
        name: ARCH-METRIC-QUALITY, or ARCH-METRIC for models of variable rate.
        arch, metric: architecture, and what its distortion was measured by in training.
        quality: 1 and up, or None for models of variable rate.
        channels, latent_channels: N and M.
        lambdas: weights of the distortion in training; several for models of variable rate, none if unpublished.
        root, file: where it is: the file's name follows the root URL.
        sha256_prefix: 8 to 64 hex digits that the file's SHA-256 begins with.
        licence: of the weights, for people.
        notes: known defects.
        kodak: published results, several for models of variable rate, none if unpublished.
        pixels: what these were measured on: `8-bit` or `float` pictures, or `unstated`.
        unsupported: why licrt cannot export it, or None if it can.
    """

    name: str
    arch: str
    metric: str
    quality: int | None
    channels: int
    latent_channels: int
    lambdas: tuple[float, ...]
    root: str
    file: str
    sha256_prefix: str
    licence: str
    notes: tuple[str, ...]
    kodak: tuple[Result, ...]
    pixels: str
    unsupported: str | None

    @property
    def url(self) -> str:
        """Where the file is published, whatever mirror it is fetched from."""
        return f"{self.root.rstrip('/')}/{self.file}"

    @property
    def summary(self) -> str:
        """One line for people."""
        line = f"{self.name:<30} N={self.channels} M={self.latent_channels}"
        if self.kodak:
            ends = dict.fromkeys((self.kodak[0], self.kodak[-1]))
            bpp, psnr = "…".join(f"{each.bpp:.4f}" for each in ends), "…".join(f"{each.psnr:.2f}" for each in ends)
            line += f"  Kodak {bpp} bpp {psnr} dB ({self.pixels})"
        remarks = [f"cannot be exported: {self.unsupported}"] if self.unsupported else []
        return "; ".join([line, *remarks, *self.notes])


def read_manifest(path: Path) -> Manifest:
    """Read a manifest, and check every field.

    Raises:
        ModelError: it cannot be read, or is not one.
    """
    try:
        return _checked(json.loads(path.read_text(encoding="utf-8")), path.stem)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path} is no zoo manifest: {type(error).__name__}: {error}. See docs/zoo.md") from error


def is_hash(text: str, least: int = 64) -> bool:
    """Tell whether a text is a SHA-256 in lowercase hex digits, or at least so many of the first of them.

    >>> is_hash("6dba02a3", 8), is_hash("6dba02a3")
    (True, False)
    """
    return least <= len(text) <= 64 and set(text) <= set("0123456789abcdef")


def _checked(content: dict[str, Any], stem: str) -> Manifest:
    if (content["format"], content["format_version"]) != ("licrt-zoo", FORMAT_VERSION):
        raise ValueError(f"expected format licrt-zoo, version {FORMAT_VERSION}")
    arch, metric, quality = str(content["arch"]), str(content["metric"]), content["quality"]
    if not (quality is None or type(quality) is int):
        raise ValueError(f"expected a whole number or null as quality, found {quality!r}")
    name = f"{arch}-{metric}" if quality is None else f"{arch}-{metric}-{quality}"
    file, prefix, kodak = str(content["file"]), str(content["sha256_prefix"]), content["kodak"]
    if not (content["name"] == name == stem):
        raise ValueError(f"expected the name {name}, which the file has too")
    if not is_plain_name(file) or not is_hash(prefix, 8):
        raise ValueError("expected a plain file name, and 8 to 64 hex digits of its SHA-256")
    points = kodak["points"] if kodak else []
    return Manifest(
        name=name,
        arch=arch,
        metric=metric,
        quality=quality,
        channels=int(content["channels"]),
        latent_channels=int(content["latent_channels"]),
        lambdas=tuple(map(float, content["lambdas"])),
        root=str(content["root"]),
        file=file,
        sha256_prefix=prefix,
        licence=str(content["licence"]),
        notes=tuple(map(str, content["notes"])),
        kodak=tuple(Result(float(each["bpp"]), float(each["psnr"]), float(each["ms_ssim"])) for each in points),
        pixels=str(kodak["pixels"]) if kodak else "",
        unsupported=None if content["supported"] else str(content["reason"]),
    )
