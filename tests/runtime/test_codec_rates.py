"""Codecs of variable rate and with context models: pictures to streams and back."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from references.synthetic import write_bundle
from references.tiny_photo import photo

from licrt.runtime import Codec, read_info, tiling
from licrt.runtime.container import read_stream, write_stream
from licrt.runtime.errors import FormatError, MismatchError, ModelError

KINDS = {"hyper-prior": None, "wavefront": ["wavefront"], "groups": ["whole", "checkerboard", "checkerboard"]}


@pytest.fixture(scope="module", params=KINDS)
def codec(request, tmp_path_factory):
    """A model of five rate points, the third of which is the default."""
    directory = tmp_path_factory.mktemp("models") / "model"
    return Codec.load(write_bundle(directory, KINDS[request.param], rate_points=5), threads=2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 70), (70, 1), (17, 33), (50, 65)])
def test_any_size_comes_back(tmp_path, kind, height, width) -> None:
    codec = Codec.load(write_bundle(tmp_path / "model", KINDS[kind]), threads=2)
    data = codec.encode(photo(height, width))
    assert read_info(data).rate_point == 0
    assert codec.decode(data).shape == (height, width, 3)
    for path in codec.entropy_paths():
        for threads in (1, 3):
            codec.decode_latents(data, path=path, threads=threads)  # raises where the latents differ
    with pytest.raises(ModelError, match="has a single rate"):
        codec.encode(photo(4, 4), quality=0)


def test_qualities_are_spread_over_the_rate_points(codec) -> None:
    points = {0: 0, 12: 0, 13: 1, 37: 1, 38: 2, 62: 2, 63: 3, 87: 3, 88: 4, 100: 4, None: 2}
    pixels = photo(30, 40)
    for quality, point in points.items():
        data = codec.encode(pixels, quality=quality)
        assert read_info(data).rate_point == point
        codec.decode(data)
    for quality in (-1, 101):
        with pytest.raises(ModelError, match=f"quality is {quality}, expected 0 .* to 100"):
            codec.encode(pixels, quality=quality)


def test_higher_qualities_are_closer(codec) -> None:
    pixels = photo(64, 64)
    streams = [codec.encode(pixels, quality=quality) for quality in (0, 25, 50, 75, 100)]
    assert len(streams[0]) < len(streams[2]) < len(streams[4])
    latents = [codec.decode_latents(data) for data in streams]
    errors = [float(np.abs(latent - latents[-1]).mean()) for latent in latents]
    assert errors == sorted(set(errors), reverse=True)


def test_a_target_gives_a_stream_that_fits_where_the_next_does_not(codec) -> None:
    pixels = photo(64, 64)
    extras = {"icc": bytes(300), "exif": b"II" + bytes(98)}
    streams = [codec.encode(pixels, quality=quality, **extras) for quality in (0, 25, 50, 75, 100)]
    sizes = [len(data) for data in streams]
    for most in {*sizes, *(size - 1 for size in sizes), 8 * 64**2} - {sizes[0] - 1}:
        data = codec.encode(pixels, target_size=most, **extras)
        point = read_info(data).rate_point
        assert data == streams[point] == codec.encode(pixels, target_bpp=8 * most / 64**2, **extras)
        assert len(data) <= most
        assert point == 4 or sizes[point + 1] > most
    assert codec.encode(pixels, target_size=1, **extras) == streams[0]  # which is larger than was asked for


def test_a_target_runs_every_float_network_once(codec) -> None:
    stages: list[str] = []
    codec.encode(photo(40, 40), target_size=800, on_stage=lambda name, _: stages.append(name))
    assert stages == ["analysis", "hyper-analysis", "entropy-encode", "container"]


def test_rate_points_that_the_model_has_not_are_refused(codec) -> None:
    stream = read_stream(codec.encode(photo(16, 16)))
    with pytest.raises(FormatError, match="rate point 5, but its model has 5"):
        codec.decode(write_stream(dataclasses.replace(stream, rate_point=5)))
    for point in (0, 1, 3, 4):  # another point than that of the encoder gives another latent, or none
        with pytest.raises((FormatError, MismatchError)):
            codec.decode(write_stream(dataclasses.replace(stream, rate_point=point)))


def test_threads_use_one_codec_at_different_rates(codec) -> None:
    """Eight threads encode and decode pictures of five rate points at once, and nothing crosses over."""
    pictures = [photo(20 + 5 * number, 60 - 3 * number, number) for number in range(8)]
    work = [(picture, quality) for quality in (0, 25, 50, 75, 100) for picture in pictures]
    expected = [codec.encode(picture, quality=quality) for picture, quality in work]
    decoded = [codec.decode(data) for data in expected]
    order = np.random.default_rng(1).permutation(len(work))

    def run(number: int) -> bool:
        picture, quality = work[number]
        data = codec.encode(picture, quality=quality)
        return data == expected[number] and np.array_equal(codec.decode(data), decoded[number])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, order))


def test_tiles_change_nothing(codec, monkeypatch) -> None:
    """These graphs see no neighbours, so even the streams are equal."""
    pixels = photo(90, 130)
    whole = codec.encode(pixels, quality=70)
    monkeypatch.setattr(tiling, "MAX_UNTILED_PIXELS", 0)
    monkeypatch.setattr(tiling, "TILE_PIXELS", 48)
    assert codec.encode(pixels, quality=70) == whole
