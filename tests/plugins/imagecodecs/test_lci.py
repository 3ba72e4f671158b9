"""Arrays in and out, in the shape of imagecodecs; conventions are compared with those of the library itself."""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from references.bundles import SINGLE_RATE
from references.tiny_photo import photo

from licrt.imagecodecs import LCI, LciError, lci_check, lci_decode, lci_encode, lci_version
from licrt.runtime import Codec, __version__
from licrt.runtime.backends import default_threads
from licrt.runtime.container import ALPHA, read_info, read_stream
from licrt.runtime.errors import FormatError, ModelError, PictureError

PICTURE = photo(30, 41)


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec.load("default", threads=1)


@pytest.fixture(scope="module")
def stream(codec) -> bytes:
    return codec.encode(PICTURE)


def rgba() -> np.ndarray:
    return np.dstack((PICTURE, photo(30, 41, 1)[..., :1]))


def test_arrays_come_back(codec, stream) -> None:
    assert lci_encode(PICTURE) == stream
    decoded = lci_decode(stream)
    assert np.array_equal(decoded, codec.decode(stream))
    assert decoded.dtype == np.uint8
    assert decoded.flags.c_contiguous
    turned = lci_encode(PICTURE.transpose(1, 0, 2)[::-1])  # any strides
    assert turned == codec.encode(np.ascontiguousarray(PICTURE.transpose(1, 0, 2)[::-1]))
    assert lci_encode(np.asarray(PICTURE, order="F")) == stream


@pytest.mark.parametrize("samples", [None, 1, 2, 3, 4])
def test_samples(codec, samples: int | None) -> None:
    full = rgba()
    picture = full[..., 0] if samples is None else full[..., -samples:] if samples in (2, 4) else full[..., :samples]
    colours = picture if samples in (3, 4) else np.repeat(full[..., 0 if samples in (None, 1) else 2, None], 3, 2)
    data = lci_encode(picture)
    decoded = lci_decode(data)
    assert np.array_equal(decoded[..., :3], codec.decode(codec.encode(np.ascontiguousarray(colours[..., :3]))))
    if samples in (2, 4):
        assert np.array_equal(decoded[..., 3], full[..., 3])
    assert decoded.shape[2] == (4 if samples in (2, 4) else 3)
    assert (read_stream(data).body(ALPHA) is not None) == (samples in (2, 4))


@pytest.mark.parametrize(
    "wrong",
    [
        PICTURE.astype(np.uint16),
        PICTURE.astype(float),
        PICTURE[0, 0],
        PICTURE[None],
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((4, 4, 0), np.uint8),
        np.zeros((0, 4, 4), np.uint8),
        np.zeros((4, 0), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(wrong) -> None:
    with pytest.raises(LciError, match="expected a uint8 array"):
        lci_encode(wrong)


def test_options(stream) -> None:
    assert lci_encode(PICTURE, None, model="default", numthreads=0) == lci_encode(PICTURE, numthreads=default_threads())
    assert lci_encode(PICTURE, model="licrt2026-mse", numthreads=-1)
    with pytest.raises(ModelError, match="single rate"):
        lci_encode(PICTURE, 50, model=str(SINGLE_RATE))
    with pytest.raises(ModelError, match="not found"):
        lci_encode(PICTURE, model="none of that name")
    assert np.array_equal(lci_decode(stream, 0, numthreads=2), lci_decode(stream))
    for index in (1, -1):
        with pytest.raises(IndexError):
            lci_decode(stream, index)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: np.frombuffer(data, np.uint8)])
def test_streams_may_be_in_any_buffer(stream, kind) -> None:
    data = kind(stream)
    assert lci_check(data)
    assert np.array_equal(lci_decode(data), lci_decode(stream))
    assert not lci_check(kind(stream[1:]))
    assert not lci_check(kind(stream[:7]))


def test_encoders_write_to_what_they_are_given(stream) -> None:
    size = len(stream)
    assert lci_encode(PICTURE, out=bytes) == stream
    assert lci_encode(PICTURE, out=bytearray) == bytearray(stream)
    assert lci_encode(PICTURE, out=size) == lci_encode(PICTURE, out=np.int64(size + 9)) == stream
    for room in (size, size + 100):
        for buffer in (bytearray(room), np.zeros(room, np.uint8), memoryview(bytearray(room))):
            result = lci_encode(PICTURE, out=buffer)
            assert bytes(result) == stream
            assert bytes(buffer[:size]) == stream
            assert not any(buffer[size:])
    for small in (size - 1, bytearray(size - 1), np.zeros(size - 1, np.uint8), bytes(size + 1)):
        with pytest.raises(LciError, match=f"{size} "):
            lci_encode(PICTURE, out=small)


@pytest.mark.parametrize("source", [PICTURE, rgba()], ids=["RGB", "RGBA"])
def test_decoders_write_to_what_they_are_given(source) -> None:
    data = lci_encode(source)
    expected = lci_decode(data)
    assert np.array_equal(lci_decode(data, out=7), expected)
    array = np.zeros(expected.shape, np.uint8)
    assert lci_decode(data, out=array) is array
    canvas = np.zeros((90, 100, expected.shape[2]), np.uint8)
    part = canvas[60:, 50:91]
    assert lci_decode(data, out=part) is part
    planes = np.zeros((expected.shape[2], 30, 41), np.uint8).transpose(1, 2, 0)
    lci_decode(data, out=planes)
    for result in (array, part, planes):
        assert np.array_equal(result, expected)
    assert not canvas[:60].any()
    assert not canvas[:, :50].any()
    for room in (expected.size, expected.size + 9):
        buffer = bytearray(room)
        result = lci_decode(data, out=memoryview(buffer))
        assert result.shape == expected.shape
        assert buffer == expected.tobytes() + bytes(room - expected.size)
    locked = array.copy()
    locked.flags.writeable = False
    for wrong in (locked, array[1:], array[..., 0], array.astype(np.uint16), bytearray(3), bytes(array.size)):
        with pytest.raises(PictureError, match=r"^out "):
            lci_decode(data, out=wrong)


def test_damage_is_an_error_of_ours(stream) -> None:
    for size in range(0, len(stream), 5):
        for out in (None, np.zeros(PICTURE.shape, np.uint8)):
            with pytest.raises(FormatError):
                lci_decode(stream[:size], out=out)
    assert issubclass(FormatError, LciError)


def test_the_version_is_that_of_the_runtime() -> None:
    assert lci_version() == f"licrt {__version__}"
    assert LCI.available is True
    assert read_info(lci_encode(PICTURE)).version == (0, 1)


def test_many_threads() -> None:
    pictures = [photo(20 + number, 50 - number, number) for number in range(8)]
    expected = [lci_encode(picture) for picture in pictures]
    decoded = [lci_decode(data) for data in expected]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lci_encode, pictures * 8)) == expected * 8
        for result, reference in zip(pool.map(lci_decode, expected * 8), decoded * 8, strict=True):
            assert np.array_equal(result, reference)


def test_conventions_are_those_of_imagecodecs() -> None:
    """The same calls of its WebP codec and of ours give results of the same types, or errors."""
    library = pytest.importorskip("imagecodecs")
    webp, ours = library.webp_encode(PICTURE), lci_encode(PICTURE)
    shape = PICTURE.shape

    def outcome(call, size: int) -> object:
        try:
            result = call()
        except Exception:
            return Exception
        return type(result), memoryview(result).nbytes == size

    for make in (
        lambda size: None,
        lambda size: bytes,
        lambda size: bytearray,
        lambda size: size + 50,
        lambda size: bytearray(size),
        lambda size: bytearray(size + 50),
        lambda size: memoryview(bytearray(size + 50)),
        lambda size: np.zeros(size + 50, np.uint8),
        lambda size: bytes(size + 50),
        lambda size: bytearray(1),
    ):
        theirs = outcome(lambda make=make: library.webp_encode(PICTURE, out=make(len(webp))), len(webp))
        assert outcome(lambda make=make: lci_encode(PICTURE, out=make(len(ours))), len(ours)) == theirs
    for make in (
        lambda: None,
        lambda: np.zeros(shape, np.uint8),
        lambda: np.zeros((*shape[:2], 4), np.uint8),
        lambda: np.zeros(shape, np.uint16),
        lambda: np.zeros((60, 82, 3), np.uint8)[:30, :41],
        lambda: bytearray(PICTURE.size),
        lambda: memoryview(bytearray(PICTURE.size)),
        lambda: bytearray(3),
    ):
        theirs = outcome(lambda make=make: library.webp_decode(webp, out=make()), PICTURE.size)
        assert outcome(lambda make=make: lci_decode(ours, out=make()), PICTURE.size) == theirs
    for name in ("check", "encode", "decode", "version"):
        assert callable(getattr(library, f"webp_{name}"))
    size = PICTURE.size
    assert outcome(lambda: lci_decode(ours, 0), size) == outcome(lambda: library.webp_decode(webp, 0), size)
    assert library.WEBP.available == LCI.available
    assert list(inspect.signature(lci_decode).parameters) == ["data", "index", "numthreads", "out"]
