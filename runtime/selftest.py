"""What every inference engine of this machine makes of one picture: `lic-run doctor --selftest`.

The owner of a board sends the result back, so it holds no names of people or hosts and no directories. The picture is
computed, so that nothing but licrt is needed.
"""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from licrt.runtime import machine
from licrt.runtime.backends import Backend, choice
from licrt.runtime.backends.driver import NoDriverError, find_driver
from licrt.runtime.bundle import load_bundle
from licrt.runtime.codec import Codec
from licrt.runtime.errors import BackendError, LicrtError, first_line
from licrt.runtime.meters import board
from licrt.runtime.models import DEFAULT, find

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Rgb = npt.NDArray[np.uint8]
Result = dict[str, Any]

FORMAT = "licrt-selftest"
VERSION = 1
HEIGHT, WIDTH = 512, 768
REPEAT = 5  # runs whose median counts, after a first one that may build engines
LEVELS = 1  # by which pixels of float32 graphs may differ between engines
_DIRECTORIES = re.compile(r"(?:/[^/\s'\":;,()\[\]]+)+/")


def selftest(threads: int, on_engine: Callable[[str], None] | None = None) -> Result:
    """Encode and decode a picture on every engine that works here, and compare each with the CPU.

    Args:
        threads: threads for one call.
        on_engine: called with the name of each engine before it is tried.

    Returns:
        What can be written as JSON: ``format``, ``version``, ``machine``, ``versions``, ``gpu``, ``picture``,
        ``engines``, an entry each, and ``ok``: whether all latents were equal and no pixel differs by more than
        `LEVELS`. Seconds are those of stages.

    Raises:
        BackendError: ONNX Runtime cannot be used on the CPU, which is what the others are compared with.
    """
    found = choice.find_engines(threads)
    if found[0].backend is None:
        raise BackendError("; ".join(found[0].reasons))
    rgb = synthetic_picture(HEIGHT, WIDTH)
    reference = Reference(_codec(found[0].backend, threads), rgb)
    engines = {}
    for engine, backend, reasons in found:
        if on_engine:
            on_engine(engine.name)
        if backend is None:
            engines[engine.name] = {"works": False, "reasons": [impersonal(reason) for reason in reasons]}
        else:
            engines[engine.name] = _tried(backend, threads, reference)
    tried = [entry for entry in engines.values() if entry["works"] or "error" in entry]
    return {
        "format": FORMAT,
        "version": VERSION,
        "machine": {"system": machine.system(), "cpu": machine.cpu_model(), "threads": threads, "board": board.board()},
        "versions": machine.versions(),
        "gpu": gpu(),
        "model": reference.codec.info.name,
        "picture": {"width": WIDTH, "height": HEIGHT, "bytes": len(reference.data)},
        "engines": engines,
        "ok": all(entry.get("agrees", False) for entry in tried),
    }


class Reference:
    """What the CPU makes of the picture."""

    def __init__(self, codec: Codec, rgb: Rgb) -> None:
        self.codec, self.rgb = codec, rgb
        self.data, self.latents = codec.encode_with_latents(rgb)
        self.pixels = codec.decode(self.data)


def gpu() -> Result:
    """Return what the driver says, or why there is none."""
    try:
        driver = find_driver()
    except NoDriverError as error:
        return {"driver": None, "reason": str(error)}
    devices = [{"name": each.name, "capability": each.capability, "memory": each.memory} for each in driver.devices]
    return {"driver": driver.cuda, "devices": devices}


def synthetic_picture(height: int, width: int) -> Rgb:
    """Compute a picture, uint8 `[height, width, 3]`, with as much detail at each scale as photographs have.

    >>> synthetic_picture(64, 96).shape
    (64, 96, 3)
    """
    random = np.random.default_rng(1)
    picture = np.full((height, width, 3), 128.0)
    for cells in (2, 4, 8, 16, 32, 64):
        grid = random.integers(-100, 101, (cells + 1, cells + 1, 3)) * (2.0 / cells) ** 0.7
        rows, columns = (np.linspace(0, cells, side, endpoint=False) for side in (height, width))
        top, left = rows.astype(int), columns.astype(int)
        down, right = (rows - top)[:, None, None], (columns - left)[None, :, None]
        across = [grid[row][:, left] * (1 - right) + grid[row][:, left + 1] * right for row in (top, top + 1)]
        picture += across[0] * (1 - down) + across[1] * down
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def impersonal(text: str) -> str:
    """Return a message without its directories, which are named after people.

    >>> impersonal("no libx.so in /home/ada/my-lib/python3.11/x.so, or /opt/y")
    'no libx.so in x.so, or y'
    """
    return _DIRECTORIES.sub("", text.replace(str(Path.home()), "/home"))


def _codec(backend: Backend, threads: int) -> Codec:
    return Codec(load_bundle(find(DEFAULT)), backend, threads)


def _tried(backend: Backend, threads: int, reference: Reference) -> Result:
    """Return what an engine makes of the picture and of the CPU's stream."""
    described = dict(backend.describe())
    try:
        return {"works": True, **described, **_compared(_codec(backend, threads), reference)}
    except (LicrtError, MemoryError) as error:
        return {"works": False, **described, "error": impersonal(f"{type(error).__name__}: {first_line(error)}")}


def _compared(codec: Codec, reference: Reference) -> Result:
    """Return how far an engine agrees with the CPU, and its times."""
    encoding, data = _timed(lambda on_stage: codec.encode(reference.rgb, on_stage=on_stage))
    decoding, pixels = _timed(lambda on_stage: codec.decode(reference.data, on_stage=on_stage))
    own, latents = codec.encode_with_latents(reference.rgb)
    same = np.array_equal(codec.decode_latents(reference.data), reference.latents)
    there = np.array_equal(reference.codec.decode_latents(own), latents)
    levels = int(np.abs(pixels.astype(np.int16) - reference.pixels).max())
    return {
        "latents_of_the_cpus_stream_equal": same,
        "latents_of_its_stream_equal_on_the_cpu": there,
        "largest_pixel_difference": levels,
        "latents_encoded_otherwise": int(np.count_nonzero(latents != reference.latents)),
        "agrees": same and there and levels <= LEVELS,
        "bytes": len(data),
        "encode": encoding,
        "decode": decoding,
    }


def _timed(call: Callable[[Callable[[str, float], None]], Any]) -> tuple[Mapping[str, object], Any]:
    """Return the seconds of the first run, and the medians of later ones, by stage; and the last result."""
    runs: list[dict[str, float]] = []
    result = None
    for _ in range(REPEAT + 1):
        stages: dict[str, float] = defaultdict(float)

        def add(name: str, seconds: float, stages: dict[str, float] = stages) -> None:
            stages[name] += seconds

        result = call(add)
        runs.append(stages)
    medians = {name: statistics.median(run[name] for run in runs[1:]) for name in runs[0]}
    total = statistics.median(sum(run.values()) for run in runs[1:])
    return {"first": sum(runs[0].values()), "median": total, "stages": medians}, result
