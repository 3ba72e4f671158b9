"""Reading `.safetensors` files: a length, a JSON header, then raw little-endian arrays.

The runtime reads bundles from anywhere, so everything in the file is checked before it is believed. Writing is the
exporter's business and uses the `safetensors` package. Format: https://github.com/huggingface/safetensors (README).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from licrt.runtime import strict_json
from licrt.runtime.errors import ModelError
from licrt.runtime.expect import shown

Tensors = dict[str, npt.NDArray[np.generic]]

_MAX_HEADER_BYTES = 1 << 20
_DTYPES: dict[str, np.dtype[np.generic]] = {
    "I8": np.dtype("<i1"),
    "U8": np.dtype("<u1"),
    "I16": np.dtype("<i2"),
    "I32": np.dtype("<i4"),
    "I64": np.dtype("<i8"),
    "F32": np.dtype("<f4"),
}


def read_safetensors(data: bytes) -> Tensors:
    """Parse the bytes of a `.safetensors` file into read-only arrays that share its memory.

    Args:
        data: the whole file.

    Returns:
        Arrays by name, in the order of the file.

    Raises:
        ModelError: the bytes break a rule of the format, or hold a dtype that bundles do not use.

    >>> header = b'{"bias":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}}'
    >>> read_safetensors(len(header).to_bytes(8, "little") + header + bytes([1, 0, 0, 0, 2, 0, 0, 0]))["bias"].tolist()
    [1, 2]
    """
    header, body = _split(data)
    tensors: Tensors = {}
    place = 0
    for begin, end, name, dtype, shape in sorted(_entry(name, entry) for name, entry in header.items()):
        if end > len(body) or end - begin != math.prod(shape) * dtype.itemsize:
            raise _damaged(f"tensor {shown(name)} does not fit its bytes")
        if begin != place:
            raise _damaged(f"tensor {shown(name)} does not begin where the one before ends")
        place = end
        tensors[name] = np.frombuffer(body[begin:end], dtype=dtype).reshape(shape)
    if place != len(body):
        raise _damaged("bytes are left over after its tensors")
    return tensors


def tensor(tensors: Tensors, name: str, *dtypes: type[np.generic]) -> npt.NDArray[Any]:
    """Return the tensor of that name, if it is of one of these dtypes.

    Raises:
        ModelError: it is missing or of another kind.

    >>> tensor({"shift": np.zeros(2, np.uint8)}, "shift", np.uint8).shape
    (2,)
    """
    if name not in tensors:
        raise _damaged(f"it has no tensor {shown(name)}")
    if tensors[name].dtype not in dtypes:
        raise _damaged(f"tensor {shown(name)} is {tensors[name].dtype}")
    return tensors[name]


def _split(data: bytes) -> tuple[dict[str, Any], memoryview]:
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > min(_MAX_HEADER_BYTES, len(data) - 8):
        raise _damaged("its header is cut short")
    try:
        header = strict_json.parse(data[8 : 8 + size])
    except (ValueError, RecursionError) as error:
        raise _damaged("its header is not JSON") from error
    if not isinstance(header, dict):
        raise _damaged("its header is not a JSON object")
    header.pop("__metadata__", None)
    return header, memoryview(data)[8 + size :]


def _entry(name: str, entry: Any) -> tuple[int, int, str, np.dtype[np.generic], tuple[int, ...]]:
    try:
        dtype, shape = _DTYPES[entry["dtype"]], tuple(entry["shape"])
        begin, end = entry["data_offsets"]
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(f"tensor {shown(name)} is described wrongly") from error
    numbers = (*shape, begin, end)
    if len(shape) > 4 or any(type(n) is not int or not 0 <= n < 1 << 40 for n in numbers) or begin > end:
        raise _damaged(f"tensor {shown(name)} has an impossible shape or place")
    if math.prod(n or 1 for n in shape) >= 1 << 40:  # numpy refuses such a shape even where another side is 0
        raise _damaged(f"tensor {shown(name)} has an impossible shape or place")
    if not name.isascii():
        raise _damaged(f"tensor {shown(name)} has a name that is not ASCII")
    return begin, end, name, dtype, shape


def _damaged(why: str) -> ModelError:
    return ModelError(f"entropy.safetensors is damaged: {why}; export or install the model again")
