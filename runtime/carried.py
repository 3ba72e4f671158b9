"""The hyper-synthesis on an accelerator, when decoding: integers carried in float32 (docs/float-carried.md).

The native engine defines what is right, and encoders use nothing else. An accelerator's engine is trusted with a size
of picture only after it gave the native engine's numbers at that size, and only where it was faster. Whoever decodes
with it still compares the checksum of the latents, and goes back to the native engine where that is wrong.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from enum import Enum
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from licrt.runtime.errors import LicrtError, first_line
from licrt.runtime.latents import MAX_SYMBOL

if TYPE_CHECKING:
    from licrt.runtime._native import Network
    from licrt.runtime.carried_graph import CarriedGraph

Int = npt.NDArray[np.int32]

CARRIED = "carried"  # what `Codec.entropy_paths` calls it
_MOST_SIZES = 256  # that are remembered
_log = logging.getLogger(__name__)


class Verdict(Enum):
    """What is known of a size of hyper-latent."""

    SEEN = "seen once"
    IN_TEST = "in test"
    FASTER = "faster"
    SLOWER = "slower"


class CarriedSynthesis:
    """Decides which engine predicts. Safe to use from several threads.

    Args:
        graph: on the accelerator.
        native: the same network in the native engine.
    """

    def __init__(self, graph: CarriedGraph, native: Network) -> None:
        self._graph, self._native = graph, native
        self._lock = threading.Lock()
        self._sizes: OrderedDict[tuple[int, int], Verdict] = OrderedDict()
        self._distrusted = ""

    def predict(self, z: Int, height: int, width: int, threads: int, point: int) -> tuple[Int, Int]:
        """Return indexes and means as the native engine does, by whichever is faster.

        A size that comes for the first time costs nothing: it is tried when it comes again.
        """
        size = (z.shape[1], z.shape[2])
        verdict = self._next(size)
        if verdict is Verdict.FASTER:
            try:
                return self._graph.run(z, height, width, point)
            except (LicrtError, MemoryError) as error:
                self.distrust(first_line(error))
        begin = perf_counter() if verdict is Verdict.IN_TEST else 0.0
        found = self._native.run(z, height, width, threads, point)
        if verdict is Verdict.IN_TEST:
            self._test(z, found, perf_counter() - begin, threads, point)
        return found

    def distrust(self, reason: str) -> None:
        """Use the native engine from now on, and say why, once."""
        with self._lock:
            first, self._distrusted = not self._distrusted, self._distrusted or reason
        if first:
            _log.warning(
                "%s is not used any more: %s; latents are parsed natively, and right", self._graph.name, reason
            )

    def describe(self) -> str:
        """Return for which sizes of the hyper-latent it is in use, or why it is not."""
        with self._lock:
            sizes = [f"{rows}x{columns}" for (rows, columns), it in self._sizes.items() if it is Verdict.FASTER]
            if self._distrusted:
                return f"native, because {self._distrusted}"
        return f"carried at {' '.join(sorted(sizes))}" if sizes else "native"

    def _next(self, size: tuple[int, int]) -> Verdict:
        """Return what to do with a hyper-latent of that size, which counts as seen."""
        with self._lock:
            if self._distrusted:
                return Verdict.SLOWER
            verdict = self._sizes.get(size)
            self._sizes[size] = verdict or Verdict.SEEN
            self._sizes.move_to_end(size)
            if len(self._sizes) > _MOST_SIZES:
                self._sizes.popitem(last=False)
            if verdict is Verdict.SEEN:
                self._sizes[size] = Verdict.IN_TEST
                return Verdict.IN_TEST
            return verdict if verdict is Verdict.FASTER else Verdict.SLOWER

    def _test(self, z: Int, found: tuple[Int, Int], native_seconds: float, threads: int, point: int) -> None:
        """Compare with the native engine on symbols that reach far and on real ones, and take the time of those."""
        size = (z.shape[1], z.shape[2])
        far, (height, width) = far_symbols(z.shape), found[1].shape[1:]
        try:
            expected = self._native.run(far, height, width, threads, point)
            same = _same(self._graph.run(far, height, width, point), expected)
            begin = perf_counter()
            again = self._graph.run(z, height, width, point)
            seconds = perf_counter() - begin
        except (LicrtError, MemoryError) as error:
            self.distrust(first_line(error))
            return
        if not same or not _same(again, found):
            self.distrust(f"it differs from the native engine for hyper-latents of {size[0]} x {size[1]}")
            return
        _log.info(
            "%s at %d x %d: %.1f ms, natively %.1f ms", self._graph.name, *size, 1e3 * seconds, 1e3 * native_seconds
        )
        with self._lock:
            self._sizes[size] = Verdict.FASTER if seconds < native_seconds else Verdict.SLOWER


def far_symbols(shape: tuple[int, ...]) -> Int:
    """Return symbols of every magnitude that a stream can hold, always the same for a shape.

    >>> symbols = far_symbols((64, 8, 12))
    >>> [bool(((abs(symbols) >= 4**n) & (abs(symbols) < 4 ** (n + 1))).mean() > 0.1) for n in range(7)]
    [True, True, True, True, True, True, True]
    """
    random = np.random.default_rng(shape)
    sizes = np.exp2(random.uniform(0, np.log2(MAX_SYMBOL + 1), shape))
    return np.where(random.random(shape) < 0.5, -sizes, sizes).astype(np.int32)


def _same(first: tuple[Int, Int], second: tuple[Int, Int]) -> bool:
    return all(np.array_equal(*pair) for pair in zip(first, second, strict=True))
