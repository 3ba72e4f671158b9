"""Rate and distortion of models on a set of pictures: what there is to do, what was done before, and the curves."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from licrt.evaluation.manifest import Record
from licrt.evaluation.pictures import describe_set
from licrt.evaluation.results import Environment, Failure, Point, Results
from licrt.evaluation.worker import Task
from licrt.runtime import __version__
from licrt.runtime.codec import Codec
from licrt.runtime.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from licrt.evaluation.manifest import Manifest
    from licrt.evaluation.pictures import PictureSet
    from licrt.evaluation.results import Setting
    from licrt.evaluation.worker import Outcome
    from licrt.runtime.models import ModelInfo

    Runner = Callable[[Iterable[Task]], Iterator[Outcome]]

STREAMS = "streams"


@dataclass(frozen=True)
class Variant:
    """One point of a curve: a model, and a quality if its rate varies.

    Attributes:
        curve: name of the curve.
        engine: what runs the model, for reports.
    """

    curve: str
    model: ModelInfo
    quality: int | None
    engine: Mapping[str, Setting]

    @property
    def label(self) -> str:
        """Name for people, and of the folder with its streams."""
        rate = "" if self.quality is None else f"-q{self.quality}"
        return f"{self.model.name}-{self.model.id[:8]}{rate}"


@dataclass(frozen=True)
class Plan:
    """What is known already, what is to be measured, and why some of it again, in lines for people."""

    known: Sequence[Record]
    tasks: Sequence[Task]
    notices: Sequence[str]


def variants(
    models: Sequence[str], qualities: Sequence[int], device: str, threads: int, curve: str | None = None
) -> list[Variant]:
    """Return every model at every quality, after trying each of them on a small picture.

    Args:
        models: as `Codec.load` takes them.
        qualities: of variable-rate models; none for the models' own.
        device, threads: as `Codec.load` takes them.
        curve: name of one curve of all; None for one of each model, by its name.

    Raises:
        ModelError: no such model, half a model, no such quality, or two curves of one name.
        BackendError: the device or its engine is not available.

    >>> [(variant.curve, variant.quality) for variant in variants(["default", "licrt2026-mse"], [], "cpu", 1)]
    [('licrt2026-mse', None)]
    """
    found: dict[tuple[str, int | None], Variant] = {}
    for model in models:
        codec = Codec.load(model, device, threads)
        for quality in qualities or (None,):
            codec.decode(codec.encode(np.zeros((16, 16, 3), np.uint8), quality=quality))
            variant = Variant(curve or codec.info.name, codec.info, quality, codec.engine)
            found.setdefault((codec.info.id, quality), variant)
    ids = Counter(name for name, _ in {(variant.curve, variant.model.id) for variant in found.values()})
    if curve is None and (twice := next((name for name, count in ids.items() if count > 1), None)):
        raise ModelError(f"two models are called {twice}, and so would be their results. Export one under another name")
    return list(found.values())


def conditions(pictures: PictureSet, device: str, threads: int, processes: int, runner: str) -> dict[str, Any]:
    """Return all that changes times or values of all pictures alike, so that one folder has results of one kind."""
    here = asdict(Environment.here())
    here["variables"] = {name: value for name, value in here["variables"].items() if name == "LICRT_CPU"}
    set_of = {"dataset": str(pictures.folder.resolve())}
    return {**set_of, "device": device, "threads": threads, "processes": processes, "runner": runner, **here}


def clear(output: Path) -> None:
    """Remove what a run that was killed left half-written; only for who holds the manifest."""
    for leftover in (output / STREAMS).rglob(".licrt-*.tmp"):
        with suppress(OSError):
            leftover.unlink()


def plan(pictures: PictureSet, points: Sequence[Variant], manifest: Manifest, output: Path) -> Plan:
    """Compare what is asked for with what the manifest has.

    A result counts as long as the picture's file, the model and the encoded file are what they were.
    """
    names = {(record.name, record.quality, record.image.file) for record in manifest.records.values()}
    known, tasks = [], []
    again: Counter[str] = Counter()
    for variant in points:
        for file in pictures.files:
            source = pictures.folder / file
            record = manifest.records.get((variant.model.id, variant.quality, file))
            if record is None:
                if (variant.model.name, variant.quality, file) in names:
                    again[f"of model {variant.model.name}, which is another one now"] += 1
            elif not record.is_of(source):
                again["of pictures that have changed"] += 1
            elif not record.has_stream(output):
                again["whose encoded files are gone or changed"] += 1
            else:
                known.append(record)
                continue
            stream = f"{STREAMS}/{variant.label}/{file}.lci"
            model = str(variant.model.path)
            places = str(source), file, str(output), stream
            tasks.append(Task(model, variant.model.id, variant.quality, *places, *_status(source)))
    notices = [f"{count:,} results {what}: measured again" for what, count in again.items()]
    return Plan(known, tasks, notices)


def measure(tasks: Sequence[Task], points: Sequence[Variant], manifest: Manifest, runner: Runner) -> Iterator[Outcome]:
    """Yield what becomes of every task, once the manifest has it.

    Args:
        tasks: of a plan.
        points: that these are of.
        manifest: gets every result.
        runner: what runs the tasks, such as `processes.run`.
    """
    names = {variant.model.id: variant.model.name for variant in points}
    for outcome in runner(tasks):
        task, image = outcome.task, outcome.image
        if image is not None:
            name = names[task.model_id]
            size, mtime_ns, sha256 = task.size, task.mtime_ns, outcome.sha256
            manifest.add(Record(task.model_id, name, task.quality, size, mtime_ns, sha256, image))
        yield outcome


def curves(
    pictures: PictureSet, points: Sequence[Variant], manifest: Manifest, failed: Sequence[Outcome], command: str
) -> list[Results]:
    """Return the curves of what the manifest has. Points without pictures are left out, and curves without points."""
    by_curve: dict[str, list[tuple[Variant, Point]]] = {}
    hashes: dict[str, str] = {}
    for variant in points:
        keys = [(variant.model.id, variant.quality, file) for file in pictures.files]
        failures = [
            *(
                Failure(outcome.task.file, outcome.error)
                for outcome in failed
                if (outcome.task.model_id, outcome.task.quality) == (variant.model.id, variant.quality)
            ),
            *pictures.failures,
        ]
        missing = {failure.file for failure in failures}
        records = [manifest.records[key] for key in keys if key in manifest.records and key[2] not in missing]
        hashes |= {record.image.file: record.sha256 for record in records}
        if records:
            point = Point(_settings(variant), tuple(record.image for record in records), tuple(failures))
            by_curve.setdefault(variant.curve, []).append((variant, point))
    dataset = describe_set(pictures.name, hashes)
    return [
        Results(
            name,
            f"Files of licrt {__version__}, encoded and decoded",
            _codec(pairs[0][0].engine),
            command,
            dataset,
            Environment.here(),
            tuple(point for _, point in sorted(pairs, key=lambda pair: pair[1].means.bpp)),
        )
        for name, pairs in by_curve.items()
    ]


def _codec(engine: Mapping[str, Setting]) -> dict[str, Setting]:
    """Describe licrt and what runs its graphs, whose version is another one."""
    others = {key: value for key, value in engine.items() if key != "version"}
    return {"name": "licrt", "version": __version__, "engine_version": engine["version"], **others}


def _settings(variant: Variant) -> dict[str, Setting]:
    return {"model": variant.model.name, "model_id": variant.model.id, "quality": variant.quality}


def _status(path: Path) -> tuple[int, int]:
    """Return size and time of a file, -1 if it cannot be seen."""
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns
