"""`lic-run doctor`: is everything here that encoding and decoding need? Its output belongs in every bug report."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from licrt.runtime import machine
from licrt.runtime.cli import options
from licrt.runtime.cli.errors import say
from licrt.runtime.errors import BackendError, LicrtError, MismatchError
from licrt.runtime.files import STANDARD, check_target, write_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@click.command("doctor", short_help="Check whether everything needed is here.")
@click.option(
    "--selftest",
    "with_selftest",
    is_flag=True,
    help="Instead, encode and decode a picture on every engine that works, compare them, and write JSON to send back.",
)
@click.option("-o", "--output", default=STANDARD, help="With --selftest: the JSON file.  [default: standard output]")
@options.force
@options.threads
def command(with_selftest: bool, output: str, force: bool, threads: int | None) -> None:
    """Check versions, native kernels, GPUs, inference engines and model directories. Exit code 5 if no engine works.

    The JSON of --selftest holds machine, versions, times and differences, and no names of people, hosts or directories.
    Exit code 4 if engines disagree.
    """
    from licrt.runtime.backends import default_threads

    threads = threads or default_threads()
    if with_selftest:
        _selftest(output, force, threads)
    elif output != STANDARD or force:
        raise click.UsageError("-o and -f are for --selftest")
    else:
        _examine(threads)


def _selftest(output: str, force: bool, threads: int) -> None:
    from licrt.runtime.selftest import selftest

    check_target(output, force=force)
    result = selftest(threads, lambda name: say(f"trying {name} …"))
    write_file(output, f"{json.dumps(result, indent=2)}\n".encode(), force=force)
    for name, engine in result["engines"].items():
        if not engine["works"]:
            say(f"{name}: {engine.get('error') or '; '.join(engine['reasons'])}")
        elif engine["agrees"]:
            times = [1e3 * engine[direction]["median"] for direction in ("encode", "decode")]
            say(f"{name}: latents equal, pixels within 1 level; encode {times[0]:.0f} ms, decode {times[1]:.0f} ms")
        else:
            say(f"{name}: DIFFERS from the CPU")
    if not result["ok"]:
        raise MismatchError("engines of this machine fail or disagree. Please send the JSON back, and use --device cpu")


def _examine(threads: int) -> None:
    click.echo("versions")
    for name, version in machine.versions().items():
        _line(name, version)
    _line("system", machine.system())
    _line("CPU", f"{machine.cpu_model()}, {os.cpu_count()} CPUs")
    problems = [*_kernels(), *_engine(threads)]
    _models()
    click.echo("environment")
    for name, value in machine.variables().items() or [("LICRT_*", "none set")]:
        _line(name, value)
    if problems:
        raise BackendError("; ".join(problems))
    click.echo("ready to encode and decode")


def _line(name: str, value: object) -> None:
    click.echo(f"  {name:<21} {value}")


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


def _engine(threads: int) -> Iterator[str]:
    from licrt.runtime.backends import choice, open_backend
    from licrt.runtime.backends.driver import NoDriverError, find_driver

    click.echo("GPU")
    try:
        driver = find_driver()
    except NoDriverError as error:
        _line("driver", error)
    else:
        _line("driver", f"for CUDA {driver.cuda} and earlier")
        for device in driver.devices:
            _line("device", f"{device.name}, compute capability {device.capability}, {device.memory / 2**30:.1f} GiB")
    _line("engine cache", _cache())
    click.echo("inference engines")
    for engine, backend, reasons in choice.find_engines(threads):
        _line(engine.name, f"works, --device {engine.device}" if backend else f"no: {'; '.join(reasons)}")
    click.echo("inference engine without --device")
    try:
        for key, value in open_backend("auto", threads).describe().items():
            _line(key, value)
    except BackendError as error:
        _line("engine", "MISSING")
        yield str(error)
    installed = [name for name in machine.ENGINES if name in machine.versions()]
    if len(installed) > 1:
        yield (
            f"{' and '.join(installed)} are both installed and overwrite each other's files. Run: "
            f"pip uninstall -y {' '.join(installed)}; then pip install 'licrt[cpu]', or 'licrt[gpu]' for a GPU"
        )


def _cache() -> str:
    from licrt.runtime.backends import engine_cache

    path = engine_cache.directory()
    if not path.exists():
        return f"{path}, not there yet"
    if engine_cache.usable_directory() is None:
        return f"{path}, NOT USED: it must be a directory that this user alone can write. Run: chmod 700 {path}"
    return f"{path}, {len(list(path.iterdir()))} files"


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
