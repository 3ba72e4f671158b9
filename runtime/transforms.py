"""The float networks of a bundle on one backend: pictures to latents and back, tile by tile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from licrt.runtime import shapes, tiling
from licrt.runtime.errors import BackendError, ModelError
from licrt.runtime.graph import check_graph
from licrt.runtime.latents import to_float
from licrt.runtime.pixels import from_planes, to_planes, to_window

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from licrt.runtime.backends import Array, Backend, Session
    from licrt.runtime.bundle import Bundle
    from licrt.runtime.tiling import Span

    Rgb = npt.NDArray[np.uint8]
    Float = npt.NDArray[np.float32]
    Int = npt.NDArray[np.int32]


class Transforms:
    """Analysis, hyper-analysis and synthesis of one bundle. Safe to use from several threads; owns their sessions."""

    def __init__(self, bundle: Bundle, backend: Backend) -> None:
        self._bundle = bundle
        self._backend = backend
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def describe(self) -> Mapping[str, str | int]:
        """Engine, version, provider and threads."""
        return self._backend.describe()

    def analyse(self, rgb: Rgb) -> Float:
        """Return the latent, float32 `[M, ceil(height / stride), ceil(width / stride)]`, of uint8 `[height, width, 3]`.

        Raises:
            ModelError: the graph is missing, broken, or gives another shape than the manifest promises.
            BackendError: the engine failed, or cannot run graphs of this precision.
        """
        stride, channels = self._bundle.stride, self._bundle.latent_channels
        cut = to_window if self._takes_bytes("analysis") else to_planes
        latent = np.empty((channels, *self._bundle.latent_size(*rgb.shape[:2])), np.float32)
        for rows, columns in self._tiles("analysis", latent.shape[1:]):
            seen = [(span.outer_begin * stride, span.outer_end * stride) for span in (rows, columns)]
            size = [span.outer_end - span.outer_begin for span in (rows, columns)]
            part = self.run("analysis", cut(rgb, *seen), (channels, *size))[0]
            latent[:, rows.begin : rows.end, columns.begin : columns.end] = part[:, _inner(rows), _inner(columns)]
        self._release("analysis", *rgb.shape[:2])
        return latent

    def hyper_analyse(self, latent: Float, shape: tuple[int, int, int]) -> Float:
        """Return the hyper-latent, float32 of that shape, of a latent; errors are those of `analyse`."""
        stride, (height, width) = self._bundle.hyper_stride, latent.shape[1:]
        hyper_latent = np.empty(shape, np.float32)
        for rows, columns in self._tiles("hyper_analysis", shape[1:]):
            down, across = (slice(span.outer_begin * stride, span.outer_end * stride) for span in (rows, columns))
            size = [span.outer_end - span.outer_begin for span in (rows, columns)]
            seen = np.ascontiguousarray(latent[:, down, across])
            part = self.run("hyper_analysis", seen[None], (shape[0], *size))[0]
            hyper_latent[:, rows.begin : rows.end, columns.begin : columns.end] = part[:, _inner(rows), _inner(columns)]
        self._release("hyper_analysis", height * self._bundle.stride, width * self._bundle.stride)
        return hyper_latent

    def synthesise(self, y_hat: Int, rgb: Rgb) -> None:
        """Write the pixels of a latent, int32 `[M, height, width]`, to `rgb`; errors are those of `analyse`."""
        stride, takes_bytes = self._bundle.stride, self._takes_bytes("synthesis")
        for rows, columns in self._tiles("synthesis", y_hat.shape[1:]):
            seen = y_hat[:, rows.outer_begin : rows.outer_end, columns.outer_begin : columns.outer_end]
            sides = [span.outer_end - span.outer_begin for span in (rows, columns)]
            beyond = [(0, side - inside) for side, inside in zip(sides, seen.shape[1:], strict=True)]
            if any(any(pair) for pair in beyond):
                seen = np.pad(seen, [(0, 0), *beyond])  # zeros, as convolutions pad: docs/tensorrt.md
            size = [side * stride for side in sides]
            shape = (*size, 3) if takes_bytes else (3, *size)
            picture = self.run("synthesis", to_float(seen, self._bundle.mean_fraction)[None], shape)
            top, left = ((span.begin - span.outer_begin) * stride for span in (rows, columns))
            out = rgb[rows.begin * stride : rows.end * stride, columns.begin * stride : columns.end * stride]
            if takes_bytes:
                out[...] = picture[0, top : top + out.shape[0], left : left + out.shape[1]]
            else:
                from_planes(picture[..., top:, left:], out)
        self._release("synthesis", *rgb.shape[:2])

    def memory(self, role: str, height: int, width: int) -> int:
        """Return a lower bound of the bytes of the pixels of a tile, for a latent of height x width."""
        graph, stride = self._bundle.graphs.get(role), self._bundle.stride
        if graph is None or graph.sizes is None:
            return 12 * tiling.least_seen(height, width, stride, self._halo(role))
        rows, columns = (tiling.window(*axis) for axis in self._axes(role, (height, width)))
        return (3 if graph.takes_bytes else 12) * rows * columns * stride * stride

    def run(self, role: str, array: Array, shape: tuple[int, ...]) -> Array:
        """Run a graph, which may come from anywhere, and return its output, which must be `[1, *shape]`.

        It must be float32, but for pictures of graphs that convert them, which are uint8.
        """
        output = self._session(role).run(array)
        expected = np.uint8 if role == "synthesis" and self._takes_bytes(role) else np.float32
        if output.dtype != expected:
            raise ModelError(
                f"model {self._bundle.name}: its {role} graph gives something else than {expected.__name__}; "
                "export the model again"
            )
        if output.shape != (1, *shape):
            raise ModelError(
                f"model {self._bundle.name}: its {role} graph gives {list(output.shape)} where its manifest promises "
                f"{[1, *shape]}; export or install the model again"
            )
        return output

    def _takes_bytes(self, role: str) -> bool:
        graph = self._bundle.graphs.get(role)
        return graph is not None and graph.takes_bytes

    def _halo(self, role: str) -> int:
        """Return a graph's halo in samples of its output, or of the latent."""
        graph = self._bundle.graphs.get(role)
        return -(-graph.halo // self._unit(role)) if graph else 0

    def _unit(self, role: str) -> int:
        """Return how many samples of a graph's input make one of those that tiles are counted in."""
        return {"analysis": self._bundle.stride, "hyper_analysis": self._bundle.hyper_stride}.get(role, 1)

    def _tiles(self, role: str, size: tuple[int, ...]) -> Iterator[tuple[Span, Span]]:
        """Cut what a graph gives, or for the synthesis sees, into tiles that the graph may be run on."""
        graph = self._bundle.graphs.get(role)
        if role != "hyper_analysis" and (graph is None or graph.sizes is None):
            yield from tiling.tiles(size[0], size[1], self._bundle.stride, self._halo(role))
            return
        down, across = self._axes(role, size)
        for rows in tiling.windows(*down):
            for columns in tiling.windows(*across):
                yield rows, columns

    def _axes(self, role: str, size: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
        """Return what `tiling.windows` takes, for each axis."""
        sizes, halo, unit = shapes.sizes_of(self._bundle, role), self._halo(role), self._unit(role)
        return [
            (side, -(-least // unit), most // unit, halo)
            for side, least, most in zip(size, sizes.least, sizes.most, strict=True)
        ]

    def _release(self, role: str, height: int, width: int) -> None:
        """Drop the session of a stage that a large picture has passed, unless its runs are of bounded size.

        Engines keep the memory that their largest run took, hundreds of megabytes that the next stages need; beside
        the time that such a picture takes, loading the graph again is nothing. On an accelerator it would be much.
        """
        bounded = self._backend.accelerated or self._bundle.graphs[role].sizes is not None
        if height * width > tiling.MAX_UNTILED_PIXELS and not bounded:
            with self._lock:
                self._sessions.pop(role, None)

    def _session(self, role: str) -> Session:
        with self._lock:
            if role not in self._sessions:
                if role not in self._bundle.graphs:
                    raise ModelError(
                        f"model {self._bundle.name} was exported without its {role} graph. "
                        "Run: export-model … --part both, or use a bundle that has it"
                    )
                graph = self._bundle.read(self._bundle.graphs[role].file)
                check_graph(graph, f"model {self._bundle.name}: its {role} graph")
                self._sessions[role] = self._load(role, graph)
            return self._sessions[role]

    def _load(self, role: str, graph: bytes) -> Session:
        engine, precision = self._backend, self._bundle.graphs[role].precision
        try:
            return engine.load(graph, f"{self._bundle.name}/{role}", {"input": shapes.shapes_of(self._bundle, role)})
        except ModelError as error:
            if precision != "bf16":
                raise
            raise BackendError(
                f"model {self._bundle.name} is exported in bf16, which {engine.describe()['engine']} cannot run here "
                f"({error}). Choose another --device, or: export-model … --precision fp16"
            ) from error


def _inner(span: Span) -> slice:
    """Return what a tile gives of what is computed for it."""
    return slice(span.begin - span.outer_begin, span.end - span.outer_begin)
