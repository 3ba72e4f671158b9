"""The float networks of a bundle on one backend: pictures to latents and back, tile by tile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from licrt.runtime import tiling
from licrt.runtime.errors import ModelError
from licrt.runtime.graph import check_graph
from licrt.runtime.latents import to_float
from licrt.runtime.pixels import from_planes, to_planes

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from licrt.runtime.backends import Backend, Session
    from licrt.runtime.bundle import Bundle

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
            BackendError: the engine failed.
        """
        stride = self._bundle.stride
        height, width = self.latent_size(*rgb.shape[:2])
        latent = np.empty((self._bundle.latent_channels, height, width), np.float32)
        for rows, columns in tiling.tiles(height, width, stride, self._halo("analysis", stride)):
            seen = [(span.outer_begin * stride, span.outer_end * stride) for span in (rows, columns)]
            size = [span.outer_end - span.outer_begin for span in (rows, columns)]
            part = self.run("analysis", to_planes(rgb, *seen), (self._bundle.latent_channels, *size))[0]
            inner = [slice(span.begin - span.outer_begin, span.end - span.outer_begin) for span in (rows, columns)]
            latent[:, rows.begin : rows.end, columns.begin : columns.end] = part[:, inner[0], inner[1]]
        self._release("analysis", *rgb.shape[:2])
        return latent

    def hyper_analyse(self, latent: Float, shape: tuple[int, int, int]) -> Float:
        """Return the hyper-latent, float32 of that shape, of a whole latent; errors are those of `analyse`."""
        hyper_latent: Float = self.run("hyper_analysis", latent[None], shape)[0]
        self._release("hyper_analysis", *(side * self._bundle.stride for side in latent.shape[1:]))
        return hyper_latent

    def synthesise(self, y_hat: Int, rgb: Rgb) -> None:
        """Write the pixels of a latent, int32 `[M, height, width]`, to `rgb`; errors are those of `analyse`."""
        stride = self._bundle.stride
        for rows, columns in tiling.tiles(y_hat.shape[1], y_hat.shape[2], stride, self._halo("synthesis", 1)):
            seen = y_hat[:, rows.outer_begin : rows.outer_end, columns.outer_begin : columns.outer_end]
            size = [side * stride for side in seen.shape[1:]]
            planes = self.run("synthesis", to_float(seen, self._bundle.mean_fraction)[None], (3, *size))
            top, left = ((span.begin - span.outer_begin) * stride for span in (rows, columns))
            area = [slice(span.begin * stride, span.end * stride) for span in (rows, columns)]
            from_planes(planes[..., top:, left:], rgb[area[0], area[1]])
        self._release("synthesis", *rgb.shape[:2])

    def latent_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the size of the latent of a picture of height x width pixels."""
        return -(-height // self._bundle.stride), -(-width // self._bundle.stride)

    def memory(self, role: str, height: int, width: int) -> int:
        """Return a lower bound of the bytes of the float planes of a tile, for a latent of height x width."""
        stride = self._bundle.stride
        halo = self._halo(role, stride if role == "analysis" else 1)
        return 12 * tiling.least_seen(height, width, stride, halo)

    def run(self, role: str, array: Float, shape: tuple[int, ...]) -> Float:
        """Run a graph, which may come from anywhere, and return its output, which must be float32 `[1, *shape]`."""
        output = self._session(role).run(array)
        if output.dtype != np.float32:
            raise ModelError(
                f"model {self._bundle.name}: its {role} graph gives something else than float32; export the model again"
            )
        if output.shape != (1, *shape):
            raise ModelError(
                f"model {self._bundle.name}: its {role} graph gives {list(output.shape)} where its manifest promises "
                f"{[1, *shape]}; export or install the model again"
            )
        return output

    def _halo(self, role: str, stride: int) -> int:
        """Return a graph's halo in latent samples; `stride` is how many of its input samples make one."""
        graph = self._bundle.graphs.get(role)
        return -(-graph.halo // stride) if graph else 0

    def _release(self, role: str, height: int, width: int) -> None:
        """Drop the session of a stage that a large picture has passed.

        Engines keep the memory that their largest run took, hundreds of megabytes that the next stages need; beside
        the time that such a picture takes, loading the graph again is nothing.
        """
        if height * width > tiling.MAX_UNTILED_PIXELS:
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
                self._sessions[role] = self._backend.load(graph, f"{self._bundle.name}/{role}")
            return self._sessions[role]
