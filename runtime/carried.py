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
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from licrt.runtime.backends import Shapes
from licrt.runtime.errors import LicrtError, ModelError, first_line
from licrt.runtime.graph import check_graph
from licrt.runtime.latents import MAX_SYMBOL

if TYPE_CHECKING:
    from licrt.runtime._native import Network
    from licrt.runtime.backends import Backend, Session
    from licrt.runtime.bundle import Bundle

Int = npt.NDArray[np.int32]

ROLE = "hyper_synthesis"
CARRIED = "carried"  # what `Codec.entropy_paths` calls it
MOST_SIDE = 60  # samples of the hyper-latent: 3840 pixels, for which engines take about a gigabyte
_USUAL_SIDES = 17, 30  # of 1920 x 1080 pixels
_MOST_SIZES = 256  # that are remembered
_log = logging.getLogger(__name__)


class Verdict(Enum):
    """What is known of a size of hyper-latent."""

    SEEN = "seen once"
    IN_TEST = "in test"
    FASTER = "faster"
    SLOWER = "slower"


class CarriedSynthesis:
    """The carried graph of one bundle on one backend. Safe to use from several threads; owns its session.

    Args:
        bundle: has a graph of the role `hyper_synthesis`.
        backend: runs it; nothing is loaded before it is needed.
        native: the same network in the native engine.
    """

    def __init__(self, bundle: Bundle, backend: Backend, native: Network) -> None:
        self._bundle, self._backend, self._native = bundle, backend, native
        bits = int(bundle.manifest["entropy"][ROLE]["layers"][-1]["output_bits"])
        self._mean_limit = 1 << (bits - 1)
        self._chooses = native.index_channels > 0 and native.rate_points > 1
        self._session: Session | None = None
        self._loading = threading.Lock()
        self._lock = threading.Lock()
        self._sizes: OrderedDict[tuple[int, int], Verdict] = OrderedDict()
        self._distrusted = ""

    def takes(self, rows: int, columns: int) -> bool:
        """Tell whether hyper-latents of that size may be tried at all."""
        return max(rows, columns) <= MOST_SIDE

    def predict(self, z: Int, height: int, width: int, threads: int, point: int) -> tuple[Int, Int]:
        """Return indexes and means as the native engine does, by whichever is faster.

        A size that comes for the first time costs nothing: it is tried when it comes again.
        """
        size = (z.shape[1], z.shape[2])
        verdict = self._next(size)
        if verdict is Verdict.FASTER:
            try:
                return self.run(z, height, width, point)
            except (LicrtError, MemoryError) as error:
                self.distrust(first_line(error))
        begin = perf_counter() if verdict is Verdict.IN_TEST else 0.0
        found = self._native.run(z, height, width, threads, point)
        if verdict is Verdict.IN_TEST:
            self._test(z, found, perf_counter() - begin, threads, point)
        return found

    def run(self, z: Int, height: int, width: int, point: int) -> tuple[Int, Int]:
        """Run the graph: symbols `[N, rows, columns]` to indexes and means, cropped to height x width.

        Raises:
            ModelError: the graph cannot be loaded, or what it gives is no such thing.
            BackendError: the engine failed.
        """
        inputs: list[npt.NDArray[Any]] = [z[None].astype(np.float32)]
        split = self._native.index_channels
        if self._chooses:
            inputs.append(np.array([point], np.int64))
        output = self._loaded().run(*inputs)
        shape = (1, split + self._native.mean_channels, *self._native.output_size(z.shape[1], z.shape[2]))
        if output.dtype != np.float32 or output.shape != shape:
            raise ModelError(
                f"model {self._bundle.name}: its {ROLE} graph gives {output.dtype} {list(output.shape)} instead of "
                f"float32 {list(shape)}; export the model again"
            )
        cropped = output[0, :, :height, :width]
        heads = cropped[:split], cropped[split:]
        ranges = (0, self._native.threshold_count), (-self._mean_limit, self._mean_limit - 1)
        for head, (low, high) in zip(heads, ranges, strict=True):
            if head.size and not (low <= head.min() and head.max() <= high):  # nor if it is no number
                raise ModelError(f"model {self._bundle.name}: its {ROLE} graph gives numbers beyond the model's")
        return heads[0].astype(np.int32), heads[1].astype(np.int32)

    def distrust(self, reason: str) -> None:
        """Use the native engine from now on, and say why, once."""
        with self._lock:
            first, self._distrusted = not self._distrusted, self._distrusted or reason
        if first:
            _log.warning("%s is not used any more: %s; latents are parsed natively, and right", self._name, reason)

    def describe(self) -> str:
        """Return for which sizes of the hyper-latent it is in use, or why it is not."""
        with self._lock:
            sizes = [f"{rows}x{columns}" for (rows, columns), it in self._sizes.items() if it is Verdict.FASTER]
            if self._distrusted:
                return f"native, because {self._distrusted}"
        return f"carried at {' '.join(sorted(sizes))}" if sizes else "native"

    @property
    def _name(self) -> str:
        return f"the hyper-synthesis of {self._bundle.name} on {self._backend.describe()['provider']}"

    def _next(self, size: tuple[int, int]) -> Verdict:
        """Return what to do with a hyper-latent of that size, which counts as seen."""
        with self._lock:
            if self._distrusted or not self.takes(*size):
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
        far, whole = far_symbols(z.shape), self._native.output_size(*size)
        try:
            same = _same(self.run(far, *whole, point), self._native.run(far, *whole, threads, point))
            begin = perf_counter()
            again = self.run(z, *found[1].shape[1:], point)
            seconds = perf_counter() - begin
        except (LicrtError, MemoryError) as error:
            self.distrust(first_line(error))
            return
        if not same or not _same(again, found):
            self.distrust(f"it differs from the native engine for hyper-latents of {size[0]} x {size[1]}")
            return
        _log.info("%s at %d x %d: %.1f ms, natively %.1f ms", self._name, *size, 1e3 * seconds, 1e3 * native_seconds)
        with self._lock:
            self._sizes[size] = Verdict.FASTER if seconds < native_seconds else Verdict.SLOWER

    def _loaded(self) -> Session:
        with self._loading:
            if self._session is None:
                graph = self._bundle.read(self._bundle.graphs[ROLE].file)
                check_graph(graph, f"model {self._bundle.name}: its {ROLE} graph")
                shapes = shapes_of(self._native.input_channels, chooses=self._chooses)
                self._session = self._backend.load(graph, f"{self._bundle.name}/{ROLE}", shapes, exact=True)
            return self._session


def shapes_of(channels: int, *, chooses: bool) -> dict[str, Shapes]:
    """Return what engines are built for: shapes of hyper-latents, and of the rate point if the graph has that input."""
    symbols = Shapes((1, channels, 1, 1), (1, channels, *_USUAL_SIDES), (1, channels, MOST_SIDE, MOST_SIDE))
    return {"symbols": symbols, **({"point": Shapes((1,), (1,), (1,))} if chooses else {})}


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
