"""Context models: the native engine against the slow reference, and payloads that are not what was written."""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from references.networks import context_inputs, context_of, instruction_sets
from references.tables import gaussian_tables, scale_table

from licrt.export import context_reference as reference
from licrt.runtime import _native
from licrt.runtime.context import ORDERS, to_blob
from licrt.runtime.errors import FormatError, ModelError

CPUS = instruction_sets()
SIZES = ((1, 1), (1, 7), (5, 3), (17, 33))


@pytest.fixture(scope="module")
def tables():
    return _native.CdfTables(*gaussian_tables(scale_table()))


def payload(tables, symbols, indexes, lanes):
    return np.frombuffer(_native.encode(symbols, indexes, tables, lanes), np.uint8)


def assert_equals_reference(tables, model, features, latent, point=0, threads=(1, 2, 3)):
    """Encoders on every set of kernels give the reference's numbers, and decoders get back to its latent."""
    symbols, indexes, y_hat = reference.encode(model, features, latent, point)
    blob = to_blob(model)
    for cpu in CPUS:
        native = _native.ContextModel(blob, cpu)
        for count in threads:
            coded = native.encode(features, latent, count, point)
            assert np.array_equal(coded[1], indexes), (cpu, count)
            assert np.array_equal(coded[0], symbols), (cpu, count)
            assert np.array_equal(coded[2], y_hat), (cpu, count)
            lanes = (1, 2, 4)[count % 3]
            data = payload(tables, coded[0], coded[1], lanes)
            assert np.array_equal(native.decode(features, tables, data, lanes, count, point), y_hat), (cpu, count)
            decoded = native.decode_symbols(features, tables, data, lanes, count, point)
            assert all(map(np.array_equal, decoded, (symbols, indexes, y_hat))), (cpu, count)
    return symbols, indexes


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("order", ORDERS)
def test_native_equals_reference(tables, order, size):
    random = np.random.default_rng(SIZES.index(size))
    for kernel in (3, 5):
        model = context_of(random, (order,), channels=7, feature_channels=6, kernel=kernel, means=kernel == 5)
        symbols, indexes = assert_equals_reference(tables, model, *context_inputs(random, model, *size))
    if size == SIZES[-1]:
        assert len(np.unique(indexes)) > 30
        assert 0.1 < np.mean(symbols != 0) < 0.99


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_groups_that_see_one_another(tables, size, dtype):
    """Odd numbers of features, sources, three rate points with biases of their own, and layers wider than a block."""
    random = np.random.default_rng(7)
    options = {"feature_channels": 4, "rate_points": 3, "bias_sets": True, "dtype": dtype, "hidden": (45, 33)}
    model = context_of(random, ("checkerboard", "wavefront", "whole", "checkerboard"), channels=5, **options)
    features, latent = context_inputs(random, model, *size)
    seen = [assert_equals_reference(tables, model, features, latent, point, (1 + point,)) for point in range(3)]
    assert size != SIZES[-1] or not np.array_equal(seen[0][0], seen[2][0])


@pytest.mark.parametrize("bits", [2, 16])
def test_narrow_and_wide_features(tables, bits):
    random = np.random.default_rng(bits)
    model = context_of(random, ORDERS, bits=bits, hidden=(), tables=2)
    features, latent = context_inputs(random, model, 6, 9)
    features[:, 0] = 2**31 - 1
    features[:, 1] = -(2**31)  # saturated by both
    assert_equals_reference(tables, model, features, latent, threads=(2,))


def test_a_latent_of_more_positions_than_one_slice(tables):
    random = np.random.default_rng(2)
    for order in ORDERS:
        model = context_of(random, (order, "whole"), channels=2, feature_channels=3)
        assert_equals_reference(tables, model, *context_inputs(random, model, 41, 29), threads=(2,))


def test_latents_far_away_are_limited(tables):
    random = np.random.default_rng(3)
    model = context_of(random, ("wavefront",), rate_points=2)
    features, latent = context_inputs(random, model, 4, 4)
    latent[0, 0] = np.float32([1e37, -1e37, 65536.5, -3e4])
    symbols, _ = assert_equals_reference(tables, model, features, latent, 1, threads=(1,))
    assert {symbols.min(), symbols.max()} == {-(2**15), 2**15}


@pytest.fixture(scope="module")
def coded(tables):
    """A model, what goes into its decoder, and what comes out."""
    random = np.random.default_rng(11)
    model = context_of(random, ("checkerboard", "wavefront"), channels=3)
    features, latent = context_inputs(random, model, 6, 7)
    native = _native.ContextModel(to_blob(model))
    symbols, indexes, y_hat = native.encode(features, latent, 1)
    return native, features, payload(tables, symbols, indexes, 2), y_hat


def decode(coded, tables, data, lanes=2):
    native, features, *_ = coded
    return native.decode(features, tables, np.frombuffer(data, np.uint8), lanes, 2)


def test_flipped_bits(tables, coded):
    """Each is refused, or gives another latent, which a checksum finds."""
    data, checksum, refused = bytearray(coded[2]), zlib.crc32(coded[3]), 0
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        try:
            assert zlib.crc32(decode(coded, tables, data)) != checksum, bit
        except FormatError:
            refused += 1
        data[bit // 8] ^= 1 << bit % 8
    assert refused > 4 * len(data)


def test_payloads_of_another_length(tables, coded):
    data = bytes(coded[2])
    for size in range(len(data)):
        with pytest.raises(FormatError):
            decode(coded, tables, data[:size])
    for tail in (b"\0", bytes(4), bytes(8)):
        with pytest.raises(FormatError):
            decode(coded, tables, data + tail)


def test_symbols_beyond_the_limit(tables):
    """The coder could carry them; latents could not."""
    model = context_of(np.random.default_rng(5), ("whole",), channels=1)
    native = _native.ContextModel(to_blob(model))
    features = np.zeros((model.feature_channels, 1, 1), np.int32)
    _, indexes, _ = native.encode(features, np.zeros((1, 1, 1), np.float32), 1)
    for symbol in (2**15, -(2**15)):
        data = payload(tables, np.int32([symbol]), indexes, 1)
        assert native.decode(features, tables, data, 1, 1).shape == (1, 1, 1)
        data = payload(tables, np.int32([symbol + np.sign(symbol)]), indexes, 1)
        with pytest.raises(FormatError):
            native.decode(features, tables, data, 1, 1)


def test_many_threads_share_a_model(tables, coded):
    native, features, data, y_hat = coded

    def work(number):
        return np.array_equal(native.decode(features, tables, data, 2, 1 + number % 3), y_hat)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(64)))


def test_description():
    model = context_of(np.random.default_rng(0), ("wavefront", "whole"), rate_points=3, tables=9)
    native = _native.ContextModel(to_blob(model), "scalar")
    assert (native.latent_channels, native.feature_channels) == (12, 5)
    assert (native.table_count, native.rate_points, native.cpu) == (9, 3, "scalar")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": np.zeros((4, 6, 7), np.int32)}, "features have the wrong number"),
        ({"latent": np.zeros((6, 6, 6), np.float32)}, "latent has the wrong shape"),
        ({"latent": np.full((6, 6, 7), np.nan, np.float32)}, "finite"),
        ({"latent": np.full((6, 6, 7), -np.inf, np.float32)}, "finite"),
        ({"threads": 0}, "argument"),
        ({"point": 1}, "no such rate point"),
        ({"features": np.zeros((5, 0, 7), np.int32), "latent": np.zeros((6, 0, 7), np.float32)}, "argument"),
    ],
)
def test_wrong_arguments(coded, change, message):
    arguments = {"features": coded[1], "latent": np.zeros((6, 6, 7), np.float32), "threads": 1, "point": 0, **change}
    with pytest.raises(ValueError, match=message):
        coded[0].encode(**arguments)


def test_fewer_tables_than_the_model_has(coded):
    few = _native.CdfTables(*(part[:63] for part in gaussian_tables(scale_table())))
    with pytest.raises(ValueError, match="index without a table"):
        decode(coded, few, bytes(coded[2]))


def test_the_blob_is_proved_again():
    """What to_blob refuses to write is refused in a blob as well, and says where."""
    blob = bytearray(to_blob(context_of(np.random.default_rng(1), ("whole",), channels=1, hidden=(), bits=10)))
    for word, value, message in [
        (0, 0x4C4E4554, "LCTX"),
        (1, 2, "version is 2"),
        (2, 0, "latent_channels is 0"),
        (3, 4097, "feature_channels is 4097"),
        (4, 17, "bits is 17"),
        (33, 2**31 - 1, "group 0: layer 0: channel 0 can overflow"),
        (5, 9, "mean_fraction is 9"),
        (6, 1, "table_count is 1"),
        (6, 63, "group 0: threshold_count"),
        (7, 0, "rate_points is 0"),
        (8, 2, "has_rates is 2"),
        (9, 65, "group_count is 65"),
        (10, 16, "latent_shift is 16"),
        (11, 2, "group 0: channels is 2"),
        (12, 3, "group 0: order is 3"),
        (12, 1, "group 0: spatial layer: has_spatial is 0"),
        (13, 1, "group 0: source_count is 1"),
        (14, 4, "group 0: channel features need"),
    ]:
        damaged = bytearray(blob)
        damaged[4 * word : 4 * word + 4] = value.to_bytes(4, "little")
        with pytest.raises(ModelError, match=message):
            _native.ContextModel(bytes(damaged))
    for size in range(0, len(blob), 5):
        with pytest.raises(ModelError):
            _native.ContextModel(bytes(blob[:size]))
    with pytest.raises(ModelError, match="left over"):
        _native.ContextModel(bytes(blob) + bytes(4))
