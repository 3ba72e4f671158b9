"""One picture through one model: encoded to a file, decoded from that file, compared and timed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from licrt.evaluation.metrics import image_result
from licrt.evaluation.pictures import read_pixels
from licrt.evaluation.results import TOTAL
from licrt.runtime.cli.errors import explain, our_words_only
from licrt.runtime.codec import Codec
from licrt.runtime.errors import ModelError
from licrt.runtime.files import make_directory, read_stream_file, write_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from licrt.evaluation.results import ImageResult


@dataclass(frozen=True)
class Task:
    """What to measure.

    Attributes:
        model: directory of a bundle.
        model_id: its id, 32 hex digits.
        quality: 0 to 100 of a variable-rate model; None for the model's own.
        source: the picture.
        file: its path below the folder of the set.
        output: folder of the results.
        stream: where the encoded file goes, below that.
        size, mtime_ns: of the picture's file when this was planned; -1 if it could not be seen.
    """

    model: str
    model_id: str
    quality: int | None
    source: str
    file: str
    output: str
    stream: str
    size: int = -1
    mtime_ns: int = -1


@dataclass(frozen=True)
class Outcome:
    """What became of a task: a result, and SHA-256 of the picture's file; or an error in one line."""

    task: Task
    image: ImageResult | None = None
    sha256: str = ""
    error: str = ""


class Worker:
    """Measures one picture after the other; keeps the codec that it used last. Never raises for a picture's sake."""

    def __init__(self, device: str, threads: int) -> None:
        self._device = device
        self._threads = threads
        self._codec: Codec | None = None

    def __call__(self, task: Task) -> Outcome:
        """Measure one picture."""
        try:
            return self._measure(task)
        except Exception as error:
            line = " ".join(explain(error)[0].split())
            return Outcome(task, error=line if task.file in line else f"{task.source}: {line}")

    def _measure(self, task: Task) -> Outcome:
        codec = self._load(task)
        with our_words_only():
            pixels = read_pixels(task.source)
        target = Path(task.output) / task.stream
        make_directory(target.parent)
        data, encode = _timed(codec.encode, pixels.rgb, quality=task.quality)
        write_file(str(target), data, force=True)
        decoded, decode = _timed(codec.decode, read_stream_file(str(target)))
        size = target.stat().st_size
        image = image_result(task.file, task.stream, size, pixels.rgb, decoded, encode, decode)
        return Outcome(task, image, pixels.sha256)

    def _load(self, task: Task) -> Codec:
        if self._codec is None or self._codec.info.id != task.model_id:
            self._codec = None  # so that two need not fit
            codec = Codec.load(task.model, self._device, self._threads)
            if codec.info.id != task.model_id:
                raise ModelError(f"{task.model} was replaced by another model meanwhile. Start again")
            codec.decode(codec.encode(np.zeros((64, 64, 3), np.uint8)))  # graphs are loaded when first used
            self._codec = codec
        return self._codec


def _timed(call: Callable[..., Any], argument: object, **options: object) -> tuple[Any, dict[str, float]]:
    """Call a codec and return what it returns and the seconds of every stage, and in total."""
    stages: dict[str, float] = {}

    def on_stage(name: str, seconds: float) -> None:
        stages[name] = stages.get(name, 0.0) + seconds

    begin = time.perf_counter()
    result = call(argument, on_stage=on_stage, **options)
    return result, {TOTAL: time.perf_counter() - begin, **stages}
