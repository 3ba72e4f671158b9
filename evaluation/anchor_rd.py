"""Rate and distortion of one anchor on a set of pictures, as `rd` has them of models; goes on where it was stopped."""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING

from licrt.evaluation.manifest import Manifest, Record
from licrt.evaluation.metrics import image_result
from licrt.evaluation.pictures import describe_set, read_pixels
from licrt.evaluation.rd import STREAMS, clear
from licrt.evaluation.results import TOTAL, Environment, Failure, Point, Results
from licrt.runtime.cli.errors import explain
from licrt.runtime.files import make_directory, write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from licrt.evaluation.file_codec import FileCodec
    from licrt.evaluation.pictures import PictureSet


@dataclass(frozen=True)
class Task:
    """One picture with one integer of quality, and where its file goes below the folder of the results."""

    quality: int
    file: str
    stream: str


@dataclass(frozen=True)
class Outcome:
    """What became of a task: a record for the manifest, or an error in one line."""

    task: Task
    record: Record | None = None
    error: str = ""


def open_manifest(codec: FileCodec, pictures: PictureSet, output: Path, jobs: int, *, force: bool) -> Manifest:
    """Open what is known of a codec in a folder of results; its manifest lies with its files.

    Raises:
        PictureError, ResultsError: as `Manifest`.
    """
    folder = output / codec.name
    make_directory(folder)
    here = asdict(Environment.here())
    here["variables"] = {}
    conditions = {
        "dataset": str(pictures.folder.resolve()),
        "codec": codec.name,
        "codec_version": codec.version,
        "settings": codec.settings,
        "jobs": jobs,
        **here,
    }
    manifest = Manifest(folder, conditions, force=force)
    clear(folder)
    return manifest


def plan(
    codec: FileCodec, qualities: Sequence[int], pictures: PictureSet, manifest: Manifest, output: Path
) -> list[Task]:
    """Return what is still to be measured: all but pictures and files that are as the manifest has them."""
    tasks = []
    for quality in qualities:
        for file in pictures.files:
            record = manifest.records.get((codec.name, quality, file))
            if record is None or not (record.is_of(pictures.folder / file) and record.has_stream(output)):
                tasks.append(Task(quality, file, f"{codec.name}/{STREAMS}/{quality}/{file}{codec.suffix}"))
    return tasks


def measure(
    codec: FileCodec, tasks: Sequence[Task], pictures: PictureSet, manifest: Manifest, output: Path, jobs: int
) -> Iterator[Outcome]:
    """Yield what becomes of every task, once the manifest has it.

    Args:
        codec: that is measured.
        tasks: of a plan.
        pictures: that these are of.
        manifest: gets every result.
        output: folder of the results, for the files.
        jobs: how many at a time; encoders run beside Python, so that threads will do.
    """

    def work(task: Task) -> Outcome:
        try:
            return Outcome(task, _measure(codec, task, pictures.folder / task.file, output))
        except Exception as error:
            line = " ".join(explain(error)[0].split())
            return Outcome(task, error=f"{task.file}, {codec.title} {task.quality}: {line}")

    for outcome in map(work, tasks) if jobs == 1 else _side_by_side(work, tasks, jobs):
        if outcome.record is not None:
            manifest.add(outcome.record)
        yield outcome


def results(
    codec: FileCodec,
    qualities: Sequence[int],
    pictures: PictureSet,
    manifest: Manifest,
    failed: Sequence[Outcome],
    command: str,
) -> Results | None:
    """Return the curve of what the manifest has; None if that is nothing."""
    errors = {(outcome.task.quality, outcome.task.file): outcome.error for outcome in failed}
    points: list[Point] = []
    hashes: dict[str, str] = {}
    for quality in qualities:
        keys = [(codec.name, quality, file) for file in pictures.files if (quality, file) not in errors]
        records = [manifest.records[key] for key in keys if key in manifest.records]
        failures = [Failure(file, error) for (asked, file), error in errors.items() if asked == quality]
        hashes |= {record.image.file: record.sha256 for record in records}
        if records:
            images = tuple(record.image for record in records)
            points.append(Point({"quality": quality}, images, (*failures, *pictures.failures)))
    if not points:
        return None
    return Results(
        codec.title,
        f"{codec.version}; by {codec.parameter}",
        {"name": codec.name, "version": codec.version, "parameter": codec.parameter, "settings": codec.settings},
        command,
        describe_set(pictures.name, hashes),
        Environment.here(),
        tuple(sorted(points, key=lambda point: point.means.bpp)),
    )


def _measure(codec: FileCodec, task: Task, source: Path, output: Path) -> Record:
    status = source.stat()
    pixels = read_pixels(source)
    target = output / task.stream
    make_directory(target.parent)
    begin = time.perf_counter()
    data = codec.encode(pixels.rgb, task.quality)
    encoded = time.perf_counter() - begin
    write_file(str(target), data, force=True)
    data = target.read_bytes()
    begin = time.perf_counter()
    rgb = codec.decode(data, *pixels.rgb.shape[:2])
    decoded = time.perf_counter() - begin
    times = {TOTAL: encoded}, {TOTAL: decoded}
    image = image_result(task.file, task.stream, len(data), pixels.rgb, rgb, *times)
    return Record(codec.name, codec.title, task.quality, status.st_size, status.st_mtime_ns, pixels.sha256, image)


def _side_by_side(work: Callable[[Task], Outcome], tasks: Iterable[Task], jobs: int) -> Iterator[Outcome]:
    """Run a few tasks at a time; what waits is not begun when this is left."""
    waiting = iter(tasks)
    with ThreadPoolExecutor(jobs) as executor:
        pending: set[Future[Outcome]] = set()
        while True:
            pending |= {executor.submit(work, task) for task in islice(waiting, jobs - len(pending))}
            if not pending:
                return
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
