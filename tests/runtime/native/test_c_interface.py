"""licrt.h itself, called through ctypes: what Python's own module cannot do wrong."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_char_p, c_size_t, c_uint, c_void_p, create_string_buffer

import numpy as np
import pytest
from references.networks import context_of, smallest

from licrt.runtime import _native
from licrt.runtime.context import to_blob as to_context_blob
from licrt.runtime.integer import to_blob

OK, INVALID_ARGUMENT, INVALID_TABLE, CORRUPT, INVALID_NETWORK, SYMBOL_RANGE, TOO_SMALL, _, UNSUPPORTED_CPU = range(9)


@pytest.fixture(scope="module")
def core():
    library = ctypes.CDLL(_native.__file__)
    library.licrt_status_message.restype = c_char_p
    library.licrt_encode_bound.restype = c_size_t
    library.licrt_encode_bound.argtypes = [c_size_t, c_uint]
    return library


def address(array):
    return None if array is None else c_void_p(array.ctypes.data)


@pytest.fixture
def tables(core):
    cdf, lengths, offsets = np.int32([0, 30000, 65536]), np.int32([3]), np.int32([0])
    handle = c_void_p()
    create = core.licrt_tables_create
    arrays = address(cdf), c_size_t(1), c_size_t(3), address(lengths), address(offsets)
    assert create(*arrays, byref(handle)) == OK
    assert create(*arrays, None) == INVALID_ARGUMENT
    for missing in (0, 3, 4):
        assert create(*arrays[:missing], None, *arrays[missing + 1 :], byref(c_void_p())) == INVALID_ARGUMENT
    assert create(arrays[0], c_size_t(0), *arrays[2:], byref(c_void_p())) == INVALID_TABLE
    yield handle
    core.licrt_tables_destroy(handle)


def test_messages(core):
    messages = [core.licrt_status_message(status) for status in range(9)]
    assert len(set(messages)) == 9
    assert core.licrt_status_message(99) == b"unknown status"


def test_encode_and_decode_check_their_arguments(core, tables):
    symbols, indexes, data, size = np.int32([0, 5, -9]), np.zeros(3, np.int32), np.zeros(256, np.uint8), c_size_t(77)

    def encode(handle=tables, symbols=symbols, lanes=1, data=data, capacity=256):
        inputs = address(symbols), address(indexes), c_size_t(3)
        return core.licrt_encode(handle, *inputs, lanes, address(data), c_size_t(capacity), byref(size))

    assert encode(handle=None) == encode(symbols=None) == encode(data=None) == INVALID_ARGUMENT
    assert encode(lanes=0) == encode(lanes=3) == encode(lanes=8) == INVALID_ARGUMENT
    bound = core.licrt_encode_bound(3, 1)
    assert encode(capacity=bound - 1) == TOO_SMALL
    assert size.value == 77
    assert encode(capacity=bound) == OK

    decoded = np.zeros(3, np.int32)

    def decode(handle=tables, indexes=indexes, lanes=1, data=data, length=size.value):
        inputs = address(indexes), c_size_t(3), lanes, address(data), c_size_t(length)
        return core.licrt_decode(handle, *inputs, address(decoded))

    assert decode() == OK
    assert decoded.tolist() == [0, 5, -9]
    assert decode(handle=None) == decode(indexes=None) == decode(data=None) == decode(lanes=5) == INVALID_ARGUMENT
    assert decode(length=0) == decode(length=7) == decode(data=None, length=0) == decode(lanes=4) == CORRUPT
    assert encode(symbols=np.int32([0, 0, 2**28])) == SYMBOL_RANGE


def test_nothing_to_code_needs_no_arrays(core, tables):
    data, size = np.zeros(32, np.uint8), c_size_t()
    assert core.licrt_encode(tables, None, None, c_size_t(0), 4, address(data), c_size_t(32), byref(size)) == OK
    assert core.licrt_decode(tables, None, c_size_t(0), 4, address(data), size, None) == OK


def test_the_bound_does_not_wrap_around(core):
    assert core.licrt_encode_bound(2**61, 4) == 2**64 - 1
    assert core.licrt_encode_bound(10, 4) == 112


def test_network_reasons_are_cut_to_their_buffer(core):
    blob, handle, create = to_blob(smallest()), c_void_p(), core.licrt_network_create
    whole = b"the blob is cut short\0"
    for size in (0, 1, 5, len(whole)):
        reason = create_string_buffer(b"\xff" * 50, 50)
        status = create(blob[:-4], c_size_t(len(blob) - 4), None, byref(handle), reason, c_size_t(size))
        assert status == INVALID_NETWORK
        assert reason.raw == (whole[: size - 1] + b"\0" if size else b"").ljust(50, b"\xff")
    size = c_size_t(len(blob))
    assert create(blob, size, b"sse9", byref(handle), None, c_size_t(0)) == UNSUPPORTED_CPU
    assert create(None, c_size_t(0), None, byref(handle), None, c_size_t(0)) == INVALID_ARGUMENT
    assert create(blob, size, None, None, None, c_size_t(0)) == INVALID_ARGUMENT


def test_network_checks_its_arguments(core):
    blob, handle = to_blob(smallest()), c_void_p()
    assert core.licrt_network_create(blob, c_size_t(len(blob)), None, byref(handle), None, c_size_t(0)) == OK
    symbols, indexes = np.zeros(4, np.int32), np.full(4, 9, np.int32)

    def run(symbols=symbols, crop=2, threads=1, point=0, indexes=indexes):
        sizes = [c_size_t(side) for side in (2, 2, crop, 2)]
        return core.licrt_network_run(handle, address(symbols), *sizes, threads, point, address(indexes), None)

    assert run(symbols=None) == run(crop=0) == run(crop=3) == run(threads=0) == run(indexes=None) == INVALID_ARGUMENT
    assert run(point=1) == INVALID_ARGUMENT
    assert run() == OK
    assert indexes.tolist() == [1, 1, 1, 1]
    assert core.licrt_network_describe(handle, None) == INVALID_ARGUMENT
    assert core.licrt_network_output_size(handle, c_size_t(2), c_size_t(2), None, None) == INVALID_ARGUMENT
    core.licrt_network_destroy(handle)
    core.licrt_network_destroy(None)
    core.licrt_tables_destroy(None)


def test_context_models_check_their_arguments(core, tables):
    model = context_of(np.random.default_rng(1), ("whole",), channels=1, feature_channels=1, tables=2)
    blob, handle = to_context_blob(model), c_void_p()
    size, nothing = c_size_t(len(blob)), (None, c_size_t(0))
    assert core.licrt_context_create(blob, size, b"sse9", byref(handle), *nothing) == UNSUPPORTED_CPU
    assert core.licrt_context_create(None, size, None, byref(handle), *nothing) == INVALID_ARGUMENT
    assert core.licrt_context_create(blob, size, None, None, *nothing) == INVALID_ARGUMENT
    reason = create_string_buffer(50)
    assert core.licrt_context_create(blob, c_size_t(8), None, byref(handle), reason, c_size_t(50)) == INVALID_NETWORK
    assert reason.value == b"the blob is cut short"
    assert core.licrt_context_create(blob, size, None, byref(handle), *nothing) == OK
    assert core.licrt_context_describe(handle, None) == INVALID_ARGUMENT
    features, latent = np.zeros(6, np.int32), np.zeros(6, np.float32)
    symbols, indexes, y_hat = (np.zeros(6, np.int32) for _ in range(3))

    def encode(context=handle, features=features, latent=latent, sides=(2, 3), threads=1, point=0, outputs=3):
        out = [address(array) for array in (symbols, indexes, y_hat)][:outputs] + [None] * (3 - outputs)
        sizes = [c_size_t(side) for side in sides]
        return core.licrt_context_encode(context, address(features), address(latent), *sizes, threads, point, *out)

    assert encode(context=None) == encode(features=None) == encode(latent=None) == INVALID_ARGUMENT
    assert encode(sides=(0, 3)) == encode(sides=(2, 2**20 + 1)) == encode(threads=0) == INVALID_ARGUMENT
    assert encode(point=1) == encode(outputs=2) == encode(outputs=0) == INVALID_ARGUMENT
    assert encode(latent=np.full(6, np.inf, np.float32)) == INVALID_ARGUMENT
    assert encode() == OK

    data = np.zeros(16, np.uint8)

    def decode(tables=tables, data=data, lanes=1, out=y_hat):
        payload = address(data), c_size_t(16), lanes
        return core.licrt_context_decode(
            handle, address(features), tables, *payload, c_size_t(2), c_size_t(3), 1, 0, address(out)
        )

    assert decode() == INVALID_ARGUMENT  # one table, where the model has two
    assert decode(tables=None) == decode(data=None) == decode(lanes=3) == decode(out=None) == INVALID_ARGUMENT
    core.licrt_context_destroy(handle)
    core.licrt_context_destroy(None)
