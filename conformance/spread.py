"""How much of each model the conformance streams exercise: `python -m conformance.spread`.

Needs the development environment: symbols come from the native decoder, and what follows from them (table indexes,
activations, latents) is computed again by the slow reference of `licrt.export`, which must agree.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from conformance.observe import MODELS, STREAMS, read_expected
from licrt.export import context_reference, integer_reference
from licrt.runtime import Codec
from licrt.runtime.bundle import Bundle, load_bundle
from licrt.runtime.container import StreamInfo, read_info
from licrt.runtime.exact import ExactHalf, load_exact_half

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from licrt.runtime.entropy import Symbols

Int = npt.NDArray[np.int64]


@dataclass
class Spread:
    """Counts over streams of one architecture."""

    streams: int = 0
    symbols: int = 0
    nonzero: int = 0
    escapes: int = 0
    indexes: frozenset[int] = frozenset()  # tables of the latent that were used
    tables: int = 0  # that there are
    activations: int = 0  # of integer networks, before they are saturated
    negative: int = 0
    saturated: int = 0

    def __add__(self, other: Spread) -> Spread:
        sums = [getattr(self, field.name) for field in fields(self)]
        for place, field in enumerate(fields(self)):
            value = getattr(other, field.name)
            sums[place] = sums[place] | value if field.name == "indexes" else sums[place] + value
        return Spread(*sums)


def main() -> None:
    """Print a row for each architecture."""
    print(f"{'':30}streams  symbols  non-zero  escapes  tables used  activations  negative  saturated")
    for arch in sorted(path.name for path in MODELS.iterdir()):
        spread = measure(arch)
        share, used = spread.nonzero / spread.symbols, f"{len(spread.indexes)} of {spread.tables}"
        print(f"{arch:30}{spread.streams:7}{spread.symbols:9}{share:10.0%}{spread.escapes:9}{used:>13}", end="")
        print(f"{spread.activations:13}{spread.negative:10}{spread.saturated:11}", flush=True)


def measure(arch: str, folder: Path = STREAMS) -> Spread:
    """Return what all streams of an architecture exercise together."""
    codec, bundle = Codec.load(MODELS / arch, threads=1), load_bundle(MODELS / arch)
    half, total = load_exact_half(bundle), Spread()
    tables = half.hyper.gaussian if half.hyper else half.prior
    for name in read_expected(folder):
        if name.partition("/")[0] != arch:
            continue
        data = (folder / f"{name}.lci").read_bytes()
        decoded, seen = codec.decode_symbols(data), Spread()
        with watched(seen):
            indexes, y_hat = follow(bundle, half, decoded, read_info(data))
        if not np.array_equal(indexes.ravel(), decoded.indexes) or not np.array_equal(y_hat, decoded.y_hat):
            raise AssertionError(f"{name}: the slow reference comes to other indexes or latents")
        place = decoded.latent - tables.offsets[decoded.indexes]
        seen.streams, seen.symbols = 1, decoded.latent.size
        seen.nonzero = int(np.count_nonzero(decoded.latent))
        seen.escapes = int(np.sum((place < 0) | (place >= tables.lengths[decoded.indexes] - 2)))
        seen.indexes = frozenset(decoded.indexes.tolist())
        total += seen
    total.tables = len(tables.lengths)
    return total


def follow(bundle: Bundle, half: ExactHalf, decoded: Symbols, info: StreamInfo) -> tuple[Int, Int]:
    """Return the indexes in coding order and the latents that follow from a stream's symbols, after docs/ alone."""
    height, width = (-(-side // bundle.stride) for side in (info.height, info.width))
    shape = bundle.latent_channels, height, width
    if half.hyper is None or decoded.hyper is None:
        channels = np.repeat(np.arange(shape[0]), height * width)
        y_hat = (decoded.latent.astype(np.int64) << bundle.mean_fraction) + half.medians[channels]
        return channels, y_hat.reshape(shape)
    hyper = (len(half.medians), *(-(-side // bundle.hyper_stride) for side in shape[1:]))
    z, network = decoded.hyper.reshape(hyper), half.hyper.network
    point = info.rate_point
    if half.hyper.context is None:
        indexes, means = integer_reference.run(network, z, height, width, point)
        means = means if len(means) else np.zeros(shape, np.int64)
        symbols = decoded.latent.reshape(shape).astype(np.int64)
        numbers = half.hyper.rates, bundle.mean_fraction, point
        return indexes.ravel(), context_reference.dequantise(symbols, indexes, means, *numbers)
    features = integer_reference.run(network, z, height, width)[1].astype(np.int32)
    seen: list[Int] = []

    def next_symbols(indexes: Int) -> npt.NDArray[np.int32]:
        begin = sum(map(len, seen))
        seen.append(indexes)
        return decoded.latent[begin : begin + len(indexes)]

    y_hat = context_reference.decode(half.hyper.context, features, next_symbols, point)
    return np.concatenate(seen), y_hat


@contextmanager
def watched(spread: Spread) -> Iterator[None]:
    """Count what the slow reference saturates: inputs and requantised sums of integer networks."""
    saturate = integer_reference.saturate

    def counted(value: Int, bits: int) -> Int:
        result = saturate(value, bits)
        spread.activations += value.size
        spread.negative += int(np.sum(result < 0))
        spread.saturated += int(np.sum(result != value))
        return result

    for module in (integer_reference, context_reference):
        module.saturate = counted
    try:
        yield
    finally:
        for module in (integer_reference, context_reference):
            module.saturate = saturate


if __name__ == "__main__":
    main()
