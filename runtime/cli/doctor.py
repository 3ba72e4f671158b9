"""`lic-run doctor`: is everything here that encoding and decoding need? Its output belongs in every bug report."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from licrt.runtime import machine
from licrt.runtime.errors import BackendError, LicrtError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@click.command("doctor", short_help="Check whether everything needed is here.")
def command() -> None:
    """Check versions, native kernels, inference engine and model directories. Exit code 5 if no engine works."""
    click.echo("versions")
    for name, version in machine.versions().items():
        _line(name, version)
    _line("system", machine.system())
    _line("CPU", f"{machine.cpu_model()}, {os.cpu_count()} CPUs")
    problems = [*_kernels(), *_engine()]
    _models()
    click.echo("environment")
    for name, value in machine.variables().items() or [("LICRT_*", "none set")]:
        _line(name, value)
    if problems:
        raise BackendError("; ".join(problems))
    click.echo("ready to encode and decode")


def _line(name: str, value: object) -> None:
    click.echo(f"  {name:<18} {value}")


def _kernels() -> Iterator[str]:
    click.echo("entropy core")
    try:
        from licrt.runtime.entropy import available_kernels
    except ImportError as error:
        _line("kernels", f"MISSING: {error}")
        yield "the compiled module of licrt cannot be loaded. Run: pip install --force-reinstall 'licrt[cpu]'"
    else:
        kernels = available_kernels()
        _line("kernels", ", ".join(kernels))
        wanted = os.environ.get("LICRT_CPU")
        if wanted and wanted not in kernels:
            yield f"LICRT_CPU asks for the kernels {wanted!r}, which are not here. Unset it, or use one of the above"


def _engine() -> Iterator[str]:
    from licrt.runtime.backends import default_threads, open_backend

    click.echo("inference engine")
    try:
        for key, value in open_backend("auto", default_threads()).describe().items():
            _line(key, value)
    except BackendError as error:
        _line("engine", "MISSING")
        yield str(error)
    installed = [name for name in machine.ENGINES if name in machine.versions()]
    if len(installed) > 1:
        yield (
            f"{' and '.join(installed)} are both installed and overwrite each other's files. Run: "
            f"pip uninstall -y {' '.join(installed)}; then pip install 'licrt[cpu]'"
        )


def _models() -> None:
    from licrt.runtime.models import available_models, search_path

    click.echo("models")
    try:
        models = available_models()
    except LicrtError as error:
        models = []
        _line("models", error)
    for directory in search_path():
        names = [model.name for model in models if model.path.parent == directory]
        _line(_state(directory), f"{directory} ({', '.join(names) or 'no models'})")


def _state(directory: Path) -> str:
    if not directory.is_dir():
        return "not there yet"
    return "writable" if os.access(directory, os.W_OK) else "read-only"
