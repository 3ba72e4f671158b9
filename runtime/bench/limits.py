"""What the machine can do at best: single-precision matrix products, and copies of memory, measured now.

A BLAS library settles on its number of threads when numpy is imported. So the probe is a process of its own, which is
asked again and again: whatever is compared with the limits takes turns with them.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import IO, NamedTuple, cast

from licrt.runtime.errors import BackendError
from licrt.runtime.timing import seconds

SIDE = 1024  # of the matrices
COPIED_BYTES = 1 << 27  # of each of two arrays, in all: several times the caches of most machines
PROGRAM = "from licrt.runtime.bench.limits import serve; serve()"
_BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")


class Limits(NamedTuple):
    """Operations per second of a matrix product, two for each multiplication; bytes per second, read and written."""

    flop_rate: float
    byte_rate: float


class Probe:
    """The process that measures, with so many threads; to be closed."""

    def __init__(self, threads: int) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", PROGRAM, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # an interrupt is for us alone
            env=os.environ | dict.fromkeys(_BLAS_THREADS, str(threads)),
        )

    def measure(self) -> Limits:
        """Measure both once.

        Raises:
            BackendError: the process has ended, which takes a lack of memory.
        """
        return Limits(*self._ask("both"))

    def product_rate(self) -> float:
        """Measure the matrix product alone, in operations per second; errors as of `measure`."""
        return self._ask("product")[0]

    def _ask(self, what: str) -> list[float]:
        requests, answers = self._pipes()
        try:
            requests.write(f"{what}\n")
            requests.flush()
            return [float(rate) for rate in json.loads(answers.readline())]
        except (OSError, ValueError) as error:
            raise BackendError(
                "the process that measures the machine's limits ended; leave --roofline out, and pass --anchors none"
            ) from error

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in self._pipes():
            pipe.close()

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        return cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)


def serve() -> None:
    """Measure what each line of the standard input says, `both` or `product`, and print the rates."""
    import numpy as np

    threads = int(sys.argv[1])
    square = np.random.default_rng(0).normal(size=(SIDE, SIDE)).astype(np.float32)
    product = np.empty_like(square)
    source, target = np.ones(COPIED_BYTES, np.uint8), np.zeros(COPIED_BYTES, np.uint8)
    cuts = [COPIED_BYTES * part // threads for part in range(threads + 1)]
    slices = [slice(begin, end) for begin, end in itertools.pairwise(cuts)]
    with ThreadPoolExecutor(threads) as pool:

        def multiply() -> None:
            np.matmul(square, square, out=product)

        def copy() -> None:
            list(pool.map(lambda part: np.copyto(target[part], source[part]), slices))

        for run in (multiply, copy):
            run()
        work = ((multiply, 2 * SIDE**3), (copy, 2 * COPIED_BYTES))
        for line in sys.stdin:
            asked = work[:1] if line == "product\n" else work
            print(json.dumps([count / min(seconds(run) for _ in range(3)) for run, count in asked]), flush=True)  # noqa: T201
