"""Decoding into an array of the caller's."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from references.tiny_photo import photo

from licrt.runtime import Codec, decode, tiling
from licrt.runtime.container import read_stream, write_stream
from licrt.runtime.errors import FormatError, MismatchError, ModelError, PictureError

HEIGHT, WIDTH = 50, 65
# Buffers, and the part of them that pixels go to.
VIEWS = {
    "plain": ((HEIGHT, WIDTH, 3), lambda buffer: buffer),
    "part of a canvas": ((3 * HEIGHT, 2 * WIDTH, 3), lambda buffer: buffer[HEIGHT : 2 * HEIGHT, WIDTH:]),
    "every third row, every second column": ((3 * HEIGHT, 2 * WIDTH, 3), lambda buffer: buffer[::3, ::2]),
    "colours of RGBA": ((HEIGHT, WIDTH, 4), lambda buffer: buffer[..., :3]),
    "BGR of BGRA": ((HEIGHT, WIDTH, 4), lambda buffer: buffer[..., 2::-1]),
    "upside down": ((HEIGHT, WIDTH, 3), lambda buffer: buffer[::-1]),
    "planes": ((3, HEIGHT, WIDTH), lambda buffer: buffer.transpose(1, 2, 0)),
    "rows with padding": ((HEIGHT, 3 * WIDTH + 5), lambda buffer: buffer[:, :-5].reshape(HEIGHT, WIDTH, 3)),
    "a picture of a batch": ((4, HEIGHT, WIDTH, 3), lambda buffer: buffer[2]),
}


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec.load("default", threads=1)


@pytest.fixture(scope="module")
def stream(codec) -> bytes:
    return codec.encode(photo(HEIGHT, WIDTH))


@pytest.mark.parametrize("kind", list(VIEWS))
def test_pixels_go_where_the_array_says_and_nowhere_else(codec, stream, kind: str, monkeypatch) -> None:
    shape, view = VIEWS[kind]
    expected = codec.decode(stream)
    buffer, reference = np.full(shape, 7, np.uint8), np.full(shape, 7, np.uint8)
    out = view(buffer)
    assert np.shares_memory(out, buffer)
    view(reference)[...] = expected
    assert codec.decode(stream, out=out) is out
    assert np.array_equal(buffer, reference)
    buffer.fill(7)
    assert codec.decode_image(stream, out=out).rgb is out
    assert np.array_equal(buffer, reference)
    buffer.fill(7)
    assert decode(stream, threads=1, out=out) is out
    assert np.array_equal(buffer, reference)
    monkeypatch.setattr(tiling, "MAX_UNTILED_PIXELS", 0)
    monkeypatch.setattr(tiling, "TILE_PIXELS", 32)
    view(reference)[...] = codec.decode(stream)
    buffer.fill(7)
    codec.decode(stream, out=out)
    assert np.array_equal(buffer, reference)


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (np.empty((HEIGHT, WIDTH, 4), np.uint8), "uint8 [50, 65, 4]"),
        (np.empty((WIDTH, HEIGHT, 3), np.uint8), "uint8 [65, 50, 3]"),
        (np.empty((HEIGHT, WIDTH), np.uint8), "uint8 [50, 65]"),
        (np.empty((1, HEIGHT, WIDTH, 3), np.uint8), "uint8 [1, 50, 65, 3]"),
        (np.empty((HEIGHT, WIDTH, 3), np.int8), "int8 [50, 65, 3]"),
        (np.empty((HEIGHT, WIDTH, 3), np.float32), "float32 [50, 65, 3]"),
        (np.frombuffer(bytes(HEIGHT * WIDTH * 3), np.uint8).reshape(HEIGHT, WIDTH, 3), "read-only uint8 [50, 65, 3]"),
        (np.broadcast_to(np.uint8(0), (HEIGHT, WIDTH, 3)), "read-only uint8 [50, 65, 3]"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_before_the_work(codec, stream, wrong: np.ndarray, found: str) -> None:
    stages: list[str] = []
    with pytest.raises(PictureError) as caught:
        codec.decode(stream, out=wrong, on_stage=lambda name, seconds: stages.append(name))
    expected = "expected a writeable uint8 array [50, 65, 3] for this picture"
    assert str(caught.value) == f"out is {found}, {expected}"
    assert stages == []


def test_bad_streams_leave_the_array_as_it_was(codec, stream) -> None:
    whole = read_stream(stream)
    forged = {
        FormatError: [stream[:-1], stream[:20], stream[:100] + b"\0" + stream[101:], b""],
        MismatchError: [write_stream(dataclasses.replace(whole, latent_crc=whole.latent_crc ^ 1))],
        ModelError: [write_stream(dataclasses.replace(whole, model_id=bytes(16)))],
        PictureError: [codec.encode(photo(HEIGHT + 1, WIDTH))],
    }
    out = np.full((HEIGHT, WIDTH, 3), 7, np.uint8)
    for error, streams in forged.items():
        for data in streams:
            with pytest.raises(error):
                codec.decode(data, out=out)
            assert (out == 7).all()
