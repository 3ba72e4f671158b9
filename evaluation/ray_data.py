"""Tasks on a Ray cluster, by Ray Data: actors that keep a codec each, and results that come back as they are done.

Pictures and results must lie where all machines of the cluster see them under the same path.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from licrt.evaluation.storage import image_from_json, image_to_json
from licrt.evaluation.worker import Outcome, Task, Worker
from licrt.runtime.errors import BackendError, first_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TASKS_PER_BLOCK = 8  # blocks come back whole: what is lost of a run that is killed, and what waits in memory


def run(tasks: Iterable[Task], device: str, threads: int, actors: int, address: str) -> Iterator[Outcome]:
    """Yield what becomes of every task, in blocks, as these are done.

    Args:
        tasks: best with those of one model after another: an actor keeps one codec.
        device: as `Codec.load` takes it.
        threads: of each actor, and CPUs that Ray sets aside for it.
        actors: how many.
        address: of a cluster, as `ray.init` takes it; "local" for one that begins and ends here.

    Raises:
        BackendError: Ray is not installed, or there is no such cluster.
    """
    rows = [{"task": json.dumps(asdict(task))} for task in tasks]
    if not rows:
        return
    actors = min(actors, len(rows))
    blocks = max(actors, -(-len(rows) // _TASKS_PER_BLOCK))
    ray = _ray()
    _connect(ray, address, threads * actors)
    try:
        outcomes = ray.data.from_items(rows, override_num_blocks=blocks).map(
            _Actor,
            fn_constructor_args=(device, threads),
            compute=ray.data.ActorPoolStrategy(size=actors),
            num_cpus=threads,
        )
        for row in outcomes.iter_rows():
            yield _outcome(json.loads(row["outcome"]))
    finally:
        ray.shutdown()


class _Actor:
    """A worker whose tasks and outcomes are rows."""

    def __init__(self, device: str, threads: int) -> None:
        self._work = Worker(device, threads)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        outcome = self._work(Task(**json.loads(row["task"])))
        image = outcome.image and image_to_json(outcome.image)
        return {"outcome": json.dumps({**asdict(outcome), "image": image})}


def _outcome(data: dict[str, Any]) -> Outcome:
    image = data["image"] and image_from_json(data["image"])
    return Outcome(Task(**data["task"]), image, data["sha256"], data["error"])


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere unless the user says so
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # the log has remarks about Ray's own actors
    try:
        import ray.data
    except ModuleNotFoundError as error:
        raise BackendError(f"this needs Ray ({error}). Run: pip install 'licrt[ray]'") from error
    return ray


def _connect(ray: Any, address: str, cpus: int) -> None:
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address == "local":
            ray.init(address, num_cpus=cpus, include_dashboard=False, **quiet)
        else:
            ray.init(address, **quiet)
    except Exception as error:  # connection errors of several kinds
        raise BackendError(f"no Ray cluster at {address}: {first_line(error)}") from error
    ray.data.DataContext.get_current().enable_progress_bars = False
