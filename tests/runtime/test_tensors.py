import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from licrt.runtime.errors import ModelError
from licrt.runtime.tensors import read_safetensors

ARRAYS = {
    "a.weight": np.arange(-6, 6, dtype=np.int8).reshape(2, 2, 3, 1),
    "b": np.array([2**31 - 1, -(2**31)], np.int32),
    "c": np.array([[2**62]], np.int64),
    "d": np.array([], np.int16),
    "e": np.float32([1.5]),
    "f": np.uint8([255]),
}


def test_reads_what_the_safetensors_package_writes() -> None:
    tensors = read_safetensors(save(ARRAYS))
    assert set(tensors) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert tensors[name].dtype == array.dtype
        assert np.array_equal(tensors[name], array)


def test_every_truncation_is_refused() -> None:
    data = save(ARRAYS)
    for size in range(len(data)):
        with pytest.raises(ModelError):
            read_safetensors(data[:size])


@given(st.binary(max_size=200))
def test_any_bytes_give_tensors_or_a_model_error(data: bytes) -> None:
    try:
        read_safetensors(data)
    except ModelError as error:
        assert "damaged" in str(error)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]},
        {"dtype": "I8", "shape": [-1], "data_offsets": [0, 1]},
        {"dtype": "I8", "shape": [2], "data_offsets": [0, 1]},
        {"dtype": "I8", "shape": [1 << 50], "data_offsets": [0, 1 << 50]},
        {"dtype": "I8", "shape": [1 << 39, 1 << 39], "data_offsets": [0, 8]},
        {"dtype": "I64", "shape": [0, 1 << 39, 1 << 39], "data_offsets": [0, 0]},
        {"dtype": "I8", "shape": [1], "data_offsets": [8, 9]},
        {"dtype": "I8", "shape": [7], "data_offsets": [1, 8]},
        {"dtype": "I8", "shape": [7], "data_offsets": [0, 7]},
        {"dtype": "I8", "shape": [True], "data_offsets": [0, 1]},
        {"dtype": "I8", "shape": [1], "data_offsets": [1, 0]},
        {"dtype": "I8", "shape": [1.0], "data_offsets": [0, 1]},
        {"dtype": "I8", "shape": [1, 1, 1, 1, 1], "data_offsets": [0, 1]},
        {"dtype": ["I8"], "shape": [1], "data_offsets": [0, 1]},
        {"shape": [1]},
        7,
    ],
)
def test_impossible_entries_are_refused(entry: object) -> None:
    header = json.dumps({"x": entry}).encode()
    with pytest.raises(ModelError):
        read_safetensors(len(header).to_bytes(8, "little") + header + bytes(8))


def test_tensors_share_no_bytes_and_leave_none_out() -> None:
    """Else a small file could ask for the same bytes to be hashed a thousand times."""
    for first, second, whole in (((0, 4), (4, 8), True), ((0, 8), (0, 8), False), ((0, 3), (4, 8), False)):
        entries = {
            name: {"dtype": "I8", "shape": [end - begin], "data_offsets": [begin, end]}
            for name, (begin, end) in (("a", first), ("b", second))
        }
        header = json.dumps(entries).encode()
        data = len(header).to_bytes(8, "little") + header + bytes(8)
        if whole:
            assert set(read_safetensors(data)) == {"a", "b"}
        else:
            with pytest.raises(ModelError, match="does not begin where"):
                read_safetensors(data)


def test_names_are_ascii() -> None:
    header = json.dumps({"\ud800": {"dtype": "I8", "shape": [1], "data_offsets": [0, 1]}}).encode()
    with pytest.raises(ModelError, match="not ASCII"):
        read_safetensors(len(header).to_bytes(8, "little") + header + bytes(1))


def test_deep_json_is_refused() -> None:
    header = b'{"x":' + b"[" * 100_000
    with pytest.raises(ModelError):
        read_safetensors(len(header).to_bytes(8, "little") + header)
