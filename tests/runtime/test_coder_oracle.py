"""The coder with one lane writes CompressAI's bytes and reads them."""

from __future__ import annotations

import numpy as np
import pytest

from licrt.runtime.coder import CdfTables, decode, encode

pytestmark = pytest.mark.oracle


def random_tables(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tables of 1 to 40 values and the escape, from flat to one that takes nearly all."""
    lengths = random.integers(3, 43, count).astype(np.int32)
    cdf = np.zeros((count, int(lengths.max())), np.int32)
    for row, length in zip(cdf, lengths, strict=True):
        spread = random.dirichlet(np.full(length - 1, 10.0 ** random.integers(-2, 2))) * (65536 - (length - 1))
        row[1:length] = np.cumsum(np.floor(spread).astype(np.int64) + 1)
        row[length - 1] = 65536
    return cdf, lengths, random.integers(-20, 1, count).astype(np.int32)


@pytest.mark.parametrize("seed", range(12))
def test_bytes_and_symbols(seed: int, oracle) -> None:
    random = np.random.default_rng(seed)
    cdf, lengths, offsets = random_tables(random, int(random.integers(1, 9)))
    shape = [(2,), (3,), (7, 11), (4, 16, 16)][seed % 4]
    indexes = random.integers(0, len(cdf), shape).astype(np.int32)
    spread = np.array([1, 30, 2000, 1 << 26])[random.choice(4, shape, p=[0.6, 0.3, 0.07, 0.03])]
    symbols = (random.integers(-spread, spread + 1) + offsets[indexes]).astype(np.int32)
    tables = CdfTables(cdf, lengths, offsets)
    arrays = {"indexes": indexes, "cdf": cdf, "lengths": lengths, "offsets": offsets}

    theirs = oracle("encode", symbols=symbols, **arrays)["data"].tobytes()
    assert encode(symbols, indexes, tables, lanes=1) == theirs
    np.testing.assert_array_equal(decode(theirs, indexes, tables, lanes=1), symbols)
    np.testing.assert_array_equal(oracle("decode", data=np.frombuffer(theirs, np.uint8), **arrays)["symbols"], symbols)


@pytest.mark.parametrize("value", [-1, 2, 3, 9, 10, 100, -100, (1 << 27) - 1, 1 - (1 << 27)])
def test_escapes_of_every_length(value: int, oracle) -> None:
    cdf, lengths, offsets = np.int32([[0, 40000, 65000, 65536]]), np.int32([4]), np.int32([0])
    symbols, indexes = np.int32([0, value, 1, value]), np.zeros(4, np.int32)
    expected = oracle("encode", symbols=symbols, indexes=indexes, cdf=cdf, lengths=lengths, offsets=offsets)["data"]
    tables = CdfTables(cdf, lengths, offsets)
    data = encode(symbols, indexes, tables, lanes=1)
    assert data == expected.tobytes()
    assert decode(data, indexes, tables, lanes=1).tolist() == symbols.tolist()
