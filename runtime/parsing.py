"""Streams to latents: by the native engine, or with an accelerator's help where that gives the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from licrt.runtime import container
from licrt.runtime.carried import CARRIED, CarriedSynthesis
from licrt.runtime.carried_graph import ROLE, CarriedGraph
from licrt.runtime.entropy import Payload, available_kernels, load_entropy_model
from licrt.runtime.errors import FormatError, MismatchError, ModelError
from licrt.runtime.latents import latent_crc
from licrt.runtime.memory import expect_memory

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from licrt.runtime.backends import Backend
    from licrt.runtime.bundle import Bundle
    from licrt.runtime.container import Stream
    from licrt.runtime.entropy import EntropyModel, Symbols

    Int = npt.NDArray[np.int32]


class Parser:
    """Decodes the latents of one model's streams. Safe to use from several threads; owns an accelerator's session."""

    def __init__(self, bundle: Bundle, entropy: EntropyModel, backend: Backend) -> None:
        self._bundle = bundle
        self._entropy = entropy
        self._carried: CarriedGraph | None = None
        self._accelerated: CarriedSynthesis | None = None
        if entropy.network and ROLE in bundle.graphs:
            self._carried = CarriedGraph(bundle, backend, entropy.network)
            if backend.accelerated:
                self._accelerated = CarriedSynthesis(self._carried, entropy.network)
        predict = self._accelerated.predict if self._accelerated else None
        self._fastest = replace(entropy, predict=predict)

    def describe(self) -> dict[str, str]:
        """Return which kernels and which hyper-synthesis are in use, for reports."""
        network = self._entropy.network
        described = {"kernels": network.cpu if network else "none"}
        if self._accelerated:
            described["hyper-synthesis"] = self._accelerated.describe()
        return described

    def paths(self) -> list[str]:
        """Return the native kernels, and "carried" where the model has a hyper-synthesis for accelerators."""
        return [*available_kernels(), *([CARRIED] if self._carried else [])]

    def parse(self, stream: Stream, threads: int, path: str | None = None, then: int = 0) -> Int:
        """Return `y_hat`, int32 `[M, height, width]`.

        Args:
            stream: of this model, or it is refused.
            threads: for the native engine.
            path: one of `paths()`; None for whichever is fastest here, and the native engine where that fails.
            then: bytes that will be needed when the latents are there.

        Raises:
            FormatError: the payloads are damaged.
            ModelError: the stream is of another model, or a graph is broken.
            PictureError: there is not enough memory.
            MismatchError: the latents are not those that the encoder had.
        """
        entropy = self._on(path)
        payloads = self._payloads(stream, entropy, then)
        if path is None and self._accelerated:
            try:
                y_hat = self._fastest.decode(*payloads, threads, stream.rate_point)
                if latent_crc(y_hat) == stream.latent_crc:
                    return y_hat
            except FormatError:  # which wrong indexes make of a good stream, too: the native engine knows
                pass
        y_hat = entropy.decode(*payloads, threads, stream.rate_point)
        _expect_crc(y_hat, stream)
        if path is None and self._accelerated:
            self._accelerated.distrust("it gave other latents than the encoder had")
        return y_hat

    def parse_symbols(self, stream: Stream, threads: int, path: str | None = None) -> Symbols:
        """Parse as `parse` does, natively unless told, and keep symbols and table indexes."""
        entropy = self._on(path)
        decoded = entropy.decode_symbols(*self._payloads(stream, entropy), threads, stream.rate_point)
        _expect_crc(decoded.y_hat, stream)
        return decoded

    def _on(self, path: str | None) -> EntropyModel:
        """Return what decodes on a path; the native engine where none is given."""
        if path is None:
            return self._entropy
        if path != CARRIED:
            return load_entropy_model(self._bundle, path)
        carried = self._carried
        if carried is None:
            raise ModelError(
                f"model {self._bundle.name} has no hyper-synthesis for accelerators. "
                "Run: export-model … --target tensorrt"
            )
        return replace(self._entropy, predict=lambda z, height, width, _, point: carried.run(z, height, width, point))

    def _payloads(
        self, stream: Stream, entropy: EntropyModel, then: int = 0
    ) -> tuple[Payload, Payload | None, int, int]:
        """Return payloads of latent and hyper-latent, and the latent's size, of a stream of this model.

        What they cannot hold is refused, and what does not fit into memory, now or `then`.
        """
        if stream.model_id.hex() != self._bundle.id:
            raise ModelError(
                f"the stream needs model {stream.model_id.hex()}, but {self._bundle.name} is {self._bundle.id}. "
                "Run: lic-run models, and name the right one with -m"
            )
        if stream.rate_point >= self._bundle.rate_points:
            raise FormatError(
                f"the stream is of rate point {stream.rate_point}, but its model has {self._bundle.rate_points}, "
                "counted from 0; it is damaged"
            )
        payloads = {section.type: Payload(section.body, section.lanes) for section in stream.sections}
        latent, hyper = payloads[container.LATENT], payloads.get(container.HYPER_LATENT)
        size = self._bundle.latent_size(stream.height, stream.width)
        entropy.expect_possible(latent, hyper, *size)  # verdicts on the stream come before those on this machine
        need = max(entropy.memory(*size, encoding=False), then)
        expect_memory(need, f"decoding {stream.width} x {stream.height} pixels")
        return latent, hyper, *size


def _expect_crc(y_hat: Int, stream: Stream) -> None:
    if latent_crc(y_hat) != stream.latent_crc:
        raise MismatchError(
            "the decoded latents are not those that the encoder had, though the bytes are whole. "
            "Run: lic-run verify FILE, and report its output with that of lic-run doctor"
        )
