"""The exact half of a codec: latents to payloads and back, in integers only (DESIGN: the exactness promise).

Nothing here depends on a float network. Encoder and decoder obtain table indexes and means from the same native
integer network, so what was written can be read on every machine. See docs/integer-net.md, section 5.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from licrt.runtime import _native, coder
from licrt.runtime._native import Network as NativeNetwork
from licrt.runtime.bundle import Bundle, load_tensors
from licrt.runtime.description import network_from
from licrt.runtime.errors import FormatError, LicrtError, ModelError
from licrt.runtime.integer import to_blob
from licrt.runtime.tensors import Tensors, tensor

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.int32]

MAX_SYMBOL = 1 << 15
_MAX_OFFSET = 1 << 20


@dataclass(frozen=True)
class Payload:
    """Coded symbols: bytes of the rANS coder, and how many interleaved lanes wrote them."""

    data: bytes
    lanes: int


@dataclass(frozen=True)
class EntropyModel:
    """Everything that turns symbols into latents: tables, fixed-point medians, and the integer hyper-synthesis.

    `prior` codes the hyper-latent, or the latent itself in factorised models (then `network` and `gaussian` are None).
    `medians` has one fixed-point number per channel of the prior, with `median_fraction` fraction bits.
    """

    prior: coder.CdfTables
    medians: Int
    median_fraction: int
    network: NativeNetwork | None
    gaussian: coder.CdfTables | None
    latent_channels: int
    hyper_stride: int
    mean_fraction: int

    def encode(self, latent: Float, hyper_latent: Float | None, threads: int) -> tuple[Payload, Payload | None, Int]:
        """Quantise and code a picture's latents.

        Args:
            latent: float32 `[M, height, width]`.
            hyper_latent: float32 `[N, ceil(height / hyper_stride), ceil(width / hyper_stride)]`; None if factorised.
            threads: threads for the integer network.

        Returns:
            Payloads of the latent and of the hyper-latent (or None), and the int32 `y_hat` that a decoder obtains.

        Raises:
            LicrtError: a latent is not finite.
            ModelError: the latent is larger than the integer network can make it.
        """
        if self.network is None or self.gaussian is None:
            indexes, means, hyper = self._channel_indexes(latent.shape), self._broadcast_medians(latent.shape), None
            payload, symbols = _encode(latent, means, self.mean_fraction, self.prior, indexes)
            return payload, None, _latent(symbols, means, self.mean_fraction)
        if hyper_latent is None:
            raise LicrtError("this model needs a hyper-latent, and none was given")
        hyper, hyper_symbols = _encode(
            hyper_latent,
            self._broadcast_medians(hyper_latent.shape),
            self.median_fraction,
            self.prior,
            self._channel_indexes(hyper_latent.shape),
        )
        indexes, means = _predict(self.network, hyper_symbols, latent.shape[1], latent.shape[2], threads)
        payload, symbols = _encode(latent, means, self.mean_fraction, self.gaussian, indexes)
        return payload, hyper, _latent(symbols, means, self.mean_fraction)

    def decode(self, latent: Payload, hyper: Payload | None, height: int, width: int, threads: int) -> Int:
        """Decode `y_hat`, int32 `[M, height, width]` with `mean_fraction` fraction bits.

        Args:
            latent, hyper: payloads as `encode` made them.
            height, width: size of the latent.
            threads: threads for the integer network; the result does not depend on it.

        Raises:
            FormatError: the payloads are not what an encoder with this model writes.
            ModelError: the latent is larger than the integer network can make it.
        """
        shape = (self.latent_channels, height, width)
        _check_count(latent, shape)
        if self.network is None or self.gaussian is None:
            if hyper is not None:
                raise FormatError("the stream has a hyper-latent, which its model has no use for; it is damaged")
            symbols = _decode(latent, self.prior, self._channel_indexes(shape))
            return _latent(symbols, self._broadcast_medians(shape), self.mean_fraction)
        if hyper is None:
            raise FormatError("the stream lacks the hyper-latent that its model needs; it is damaged")
        hyper_shape = self.hyper_shape(height, width)
        _check_count(hyper, hyper_shape)
        hyper_symbols = _decode(hyper, self.prior, self._channel_indexes(hyper_shape))
        indexes, means = _predict(self.network, hyper_symbols, height, width, threads)
        symbols = _decode(latent, self.gaussian, indexes)
        return _latent(symbols, means, self.mean_fraction)

    def hyper_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """Return the shape of the hyper-latent of a latent of height x width."""
        return len(self.medians), -(-height // self.hyper_stride), -(-width // self.hyper_stride)

    def _channel_indexes(self, shape: tuple[int, ...]) -> Int:
        indexes = np.empty(shape, np.int32)
        indexes[...] = np.arange(shape[0], dtype=np.int32)[:, None, None]
        return indexes

    def _broadcast_medians(self, shape: tuple[int, ...]) -> Int:
        return np.broadcast_to(self.medians[:, None, None], shape)


def load_entropy_model(bundle: Bundle, cpu: str | None = None) -> EntropyModel:
    """Load a bundle's integer half.

    Args:
        bundle: the bundle.
        cpu: native kernels, "scalar" or "avx2"; None for `LICRT_CPU` or the fastest.

    Raises:
        ModelError: tensors are missing, inconsistent, or fail the overflow proof.
    """
    tensors = load_tensors(bundle)
    prior = _tables(tensors, "prior")
    medians = tensor(tensors, "prior.median", np.int32)
    channels = bundle.hyper_channels or bundle.latent_channels
    description = bundle.manifest["entropy"].get("hyper_synthesis")
    if medians.shape != (channels,) or tensors["prior.lengths"].shape != (channels,):
        raise ModelError(f"model {bundle.name}: expected one median and one table per channel; export it again")
    if bool(bundle.hyper_channels) != bool(description) or bool(bundle.hyper_channels) != bool(bundle.hyper_stride):
        raise ModelError(f"model {bundle.name}: hyper-latent and hyper-synthesis contradict; export it again")
    if np.abs(medians.astype(np.int64)).max() >= 1 << 22:
        raise ModelError(f"model {bundle.name}: a median is out of range; export it again")
    network, gaussian, fraction = None, None, bundle.mean_fraction
    if description:
        source = network_from(description, tensors, "hyper_synthesis")
        gaussian = _tables(tensors, "gaussian")
        if (
            source.index_channels != bundle.latent_channels
            or source.mean_channels not in (0, bundle.latent_channels)
            or source.rate_points != 1
            or source.thresholds.shape[2] + 1 != len(tensors["gaussian.lengths"])
            or len(source.input_offset) != channels
            or not np.array_equal(source.input_offset, medians)
            or source.layers[-1].output_bits > 22
        ):
            raise ModelError(f"model {bundle.name}: hyper-synthesis does not fit its tables; export it again")
        network = NativeNetwork(to_blob(source), cpu)
        for side in (1, 2):  # most misfits show at once; the others when the size is known
            _check_covers(network, (side, side), side * bundle.hyper_stride, side * bundle.hyper_stride)
        fraction = source.input_shift
    return EntropyModel(
        prior, medians, fraction, network, gaussian, bundle.latent_channels, bundle.hyper_stride, bundle.mean_fraction
    )


def latent_crc(latent: Int) -> int:
    """Return the CRC-32 of `y_hat` as int32 little-endian in channel, row, column order."""
    return zlib.crc32(np.ascontiguousarray(latent, dtype="<i4").data)


def to_float(latent: Int, fraction: int) -> Float:
    """Return `y_hat` as float32, exactly: |y_hat| < 2^24."""
    scaled: Float = np.multiply(latent, np.float32(2.0**-fraction), dtype=np.float32)
    return scaled


def available_kernels() -> tuple[str, ...]:
    """Return the native kernels that this machine can run, slowest first; all give the same numbers.

    >>> available_kernels()[0]
    'scalar'
    """
    return tuple(_native.available_kernels())


def lanes_for(count: int) -> int:
    """Return how many interleaved lanes pay for `count` symbols: each costs some 4 bytes and buys speed.

    >>> lanes_for(1000), lanes_for(10_000), lanes_for(300_000)
    (1, 2, 4)
    """
    return 1 if count < 4096 else 2 if count < 32768 else 4


def _encode(values: Float, means: Int, fraction: int, tables: coder.CdfTables, indexes: Int) -> tuple[Payload, Int]:
    residuals = values - to_float(means, fraction) if means.size else values
    if not np.isfinite(residuals).all():
        raise LicrtError("the analysis gave a latent that is not finite; the model or the inference engine is broken")
    symbols = np.clip(np.rint(residuals), -MAX_SYMBOL, MAX_SYMBOL).astype(np.int32)
    lanes = lanes_for(symbols.size)
    return Payload(coder.encode(symbols, indexes, tables, lanes), lanes), symbols


def _predict(network: NativeNetwork, symbols: Int, height: int, width: int, threads: int) -> tuple[Int, Int]:
    _check_covers(network, symbols.shape[1:], height, width)
    return network.run(symbols, height, width, threads)


def _check_covers(network: NativeNetwork, size: tuple[int, ...], height: int, width: int) -> None:
    """Raise unless the network turns a hyper-latent of that size into at least height x width."""
    try:
        output = network.output_size(*size)
    except ValueError:  # a layer would give nothing, or a side beyond 2^20
        output = (0, 0)
    if output[0] < height or output[1] < width:
        raise ModelError(
            f"the model's hyper-synthesis cannot give a latent of {height} x {width}; cut the picture, "
            "or export the model again"
        )


def _check_count(payload: Payload, shape: tuple[int, ...]) -> None:
    """Refuse sizes that the payload cannot hold, before memory is taken for them.

    The likeliest symbol of all tables has probability 65535/65536 and costs 2.2e-5 bits, so a byte holds fewer than
    2^19 symbols.
    """
    if math.prod(shape) > len(payload.data) << 19:
        raise FormatError("the stream is too short for a picture of its size; it is damaged")


def _decode(payload: Payload, tables: coder.CdfTables, indexes: Int) -> Int:
    symbols = coder.decode(payload.data, indexes, tables, payload.lanes)
    if symbols.size and max(int(symbols.max()), -int(symbols.min())) > MAX_SYMBOL:
        raise FormatError("the stream holds a symbol beyond 2^15, which no encoder writes; it is damaged")
    return symbols


def _latent(symbols: Int, means: Int, fraction: int) -> Int:
    scaled = symbols << fraction
    return scaled + means if means.size else scaled


def _tables(tensors: Tensors, name: str) -> coder.CdfTables:
    """Rebuild the padded `[tables, longest]` array from rows stored one after the other."""
    rows, lengths, offsets = (tensor(tensors, f"{name}.{part}", np.int32) for part in ("cdf", "lengths", "offsets"))
    if not rows.ndim == lengths.ndim == offsets.ndim == 1 or len(lengths) != len(offsets):
        raise ModelError(f"the {name} tables are of the wrong kind; export the model again")
    ends = np.cumsum(lengths.astype(np.int64))
    if not len(lengths) or lengths.min() < 3 or lengths.max() > 1 << 16 or ends[-1] != len(rows):
        raise ModelError(f"the {name} tables have impossible lengths; export the model again")
    if offsets.min() < -_MAX_OFFSET or offsets.max() > _MAX_OFFSET:
        raise ModelError(f"the {name} tables have impossible offsets; export the model again")
    if len(lengths) * int(lengths.max()) > 1 << 26:
        raise ModelError(f"the {name} tables are too large; export the model again")
    cdf = np.zeros((len(lengths), int(lengths.max())), np.int32)
    cdf[np.arange(cdf.shape[1]) < lengths[:, None]] = rows
    return coder.CdfTables(cdf, lengths, offsets)
