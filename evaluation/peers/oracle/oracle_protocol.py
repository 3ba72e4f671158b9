"""Requests to the oracle and its answers: one JSON object a line, arrays in .npz files beside it.

    {"call": "quantized_cdf", "arguments": {"precision": 16}, "arrays": "/dir/1.npz"}
    {"result": {"errors": []}, "arrays": "/dir/2.npz"}        or  {"error": "ValueError: ..."}

Only numpy and the standard library, because both sides use it: this Python and the oracle's.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]


class OracleError(RuntimeError):
    """What CompressAI raised, as "Type: message"."""


def save_arrays(folder: Path, number: int, arrays: Arrays) -> str | None:
    """Writes arrays to a new file and returns its path, or None where there are none."""
    if not arrays:
        return None
    path = folder / f"{number}.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]  # no array is called allow_pickle
    return str(path)


def take_arrays(path: str | None) -> Arrays:
    """Reads the arrays of a message and removes their file."""
    if path is None:
        return {}
    with np.load(path) as file:
        arrays = dict(file)
    Path(path).unlink()
    return arrays


class Oracle:
    """A Python with CompressAI in it, kept running: ``oracle("encode", symbols=…, indexes=…, …)``.

    Keyword arguments that are numpy arrays travel as arrays, others as JSON. The answer is one dict with both. What can
    be called is what the file `calls` has in its CALLS.
    """

    def __init__(self, python: Path, calls: Path, threads: int = 1) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="oracle-")
        self._numbers = itertools.count(1, 2)
        self._process = subprocess.Popen(
            [python, Path(__file__).with_name("oracle_serve.py"), calls, self._folder.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # an interrupt is for us; the other side ends when its input does
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )

    def __call__(self, call: str, **arguments: Any) -> dict[str, Any]:
        """Runs one call there. Raises OracleError with CompressAI's own words."""
        arrays = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}
        plain = {name: value for name, value in arguments.items() if name not in arrays}
        path = save_arrays(Path(self._folder.name), next(self._numbers), arrays)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # it has ended, and there will be no answer
            self._process.stdin.write(json.dumps({"call": call, "arguments": plain, "arrays": path}) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise OracleError(f"{call}: the oracle ended with exit code {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise OracleError(answer["error"])
        return {**answer["result"], **take_arrays(answer["arrays"])}

    def close(self) -> None:
        """Ends the process and removes its files."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # what the process that has ended did not read
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._folder.cleanup()
