"""The exact half of a codec: latents to payloads and back, in integers only (DESIGN: the exactness promise).

Nothing here depends on a float network. Encoder and decoder obtain table indexes and means from the same native
integer networks, so what was written can be read on every machine. See docs/integer-net.md, sections 5, 7 and 8.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from licrt.runtime import _native, coder, context
from licrt.runtime._native import ContextModel as NativeContextModel
from licrt.runtime._native import Network as NativeNetwork
from licrt.runtime.errors import FormatError, LicrtError, ModelError
from licrt.runtime.exact import load_exact_half
from licrt.runtime.integer import to_blob
from licrt.runtime.latents import MAX_SYMBOL, dequantise, expect_finite, quantise

if TYPE_CHECKING:
    from licrt.runtime.bundle import Bundle
    from licrt.runtime.context import Rates

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.int32]
# Symbols of the hyper-latent, height and width of the latent, threads and rate point, to indexes and means.
Predict = Callable[[Int, int, int, int, int], tuple[Int, Int]]


@dataclass(frozen=True)
class Payload:
    """Coded symbols: bytes of the rANS coder, and how many interleaved lanes wrote them."""

    data: bytes
    lanes: int


@dataclass(frozen=True)
class Symbols:
    """What a stream codes, for those who compare decoders: all int32, `[count]`, in coding order.

    Attributes:
        hyper: symbols of the hyper-latent; None in factorised models.
        latent, indexes: symbols of the latent, and the table of each: a `prior` one in factorised models.
        y_hat: what they are decoded to, `[M, height, width]`.
    """

    hyper: Int | None
    latent: Int
    indexes: Int
    y_hat: Int


@dataclass(frozen=True, eq=False)
class Prepared:
    """What an encoder has of a picture at every rate point alike.

    Attributes:
        latent: float32 `[M, height, width]`.
        hyper, z: payload and symbols of the hyper-latent; None in factorised models.
        features: for the context model; None without one.
    """

    latent: Float
    hyper: Payload | None
    z: Int | None
    features: Int | None


@dataclass(frozen=True)
class EntropyModel:
    """Everything that turns symbols into latents: tables, fixed-point medians, and integer networks.

    Attributes:
        prior: tables of the hyper-latent, or of the latent itself in factorised models, which lack all that follows.
        medians, median_fraction: one fixed-point number per channel of the prior, and its fraction bits.
        network: the hyper-synthesis, which gives indexes and means, or the features of a context model.
        gaussian: tables of the latent.
        latent_channels, hyper_stride, mean_fraction: as in `Bundle`.
        context: predicts the latent from features and from what is decoded already.
        rates: of a variable-rate model; a context model knows them itself.
        predict: does what `network` does, in its place, when decoding; encoders always use the network.
    """

    prior: coder.CdfTables
    medians: Int
    median_fraction: int
    network: NativeNetwork | None
    gaussian: coder.CdfTables | None
    latent_channels: int
    hyper_stride: int
    mean_fraction: int
    context: NativeContextModel | None = None
    rates: Rates | None = None
    predict: Predict | None = None

    def encode(
        self, latent: Float, hyper_latent: Float | None, threads: int, point: int = 0
    ) -> tuple[Payload, Payload | None, Int]:
        """Quantise and code a picture's latents.

        Args:
            latent: float32 `[M, height, width]`.
            hyper_latent: float32 `[N, ceil(height / hyper_stride), ceil(width / hyper_stride)]`; None if factorised.
            threads: threads for the integer networks.
            point: rate point of a variable-rate model.

        Returns:
            Payloads of the latent and of the hyper-latent (or None), and the int32 `y_hat` that a decoder obtains.

        Raises:
            ModelError: a latent is not finite.
            ModelError: the latent is larger than the integer network can make it.
        """
        prepared = self.prepare(latent, hyper_latent, threads)
        payload, y_hat = self.encode_at(point, prepared, threads)
        return payload, prepared.hyper, y_hat

    def prepare(self, latent: Float, hyper_latent: Float | None, threads: int) -> Prepared:
        """Do the part of `encode` that all rate points share; arguments and errors are the same."""
        if self.network is None:
            return Prepared(latent, None, None, None)
        if hyper_latent is None:
            raise LicrtError("this model needs a hyper-latent, and none was given")
        expect_finite(latent)
        hyper, z = self._encode_prior(hyper_latent)
        if self.context is None:
            return Prepared(latent, hyper, z, None)
        features = _predict(self.network, z, latent.shape[1], latent.shape[2], threads, 0)[1]
        return Prepared(np.ascontiguousarray(latent), hyper, z, features)

    def encode_at(self, point: int, prepared: Prepared, threads: int) -> tuple[Payload, Int]:
        """Do the rest of `encode`; return the payload of the latent, and `y_hat`."""
        latent = prepared.latent
        if self.network is None or self.gaussian is None or prepared.z is None:
            payload, symbols = self._encode_prior(latent)
            return payload, dequantise(symbols, symbols, self._medians_of(symbols.shape), self.mean_fraction)
        if self.context is not None and prepared.features is not None:
            symbols, indexes, y_hat = self.context.encode(prepared.features, latent, threads, point)
            return _coded(symbols, indexes, self.gaussian), y_hat
        indexes, means = _predict(self.network, prepared.z, latent.shape[1], latent.shape[2], threads, point)
        symbols = quantise(latent, means, self.mean_fraction, self.rates, point)
        payload = _coded(symbols, indexes, self.gaussian)
        return payload, dequantise(symbols, indexes, means, self.mean_fraction, self.rates, point)

    def decode(
        self, latent: Payload, hyper: Payload | None, height: int, width: int, threads: int, point: int = 0
    ) -> Int:
        """Decode `y_hat`, int32 `[M, height, width]` with `mean_fraction` fraction bits.

        Args:
            latent, hyper: payloads as `encode` made them.
            height, width: size of the latent.
            threads: threads for the integer networks; the result does not depend on it.
            point: rate point that the latent was encoded at.

        Raises:
            FormatError: the payloads are not what an encoder with this model writes.
            ModelError: the latent is larger than the integer network can make it.
        """
        shape = (self.latent_channels, height, width)
        z = self._decode_hyper(latent, hyper, height, width)
        if z is None or self.network is None or self.gaussian is None:
            symbols = _decoded(latent, self._channels_of(shape), self.prior)
            return dequantise(symbols, symbols, self._medians_of(shape), self.mean_fraction)
        if self.context is not None:
            features = self._predict(self.network, z, height, width, threads, 0)[1]
            octets = np.frombuffer(latent.data, np.uint8)
            return self.context.decode(features, self.gaussian.native, octets, latent.lanes, threads, point)
        indexes, means = self._predict(self.network, z, height, width, threads, point)
        symbols = _decoded(latent, indexes, self.gaussian)
        return dequantise(symbols, indexes, means, self.mean_fraction, self.rates, point)

    def decode_symbols(
        self, latent: Payload, hyper: Payload | None, height: int, width: int, threads: int, point: int = 0
    ) -> Symbols:
        """Decode as `decode` does, and keep what was decoded on the way; slower, and takes more memory."""
        shape = (self.latent_channels, height, width)
        z = self._decode_hyper(latent, hyper, height, width)
        if z is None or self.network is None or self.gaussian is None:
            indexes = self._channels_of(shape)
            symbols = _decoded(latent, indexes, self.prior)
            y_hat = dequantise(symbols.copy(), symbols, self._medians_of(shape), self.mean_fraction)
        elif self.context is not None:
            features = self._predict(self.network, z, height, width, threads, 0)[1]
            octets = np.frombuffer(latent.data, np.uint8)
            symbols, indexes, y_hat = self.context.decode_symbols(
                features, self.gaussian.native, octets, latent.lanes, threads, point
            )
        else:
            indexes, means = self._predict(self.network, z, height, width, threads, point)
            symbols = _decoded(latent, indexes, self.gaussian)
            y_hat = dequantise(symbols.copy(), indexes, means, self.mean_fraction, self.rates, point)
        return Symbols(None if z is None else z.ravel(), symbols.ravel(), indexes.ravel(), y_hat)

    def expect_possible(self, latent: Payload, hyper: Payload | None, height: int, width: int) -> None:
        """Refuse payloads that cannot hold a latent of that size, before time or memory is spent on it.

        Args:
            latent, hyper, height, width: as for `decode`.

        Raises:
            FormatError: one is missing or one too many, or shorter than so many symbols, all of them the likeliest.
        """
        if hyper is None and self.network is not None:
            raise FormatError("the stream lacks the hyper-latent that its model needs; it is damaged")
        if hyper is not None and self.network is None:
            raise FormatError("the stream has a hyper-latent, which its model has no use for; it is damaged")
        prior = float(self.prior.least_bits.sum())  # of all channels
        if hyper is not None and self.gaussian is not None:
            _, rows, columns = self.hyper_shape(height, width)
            _expect_bits(hyper, rows * columns * prior)
            _expect_bits(latent, self.latent_channels * height * width * float(self.gaussian.least_bits.min()))
        else:
            _expect_bits(latent, height * width * prior)

    def memory(self, height: int, width: int, *, encoding: bool) -> int:
        """Return a lower bound of the bytes that `encode` or `decode` takes at a time, without what it is given.

        That is its arrays of latent size, 4 bytes a number: indexes, means (where it keeps any) and symbols; or, with
        a context model, features, once more as 16 bits, y_hat, what of it is seen again as 16 bits, and in an encoder
        symbols and indexes.
        """
        latent = self.latent_channels
        if self.network is None:
            each = 8 * latent
        elif self.context is None:
            each = 8 * latent + 4 * self.network.mean_channels
        else:
            each = 6 * self.context.feature_channels + 6 * latent + (8 * latent if encoding else 0)
        return each * height * width

    def hyper_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """Return the shape of the hyper-latent of a latent of height x width."""
        return len(self.medians), -(-height // self.hyper_stride), -(-width // self.hyper_stride)

    def _decode_hyper(self, latent: Payload, hyper: Payload | None, height: int, width: int) -> Int | None:
        """Return the symbols of the hyper-latent, None in factorised models, once both payloads may hold their size."""
        self.expect_possible(latent, hyper, height, width)
        if hyper is None:
            return None
        return _decoded(hyper, self._channels_of(self.hyper_shape(height, width)), self.prior)

    def _predict(
        self, network: NativeNetwork, z: Int, height: int, width: int, threads: int, point: int
    ) -> tuple[Int, Int]:
        """Return indexes and means for a decoder."""
        if self.predict is None:
            return _predict(network, z, height, width, threads, point)
        _check_covers(network, z.shape[1:], height, width)
        return self.predict(z, height, width, threads, point)

    def _encode_prior(self, values: Float) -> tuple[Payload, Int]:
        """Return values coded with the tables of their channels, and their symbols."""
        expect_finite(values)
        symbols = quantise(values, self._medians_of(values.shape), self.median_fraction)
        return _coded(symbols, self._channels_of(values.shape), self.prior), symbols

    def _channels_of(self, shape: tuple[int, ...]) -> Int:
        indexes = np.empty(shape, np.int32)
        indexes[...] = np.arange(shape[0], dtype=np.int32)[:, None, None]
        return indexes

    def _medians_of(self, shape: tuple[int, ...]) -> Int:
        return np.broadcast_to(self.medians[:, None, None], shape)


def load_entropy_model(bundle: Bundle, cpu: str | None = None) -> EntropyModel:
    """Load a bundle's integer half.

    Args:
        bundle: the bundle.
        cpu: native kernels, one of `available_kernels()`; None for `LICRT_CPU` or the fastest.

    Raises:
        ModelError: tensors are missing, inconsistent, or fail the overflow proof.
    """
    half = load_exact_half(bundle)
    prior = half.prior.native()
    sizes = bundle.latent_channels, bundle.hyper_stride, bundle.mean_fraction
    if half.hyper is None:
        return EntropyModel(prior, half.medians, bundle.mean_fraction, None, None, *sizes)
    source, model = half.hyper.network, half.hyper.context
    network = NativeNetwork(to_blob(source), cpu)
    for side in (1, 2):  # most misfits show at once; the others when the size is known
        _check_covers(network, (side, side), side * bundle.hyper_stride, side * bundle.hyper_stride)
    native = NativeContextModel(context.to_blob(model), cpu) if model else None
    gaussian, rates = half.hyper.gaussian.native(), half.hyper.rates
    return EntropyModel(prior, half.medians, source.input_shift, network, gaussian, *sizes, native, rates)


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


def _coded(symbols: Int, indexes: Int, tables: coder.CdfTables) -> Payload:
    lanes = lanes_for(symbols.size)
    return Payload(coder.encode(symbols, indexes, tables, lanes), lanes)


def _decoded(payload: Payload, indexes: Int, tables: coder.CdfTables) -> Int:
    symbols = coder.decode(payload.data, indexes, tables, payload.lanes)
    if symbols.size and max(int(symbols.max()), -int(symbols.min())) > MAX_SYMBOL:
        raise FormatError("the stream holds a symbol beyond 2^15, which no encoder writes; it is damaged")
    return symbols


def _predict(network: NativeNetwork, z: Int, height: int, width: int, threads: int, point: int) -> tuple[Int, Int]:
    _check_covers(network, z.shape[1:], height, width)
    return network.run(z, height, width, threads, point)


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


def _expect_bits(payload: Payload, least: float) -> None:
    if least > coder.capacity(len(payload.data), payload.lanes):
        raise FormatError("the stream is too short for a picture of its size; it is damaged")
