"""The native coder against a big-integer reference, golden bytes, and damage."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from references import rans
from references.tables import Sequence, geometric_tables, stack

from licrt.runtime.coder import CdfTables, _int32, capacity, decode, encode
from licrt.runtime.errors import FormatError, ModelError

COUNTS = (0, 1, 2, 3, 4, 5, 31, 32, 33, 1000)
LANES = (1, 2, 4)


@st.composite
def table_rows(draw):
    """A CDF row: uniform, all mass at one place, or cut anywhere; at least one plain symbol and the escape."""
    inner = draw(
        st.one_of(
            st.sets(st.integers(1, 65535), min_size=1, max_size=40),
            st.integers(1, 600).map(lambda count: set(range(1, count + 1))),
            st.integers(1, 600).map(lambda count: set(range(65536 - count, 65536))),
            st.integers(1, 2000).map(lambda count: {65536 * n // (count + 1) for n in range(1, count + 1)}),
        )
    )
    return [0, *sorted(inner), 65536]


@st.composite
def messages(draw):
    """Tables, indexes and symbols: mostly plain ones, some escapes up to the longest."""
    rows = draw(st.lists(table_rows(), min_size=1, max_size=4))
    offsets = [draw(st.sampled_from([0, -1, 7, -1500, 2**30, -(2**30)])) for _ in rows]
    count = draw(st.sampled_from(COUNTS))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    indexes = random.integers(0, len(rows), count)
    lengths = np.array([len(row) for row in rows])
    values = random.integers(0, lengths[indexes] - 2) if count else np.zeros(0, np.int64)
    if count and draw(st.booleans()):
        far = random.random(count) < draw(st.sampled_from([0.05, 1]))
        magnitudes = np.int64(2) ** random.integers(0, 27, count) + random.integers(-1, 2, count)
        values = np.where(far, np.where(random.random(count) < 0.5, -magnitudes, magnitudes), values)
    symbols = values + np.array(offsets)[indexes] if count else values
    return stack(rows, offsets), symbols.astype(np.int32), indexes.astype(np.int32)


@settings(max_examples=150, deadline=None)
@given(messages(), st.sampled_from(LANES))
def test_bytes_equal_the_reference(message, lanes):
    arrays, symbols, indexes = message
    tables = CdfTables(*arrays)
    data = encode(symbols, indexes, tables, lanes)
    assert data == rans.encode(symbols, indexes, *arrays, lanes)
    assert np.array_equal(decode(data, indexes, tables, lanes), symbols)


@settings(max_examples=50, deadline=None)
@given(messages(), st.sampled_from(LANES), st.integers(0, 2**32))
def test_damage_is_an_error_or_another_message(message, lanes, seed):
    """What decodes after damage is what an encoder would have written, exactly as the reference sees it."""
    arrays, symbols, indexes = message
    tables, random = CdfTables(*arrays), np.random.default_rng(seed)
    indexes, symbols = indexes[:33], symbols[:33]
    data = bytearray(encode(symbols, indexes, tables, lanes))
    data[random.integers(0, len(data))] ^= 1 << random.integers(0, 8)
    try:
        expected = rans.decode(bytes(data), indexes, *arrays, lanes)
    except rans.Corrupt:
        with pytest.raises(FormatError):
            decode(data, indexes, tables, lanes)
    else:
        assert decode(data, indexes, tables, lanes).tolist() == expected
        assert encode(np.array(expected, np.int32), indexes, tables, lanes) == data


def fixed_message(count):
    """A message over 64 tables with escapes, the same on every machine and with every numpy."""
    numbers, (cdf, lengths, offsets) = Sequence(count), geometric_tables(64)
    indexes = np.array([numbers.below(64) for _ in range(count)], np.int32)
    symbols = [numbers.below(int(lengths[index]) - 2) + int(offsets[index]) for index in indexes]
    for i in range(0, count, 97):
        symbols[i] = numbers.below(1 << 27) - (1 << 26)
    return (cdf, lengths, offsets), np.array(symbols, np.int32), indexes


GOLDEN = {
    (0, 1): "0000008000000000",
    (0, 4): "0000008000000000000000800000000000000080000000000000008000000000",
    (1, 1): "ffff070000800000b11d0502",
    (5, 2): "ffffbdc60100000067168c24506700003752ffb1ebd5942f",
    (33, 4): "9d63fc58fd1a0971d9e6dcf8e9f895c56918440a52df2209fd55b36a6d5648e2",
    (65537, 1): "099cc85e13fd86550e5485f30eed58c377ba233bf6cd05fd5a0fc7836f511ca4",
    (65537, 2): "651f87212cd9940be6e211e57b6ac7e70f0eb8b5867dd4fa6a1898a0b898604f",
    (65537, 4): "0407bbe9919f43b590d376c0cb3ea5c0dae11dcc2cb42793f44b0351e2097413",
}


@pytest.mark.parametrize(("count", "lanes"), GOLDEN)
def test_golden_bytes(count, lanes):
    """These bytes never change: pictures are stored in them."""
    arrays, symbols, indexes = fixed_message(count)
    tables = CdfTables(*arrays)
    data = encode(symbols, indexes, tables, lanes)
    shown = data.hex() if len(data) <= 64 else hashlib.sha256(data).hexdigest()
    assert shown == GOLDEN[count, lanes]
    assert np.array_equal(decode(data, indexes, tables, lanes), symbols)


def test_golden_bytes_of_compressai():
    """Bytes that CompressAI 1.2.8 wrote."""
    peaked = CdfTables(np.int32([[0, 1, 65534, 65535, 65536]]), np.int32([5]), np.int32([-1]))
    halves = CdfTables(np.int32([[0, 32768, 65535, 65536]]), np.int32([4]), np.int32([0]))
    zeros = np.zeros(2, np.int32)
    assert encode(zeros, zeros, peaked, lanes=1).hex() == "0e00038000000000"
    assert encode(np.int32([0, 1]), zeros, halves, lanes=1).hex() == "0200050002000000"


def test_escapes_end_where_seven_nibbles_end():
    tables = CdfTables(np.int32([[0, 30000, 65536]]), np.int32([3]), np.int32([10]))
    index = np.zeros(1, np.int32)
    for symbol in (10 - 2**27, 10 + 2**27):
        nearest = np.int32([symbol])
        data = encode(nearest, index, tables, 1)
        assert decode(data, index, tables, 1) == nearest
    for symbol in (10 - 2**27 - 1, 10 + 2**27 + 1, 2**31 - 1, -(2**31)):
        with pytest.raises(ValueError, match="too far outside its table"):
            encode(np.int32([symbol]), index, tables, 1)


@pytest.mark.parametrize("lanes", LANES)
def test_truncation_at_every_byte(lanes):
    arrays, symbols, indexes = fixed_message(200)
    tables = CdfTables(*arrays)
    data = encode(symbols, indexes, tables, lanes)
    for size in range(len(data)):
        with pytest.raises(FormatError):
            decode(data[:size], indexes, tables, lanes)
    with pytest.raises(FormatError):
        decode(data + bytes(4), indexes, tables, lanes)


def test_every_flipped_bit_is_an_error_or_other_symbols():
    arrays, symbols, indexes = fixed_message(100)
    tables = CdfTables(*arrays)
    data = encode(symbols, indexes, tables, 4)
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            decoded = decode(damaged, indexes, tables, 4)
        except FormatError:
            continue
        assert not np.array_equal(decoded, symbols)


def test_random_bytes_are_refused():
    arrays, _, indexes = fixed_message(100)
    tables, random = CdfTables(*arrays), np.random.default_rng(1)
    for size in range(0, 400, 4):
        with pytest.raises(FormatError):
            decode(random.bytes(size), indexes, tables, 2)


def test_the_worst_message_fits_the_buffer():
    """Every symbol costs 16 bits for the escape and 32 for its nibbles: more than any other message."""
    tables = CdfTables(np.int32([[0, 65535, 65536]]), np.int32([3]), np.int32([0]))
    symbols, indexes = np.full(5000, -(2**27), np.int32), np.zeros(5000, np.int32)
    for lanes in LANES:
        data = encode(symbols, indexes, tables, lanes)
        assert len(data) > 5000 * 6
        assert np.array_equal(decode(data, indexes, tables, lanes), symbols)


def test_shapes_buffers_and_views():
    arrays, symbols, indexes = fixed_message(96)
    tables = CdfTables(*arrays)
    cube, places = symbols.reshape(4, 4, 6), indexes.reshape(4, 4, 6)
    data = encode(cube, places, tables)
    assert data == encode(symbols, indexes, tables)
    for buffer in (data, bytearray(data), memoryview(data), np.frombuffer(data, np.uint8)):
        decoded = decode(buffer, places, tables)
        assert decoded.dtype == np.int32
        assert np.array_equal(decoded, cube)
    assert encode(cube.transpose(1, 0, 2), places.transpose(1, 0, 2), tables) == encode(
        cube.transpose(1, 0, 2).copy(), places.transpose(1, 0, 2).copy(), tables
    )
    empty = np.zeros((3, 0), np.int32)
    assert decode(encode(empty, empty, tables), empty, tables).shape == (3, 0)


def test_arrays_at_odd_addresses_are_copied():
    """Tensors of a hand-made file may begin anywhere; the native code reads whole integers."""
    odd = np.frombuffer(b"\0" + np.arange(4, dtype=np.int32).tobytes(), np.int32, offset=1)
    assert not odd.flags.aligned
    assert _int32("odd", odd).flags.aligned
    assert _int32("odd", odd).tolist() == [0, 1, 2, 3]


def test_arguments_that_make_no_sense():
    tables = CdfTables(np.int32([[0, 1, 65536]]), np.int32([3]), np.int32([0]))
    one = np.zeros(1, np.int32)
    with pytest.raises(ValueError, match="one index per symbol"):
        encode(one, np.zeros(2, np.int32), tables)
    with pytest.raises(ValueError, match="expected 1, 2 or 4"):
        encode(one, one, tables, lanes=3)
    with pytest.raises(ValueError, match="expected 1, 2 or 4"):
        decode(bytes(64), one, tables, lanes=8)
    with pytest.raises(TypeError, match="float64, expected int32"):
        encode(np.zeros(1), one, tables)
    with pytest.raises(TypeError, match="int64, expected int32"):
        decode(bytes(8), np.zeros(1, np.int64), tables)
    for index in (1, -1, 2**31 - 1, -(2**31)):
        for position in range(5):
            indexes = np.zeros(5, np.int32)
            indexes[position] = index
            with pytest.raises(ValueError, match="index without a table"):
                encode(np.zeros(5, np.int32), indexes, tables)
            with pytest.raises((ValueError, FormatError)):
                decode(encode(np.zeros(5, np.int32), np.zeros(5, np.int32), tables), indexes, tables)


@pytest.mark.parametrize(
    ("row", "length", "offset"),
    [
        ([0, 65536, 0], 2, 0),  # an escape alone
        ([0, 5, 5, 65536], 4, 0),  # a symbol without mass
        ([0, 9, 5, 65536], 4, 0),
        ([1, 9, 65536], 3, 0),
        ([0, 9, 65535], 3, 0),
        ([0, 9, 65537], 3, 0),
        ([0, -5, 65536], 3, 0),
        ([0, 9, 65536], 4, 0),  # longer than its row
        ([0, 9, 65536], 0, 0),
        ([0, 9, 65536], -1, 0),
        ([0, 9, 65536], 3, 2**30 + 1),
        ([0, 9, 65536], 3, -(2**30) - 1),
    ],
)
def test_tables_that_break_a_rule(row, length, offset):
    with pytest.raises(ModelError, match="breaks a rule"):
        CdfTables(np.int32([row]), np.int32([length]), np.int32([offset]))


def test_tables_of_different_counts():
    with pytest.raises(ValueError, match="differ in their number of tables"):
        CdfTables(np.int32([[0, 1, 65536]]), np.int32([3, 3]), np.int32([0]))


def test_the_largest_table():
    """65535 plain symbols and the escape, each of frequency 1."""
    tables = CdfTables(np.arange(65537, dtype=np.int32)[None], np.int32([65537]), np.int32([-30000]))
    symbols = np.arange(-30000, 35535, 7, dtype=np.int32)
    indexes = np.zeros_like(symbols)
    assert np.array_equal(decode(encode(symbols, indexes, tables), indexes, tables), symbols)


@pytest.mark.parametrize("lanes", LANES)
@given(message=messages())
@settings(deadline=None)
def test_no_payload_is_shorter_than_its_symbols_allow(lanes, message):
    arrays, symbols, indexes = message
    tables = CdfTables(*arrays)
    data = encode(symbols, indexes, tables, lanes)
    assert tables.least_bits[indexes].sum() <= capacity(len(data), lanes)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize(("row", "count"), [([0, 65535, 65536], 20_000_000), ([0, 1, 65000, 65536], 200_000)])
def test_the_shortest_payload_is_hardly_longer_than_the_bound(row, count, lanes):
    """So a stream that passes may be real: nothing but decoding tells more."""
    tables = CdfTables(np.int32([row]), np.int32([len(row)]), np.int32([0]))
    likeliest = int(np.argmax(np.diff(row)))
    data = encode(np.full(count, likeliest, np.int32), np.zeros(count, np.int32), tables, lanes)
    needed = count * tables.least_bits[0]
    assert needed <= capacity(len(data), lanes) <= 1.001 * needed + 64 * lanes


def test_many_threads_share_tables():
    arrays, symbols, indexes = fixed_message(20000)
    tables = CdfTables(*arrays)
    data = encode(symbols, indexes, tables)

    def work(_):
        return encode(symbols, indexes, tables) == data and np.array_equal(decode(data, indexes, tables), symbols)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(64)))
