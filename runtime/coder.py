"""The entropy coder: integer symbols to bytes and back, with integer frequency tables.

Interleaved rANS (Duda, "Asymmetric numeral systems", 2013; Giesen, "Interleaved entropy coders", 2014) with 64-bit
states and 16-bit frequencies. With one lane the bytes are those of ``compressai.ans``; more lanes are faster and cost
8 bytes each. Values outside a table are escaped, so any value within 2^27 of its table can be coded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from licrt.runtime import _native

if TYPE_CHECKING:
    from numpy.typing import NDArray


class CdfTables:
    """Cumulative frequency tables, validated once and laid out for the coder.

    Immutable; any number of threads may use one object. The three arrays are those that CompressAI keeps in
    ``_quantized_cdf``, ``_cdf_length`` and ``_offset``.

    Args:
        cdf: int32 ``[tables, longest]``; row ``t`` starts with ``lengths[t]`` values that rise strictly from 0 to
            65536. Its last symbol is the escape; what follows in the row is ignored.
        lengths: int32 ``[tables]``, 3 to ``longest``.
        offsets: int32 ``[tables]``, the value that symbol 0 of each table stands for.

    Raises:
        ModelError: a table breaks these rules.
        TypeError: an array is not int32.

    >>> CdfTables(np.int32([[0, 1, 65534, 65535, 65536]]), np.int32([5]), np.int32([-1]))
    CdfTables(1 tables)
    """

    def __init__(self, cdf: NDArray[np.int32], lengths: NDArray[np.int32], offsets: NDArray[np.int32]) -> None:
        self._native = _native.CdfTables(_int32("cdf", cdf), _int32("lengths", lengths), _int32("offsets", offsets))
        self._count = len(lengths)
        likeliest = [np.diff(row[:length]).max() for row, length in zip(cdf, lengths, strict=True)]
        # Decoding one of probability p takes a state x >= 2^31 to p*x + (1-p)*2^16 at most.
        share = np.array(likeliest) / 65536
        self._least_bits = -np.log2(share + (1 - share) * 2.0**-15)

    @property
    def native(self) -> _native.CdfTables:
        """The tables as native code takes them."""
        return self._native

    @property
    def least_bits(self) -> NDArray[np.float64]:
        """A lower bound of the bits that a symbol of each table takes, float64 ``[tables]``; see :func:`capacity`.

        >>> CdfTables(np.int32([[0, 1, 65534, 65535, 65536]]), np.int32([5]), np.int32([-1])).least_bits.round(7)
        array([6.6e-05])
        """
        return self._least_bits

    def __repr__(self) -> str:
        return f"CdfTables({self._count} tables)"


def encode(symbols: NDArray[np.int32], indexes: NDArray[np.int32], tables: CdfTables, lanes: int = 4) -> bytes:
    """Encode symbols, each with the table that its index names.

    Args:
        symbols: int32, any shape; coded in C order.
        indexes: int32, the shape of ``symbols``; 0 to the number of tables - 1.
        tables: the frequency tables.
        lanes: 1, 2 or 4 interleaved states; symbol ``i`` belongs to lane ``i % lanes``.

    Returns:
        ``lanes`` states of 8 bytes, then words of 4 bytes, all little-endian.

    Raises:
        ValueError: shapes differ, an index has no table, or a symbol is too far outside its table.
        TypeError: an array is not int32.

    >>> tables = CdfTables(np.int32([[0, 1, 65534, 65535, 65536]]), np.int32([5]), np.int32([-1]))
    >>> encode(np.int32([0, 0]), np.int32([0, 0]), tables, lanes=1).hex()
    '0e00038000000000'
    >>> encode(np.int32([0, 7]), np.int32([0, 0]), tables, lanes=2).hex()
    '0480018000000000ffffa10000008000'
    """
    if np.shape(symbols) != np.shape(indexes):
        msg = f"symbols have shape {np.shape(symbols)} and indexes {np.shape(indexes)}, pass one index per symbol"
        raise ValueError(msg)
    _check_lanes(lanes)
    return _native.encode(_int32("symbols", symbols).ravel(), _int32("indexes", indexes).ravel(), tables._native, lanes)


def decode(data: bytes, indexes: NDArray[np.int32], tables: CdfTables, lanes: int = 4) -> NDArray[np.int32]:
    """Decode what :func:`encode` wrote with the same indexes, tables and lanes.

    Args:
        data: the bytes, or any buffer of bytes.
        indexes: int32, any shape; how many symbols there are, and the table of each.
        tables: the frequency tables.
        lanes: as for :func:`encode`.

    Returns:
        int32 symbols of the shape of ``indexes``.

    Raises:
        FormatError: no encoder with these indexes and tables writes these bytes. Damage may also go unnoticed and give
            other symbols: carry a checksum.
        ValueError: an index has no table, or ``lanes`` is not 1, 2 or 4.
        TypeError: ``indexes`` is not int32.

    >>> tables = CdfTables(np.int32([[0, 1, 65534, 65535, 65536]]), np.int32([5]), np.int32([-1]))
    >>> decode(bytes.fromhex("0480018000000000ffffa10000008000"), np.int32([[0, 0]]), tables, lanes=2)
    array([[0, 7]], dtype=int32)
    """
    _check_lanes(lanes)
    flat = _int32("indexes", indexes).ravel()
    octets = np.asarray(memoryview(data).cast("B"))
    return _native.decode(octets, flat, tables._native, lanes).reshape(np.shape(indexes))


def capacity(size: int, lanes: int) -> float:
    """Return an upper bound of the bits that all symbols of a payload take together.

    So the number of symbols in a payload is bounded before any is decoded. A state is read below 2^63 and ends as 2^31,
    and a word of 32 bits makes one at most 2^32 (1 + 2^-15) times larger.

    Args:
        size: of the payload, in bytes.
        lanes: as for :func:`encode`.

    >>> round(capacity(16, 1), 2), round(capacity(16, 2), 2)
    (96.0, 64.0)
    """
    return (8 * size - 32 * lanes) * (1 + 2e-6)


def _check_lanes(lanes: int) -> None:
    if lanes not in (1, 2, 4):
        msg = f"lanes is {lanes}, expected 1, 2 or 4"
        raise ValueError(msg)


def _int32(name: str, array: NDArray[Any]) -> NDArray[np.int32]:
    array = np.asarray(array)
    if array.dtype != np.int32:
        msg = f"{name} is {array.dtype}, expected int32; convert it with .astype(np.int32)"
        raise TypeError(msg)
    return np.require(array, requirements=["C", "ALIGNED"])
