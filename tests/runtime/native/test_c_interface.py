"""licrt.h itself, called through ctypes: what Python's own module cannot do wrong."""

from __future__ import annotations

import ctypes
import re
import resource
import shutil
import subprocess
from contextlib import contextmanager
from ctypes import byref, c_char_p, c_size_t, c_uint, c_uint32, c_void_p, create_string_buffer

import numpy as np
import pytest
from references.networks import context_of, smallest

import licrt.runtime
from licrt.runtime import linking
from licrt.runtime.context import to_blob as to_context_blob
from licrt.runtime.integer import to_blob

OK, INVALID_ARGUMENT, INVALID_TABLE, CORRUPT, INVALID_NETWORK = range(5)
SYMBOL_RANGE, TOO_SMALL, OUT_OF_MEMORY, UNSUPPORTED_CPU = range(5, 9)


@pytest.fixture(scope="module")
def core():
    library = ctypes.CDLL(linking.shared_library())
    for function in (library.licrt_status_message, library.licrt_version, library.licrt_kernels):
        function.restype = c_char_p
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


def test_version_is_that_of_header_and_package(core):
    header = (linking.include_dir() / "licrt.h").read_text()
    numbers = re.findall(r"#define LICRT_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)\n", header)
    assert core.licrt_version().decode() == ".".join(numbers)
    assert licrt.runtime.__version__.startswith(".".join(numbers))


@pytest.mark.skipif(shutil.which("nm") is None, reason="nm is missing; install binutils")
def test_the_library_shows_the_functions_of_the_header_and_nothing_else():
    header = (linking.include_dir() / "licrt.h").read_text()
    declared = re.findall(r"^LICRT_API [^(]*?(\w+)\(", header, re.M)
    listed = subprocess.run(
        ["nm", "-D", "--defined-only", linking.shared_library()], capture_output=True, text=True, check=True
    )
    assert sorted(declared) == sorted(line.split()[2] for line in listed.stdout.splitlines())


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

    def decode_symbols(tables=tables, outputs=3):
        payload, sides = (address(data), c_size_t(16), 1), (c_size_t(2), c_size_t(3))
        out = [address(array) for array in (symbols, indexes, y_hat)][:outputs] + [None] * (3 - outputs)
        return core.licrt_context_decode_symbols(handle, address(features), tables, *payload, *sides, 1, 0, *out)

    assert decode_symbols() == decode_symbols(tables=None) == INVALID_ARGUMENT
    assert decode_symbols(outputs=2) == decode_symbols(outputs=0) == INVALID_ARGUMENT
    core.licrt_context_destroy(handle)
    core.licrt_context_destroy(None)


# What is in the out-parameters before a call that fails, and after it.
UNTOUCHED = 0x5A5A5A5A5A5A5A5A


def test_tables_leave_their_handle_alone_after_a_failure(core):
    cdf, lengths, offsets, handle = np.int32([0, 9, 9]), np.int32([3]), np.int32([0]), c_void_p(UNTOUCHED)
    arrays = address(cdf), c_size_t(1), c_size_t(3), address(lengths), address(offsets)
    assert core.licrt_tables_create(*arrays, byref(handle)) == INVALID_TABLE
    assert core.licrt_tables_create(None, *arrays[1:], byref(handle)) == INVALID_ARGUMENT
    assert handle.value == UNTOUCHED


def test_what_is_behind_a_row_is_not_read(core):
    rows = np.int32([[0, 1, 65536, -7, 2**31 - 1], [0, 4, 8, 12, 65536]])
    lengths, offsets, handle = np.int32([3, 5]), np.int32([0, 0]), c_void_p()
    arrays = address(rows), c_size_t(2), c_size_t(5), address(lengths), address(offsets)
    assert core.licrt_tables_create(*arrays, byref(handle)) == OK
    core.licrt_tables_destroy(handle)


def test_coding_leaves_the_size_alone_after_a_failure(core, tables):
    data, size, indexes = np.zeros(256, np.uint8), c_size_t(UNTOUCHED), np.zeros(3, np.int32)
    rest = c_size_t(3), 1, address(data), c_size_t(256), byref(size)
    assert core.licrt_encode(tables, address(np.int32([0, 0, 2**28])), address(indexes), *rest) == SYMBOL_RANGE
    for wrong in (1, -1):
        indexes[1] = wrong
        assert core.licrt_encode(tables, address(indexes), address(indexes), *rest) == INVALID_ARGUMENT
    assert size.value == UNTOUCHED


def test_an_index_without_a_table_is_an_argument_not_damage(core, tables):
    data, size, zeros, decoded = np.zeros(256, np.uint8), c_size_t(), np.zeros(3, np.int32), np.zeros(3, np.int32)
    payload = address(zeros), address(zeros), c_size_t(3), 1, address(data), c_size_t(256), byref(size)
    assert core.licrt_encode(tables, *payload) == OK
    for wrong in (1, -1, 2**31 - 1):
        indexes = np.int32([0, wrong, 0])
        inputs = address(indexes), c_size_t(3), 1, address(data), size
        assert core.licrt_decode(tables, *inputs, address(decoded)) == INVALID_ARGUMENT


@pytest.mark.parametrize("kind", ["network", "context"])
def test_blobs_leave_handle_and_info_alone_after_a_failure(core, kind):
    model = context_of(np.random.default_rng(1), ("whole",), channels=1, feature_channels=1, tables=2)
    blob = to_blob(smallest()) if kind == "network" else to_context_blob(model)
    create = getattr(core, f"licrt_{kind}_create")
    handle, reason, info = c_void_p(UNTOUCHED), create_string_buffer(b"\xff" * 50, 50), (c_uint32 * 10)(*[7] * 10)

    def make(blob=blob, cpu=None):
        return create(blob, c_size_t(len(blob or b"")), cpu, byref(handle), reason, c_size_t(50))

    assert make(blob[:-1]) == INVALID_NETWORK
    assert reason.value.endswith(b"the blob is cut short")
    assert make(cpu=b"sse9") == UNSUPPORTED_CPU
    assert reason.value.startswith(b"'sse9' is not available here. Set LICRT_CPU")
    assert make(blob=None) == INVALID_ARGUMENT
    assert reason.value == b""
    assert handle.value == UNTOUCHED
    reason.value = b"?"
    assert make(cpu=b"") == OK  # as if there were none
    assert reason.value == b""
    assert getattr(core, f"licrt_{kind}_describe")(None, info) == INVALID_ARGUMENT
    assert list(info) == [7] * 10
    getattr(core, f"licrt_{kind}_destroy")(handle)


def test_blobs_and_payloads_need_no_alignment(core, tables):
    blob, handle = to_blob(smallest()), c_void_p()
    data, size, zeros, decoded = np.zeros(257, np.uint8), c_size_t(), np.zeros(3, np.int32), np.ones(3, np.int32)
    for odd in (1, 2, 3):
        buffer = np.frombuffer(bytes(odd) + blob, np.uint8)
        arguments = address(buffer[odd:]), c_size_t(len(blob)), None, byref(handle), None, c_size_t(0)
        assert core.licrt_network_create(*arguments) == OK
        core.licrt_network_destroy(handle)
        payload = address(data[odd:]), c_size_t(250), byref(size)
        assert core.licrt_encode(tables, address(zeros), address(zeros), c_size_t(3), 2, *payload) == OK
        inputs = address(zeros), c_size_t(3), 2, address(data[odd:]), size
        assert core.licrt_decode(tables, *inputs, address(decoded)) == OK
        assert not decoded.any()


def test_a_network_says_its_size_or_nothing(core):
    blob, handle = to_blob(smallest()), c_void_p()
    assert core.licrt_network_create(blob, c_size_t(len(blob)), None, byref(handle), None, c_size_t(0)) == OK
    height, width = c_size_t(UNTOUCHED), c_size_t(UNTOUCHED)
    for sides in ((0, 2), (2, 0), (2**20 + 1, 2), (2**63, 2)):
        wanted = [c_size_t(side) for side in sides]
        assert core.licrt_network_output_size(handle, *wanted, byref(height), byref(width)) == INVALID_ARGUMENT
    assert (height.value, width.value) == (UNTOUCHED, UNTOUCHED)
    symbols, indexes = np.zeros(4, np.int32), np.full(4, 9, np.int32)
    sizes = [c_size_t(2)] * 4
    run = core.licrt_network_run(handle, address(symbols), *sizes, 4_000_000_000, 0, address(indexes), None)
    assert run == OK  # far more threads than there can be
    assert indexes.tolist() == [1, 1, 1, 1]
    core.licrt_network_destroy(handle)


def test_kernels_end_with_null(core):
    names = []
    while name := core.licrt_kernels(c_size_t(len(names))):
        names.append(name.decode())
    assert names[0] == "scalar"
    assert core.licrt_kernels(c_size_t(2**63)) is None


@contextmanager
def little_memory():
    """No more than 4 TiB of addresses: enough for what runs, too little for what the largest sides take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 42, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_too_little_memory_is_a_status(core, tables):
    """The arrays are far smaller than the sides say: memory is taken before they are looked at."""
    blob, network, context, side = to_blob(smallest()), c_void_p(), c_void_p(), c_size_t(2**20)
    assert core.licrt_network_create(blob, c_size_t(len(blob)), None, byref(network), None, c_size_t(0)) == OK
    model = context_of(np.random.default_rng(1), ("whole",), channels=1, feature_channels=1, tables=2)
    blob = to_context_blob(model)
    assert core.licrt_context_create(blob, c_size_t(len(blob)), None, byref(context), None, c_size_t(0)) == OK
    some, out = np.zeros(4, np.int32), np.zeros(4, np.int32)
    state, handle = np.frombuffer((1 << 31).to_bytes(8, "little"), np.uint8), c_void_p()
    rows, lengths, offsets = np.int32([[0, 9, 65536]] * 2), np.int32([3, 3]), np.int32([0, 0])
    arrays = address(rows), c_size_t(2), c_size_t(3), address(lengths), address(offsets)
    assert core.licrt_tables_create(*arrays, byref(handle)) == OK
    with little_memory():
        one = c_size_t(1)
        run = core.licrt_network_run(network, address(some), side, side, one, one, 1, 0, address(out), None)
        payload = address(state), c_size_t(8), 1
        decode = core.licrt_context_decode(context, address(some), handle, *payload, side, side, 1, 0, address(out))
    assert run == decode == OUT_OF_MEMORY
    small = [c_size_t(2)] * 4
    assert core.licrt_network_run(network, address(some), *small, 1, 0, address(out), None) == OK
    core.licrt_tables_destroy(handle)
    core.licrt_context_destroy(context)
    core.licrt_network_destroy(network)
