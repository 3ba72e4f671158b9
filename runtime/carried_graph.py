"""The float-carried hyper-synthesis of a bundle on an inference engine: integers in, integers out, tile by tile."""

from __future__ import annotations

import threading
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from licrt.runtime import tiling
from licrt.runtime.backends import Shapes
from licrt.runtime.errors import ModelError
from licrt.runtime.graph import check_graph

if TYPE_CHECKING:
    from licrt.runtime._native import Network
    from licrt.runtime.backends import Backend, Session
    from licrt.runtime.bundle import Bundle

Int = npt.NDArray[np.int32]

ROLE = "hyper_synthesis"
# Samples of the hyper-latent: 1536 pixels, for which engines take half a gigabyte where M is 320.
MOST_SIDE = 24
_USUAL_SIDES = 17, 17  # half of 1920 x 1080 pixels


class CarriedGraph:
    """The graph of one bundle on one backend. Safe to use from several threads; owns its session.

    Args:
        bundle: has a graph of the role `hyper_synthesis`.
        backend: runs it; nothing is loaded before it is needed.
        native: the same network in the native engine, which knows its sizes.
    """

    def __init__(self, bundle: Bundle, backend: Backend, native: Network) -> None:
        self._bundle, self._backend, self._native = bundle, backend, native
        self._chooses = native.index_channels > 0 and native.rate_points > 1
        bits = int(bundle.manifest["entropy"][ROLE]["layers"][-1]["output_bits"])
        self._ranges = (0, native.threshold_count), (-1 << (bits - 1), (1 << (bits - 1)) - 1)
        self._session: Session | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return f"the hyper-synthesis of {self._bundle.name} on {self._backend.describe()['provider']}"

    def run(self, z: Int, height: int, width: int, point: int) -> tuple[Int, Int]:
        """Return indexes and means, `[channels, height, width]`, of symbols `[N, rows, columns]`.

        Raises:
            ModelError: the graph cannot be loaded, or what it gives is no such thing.
            BackendError: the engine failed.
        """
        stride, halo = self._bundle.hyper_stride, self._bundle.graphs[ROLE].halo
        split = self._native.index_channels
        found = np.empty((split + self._native.mean_channels, height, width), np.int32)
        for rows, columns in product(*(tiling.spans(side, _tile(side, halo), halo) for side in z.shape[1:])):
            seen = z[:, rows.outer_begin : rows.outer_end, columns.outer_begin : columns.outer_end]
            part = self._run_tile(seen, point)
            top, left = ((span.begin - span.outer_begin) * stride for span in (rows, columns))
            out = found[:, rows.begin * stride : rows.end * stride, columns.begin * stride : columns.end * stride]
            inner = part[:, top : top + out.shape[1], left : left + out.shape[2]]
            self._expect(inner.shape == out.shape, f"{list(part.shape)} for {seen.shape[1]} x {seen.shape[2]} symbols")
            for head, (low, high) in zip((inner[:split], inner[split:]), self._ranges, strict=True):
                possible = not head.size or bool(low <= head.min() and head.max() <= high)  # no number is not
                self._expect(possible, "numbers that its model does not have")
            out[...] = inner
        return found[:split], found[split:]

    def _run_tile(self, symbols: Int, point: int) -> npt.NDArray[np.float32]:
        """Return what the graph gives, float32 `[channels, …]`."""
        inputs: list[npt.NDArray[Any]] = [symbols[None].astype(np.float32)]
        if self._chooses:
            inputs.append(np.array([point], np.int64))
        output = self._loaded().run(*inputs)
        self._expect(output.dtype == np.float32 and output.ndim == 4, f"{output.dtype} {list(output.shape)}")
        part: npt.NDArray[np.float32] = output[0]
        return part

    def _loaded(self) -> Session:
        with self._lock:
            if self._session is None:
                graph = self._bundle.read(self._bundle.graphs[ROLE].file)
                check_graph(graph, f"model {self._bundle.name}: its {ROLE} graph")
                shapes = shapes_of(self._native.input_channels, chooses=self._chooses)
                self._session = self._backend.load(graph, f"{self._bundle.name}/{ROLE}", shapes, exact=True)
            return self._session

    def _expect(self, right: bool, given: str) -> None:
        if not right:
            raise ModelError(f"model {self._bundle.name}: its {ROLE} graph gives {given}; export the model again")


def shapes_of(channels: int, *, chooses: bool) -> dict[str, Shapes]:
    """Return what engines are built for: shapes of hyper-latents, and of the rate point if the graph has that input."""
    symbols = Shapes((1, channels, 1, 1), (1, channels, *_USUAL_SIDES), (1, channels, MOST_SIDE, MOST_SIDE))
    return {"symbols": symbols, **({"point": Shapes((1,), (1,), (1,))} if chooses else {})}


def _tile(side: int, halo: int) -> int:
    """Return how long tiles of an axis are at most, without halo."""
    return side if side <= MOST_SIDE else max(MOST_SIDE - 2 * halo, 1)
