import dataclasses
import os
import shutil
import subprocess
import sys
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from references.bundles import SINGLE_RATE, forge, replace_graph
from references.tiny_photo import photo

from licrt.runtime import Codec, decode, read_info, tiling
from licrt.runtime.coder import CdfTables
from licrt.runtime.coder import encode as encode_symbols
from licrt.runtime.container import read_stream, write_stream
from licrt.runtime.entropy import _predict, available_kernels
from licrt.runtime.errors import BackendError, FormatError, LicrtError, MismatchError, ModelError, PictureError
from licrt.runtime.latents import to_float
from licrt.runtime.models import EMBEDDED


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec.load("default", threads=1)


@pytest.fixture
def bundle(tmp_path):
    return shutil.copytree(EMBEDDED / "default", tmp_path / "bundle")


@pytest.fixture
def single_rate(tmp_path):
    return shutil.copytree(SINGLE_RATE, tmp_path / "single")


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 70), (70, 1), (16, 16), (17, 33), (64, 64), (50, 65)])
def test_any_size_comes_back(codec, height: int, width: int) -> None:
    pixels = photo(height, width)
    data = codec.encode(pixels)
    assert (read_info(data).height, read_info(data).width) == (height, width)
    decoded = codec.decode(data)
    assert decoded.shape == pixels.shape
    assert decoded.dtype == np.uint8
    assert decoded.flags.c_contiguous


def test_a_photograph_survives(codec, shared_data) -> None:
    from PIL import Image

    pixels = np.asarray(Image.open(shared_data / "kodak" / "kodim23.png"))[100:356, 200:456]
    data = codec.encode(pixels)
    psnr = 10 * np.log10(255**2 / np.mean((codec.decode(data).astype(float) - pixels) ** 2))
    assert psnr > 28
    assert 8 * len(data) / 256**2 < 1


def test_metadata_travels(codec) -> None:
    extras = {"alpha": b"a png", "icc": b"a profile", "exif": b"Exif"}
    image = codec.decode_image(codec.encode(photo(20, 20), **extras))
    assert {"alpha": image.alpha, "icc": image.icc, "exif": image.exif} == extras


def test_every_kernel_and_thread_count_decodes_the_same_latents(codec) -> None:
    data = codec.encode(photo(200, 136))
    reference = codec.decode_latents(data, path="scalar", threads=1)
    for path in available_kernels():
        for threads in (1, 2, 3):
            assert np.array_equal(codec.decode_latents(data, path=path, threads=threads), reference)
    assert np.abs(reference).max() < 1 << 24
    assert to_float(reference, 8).dtype == np.float32
    assert np.array_equal(to_float(reference, 8).astype(np.float64) * 256, reference)


def test_streams_cross_between_instruction_sets(codec, tmp_path) -> None:
    """Encoded by a process with LICRT_CPU=scalar, decoded with SIMD, and the reverse."""
    program = (
        "import sys, numpy as np\nfrom licrt.runtime import Codec\ncodec = Codec.load('default', threads=1)\n"
        "if sys.argv[1] == 'encode':\n    open(sys.argv[3], 'wb').write(codec.encode(np.load(sys.argv[2])))\n"
        "else:\n    np.save(sys.argv[3], codec.decode_latents(open(sys.argv[2], 'rb').read()))\n"
        "assert codec.engine['kernels'] == sys.argv[4]\n"
    )
    np.save(tmp_path / "picture.npy", photo(120, 90))
    best = available_kernels()[-1]

    def run(kernels: str, verb: str, source: str, target: str) -> None:
        environment = {**os.environ, "LICRT_CPU": kernels}
        files = [str(tmp_path / source), str(tmp_path / target)]
        subprocess.run([sys.executable, "-c", program, verb, *files, kernels], check=True, env=environment)

    for one, other in (("scalar", best), (best, "scalar")):
        run(one, "encode", "picture.npy", "stream")
        run(one, "decode", "stream", "own.npy")
        run(other, "decode", "stream", "cross.npy")
        assert np.array_equal(np.load(tmp_path / "own.npy"), np.load(tmp_path / "cross.npy"))


def test_one_codec_serves_many_threads(codec) -> None:
    pictures = [photo(40 + i, 60 - i, i) for i in range(8)]
    expected = [codec.encode(picture) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            streams = list(pool.map(codec.encode, pictures))
            assert streams == expected
            for stream, decoded in zip(streams, pool.map(codec.decode, streams), strict=True):
                assert np.array_equal(decoded, codec.decode(stream))


def test_tiles_change_almost_nothing(codec, monkeypatch) -> None:
    """Tiled decoding differs by at most one level; tiled encoding in at most 1e-5 of the symbols, by one."""
    pixels = photo(150, 230)
    whole = codec.encode(pixels)
    picture, latent = codec.decode(whole), codec.decode_latents(whole)
    monkeypatch.setattr(tiling, "MAX_UNTILED_PIXELS", 0)
    monkeypatch.setattr(tiling, "TILE_PIXELS", 48)
    assert len(list(tiling.tiles(10, 15, 16, 2))) == 20
    assert np.abs(codec.decode(whole).astype(int) - picture).max() <= 1
    tiled = codec.decode_latents(codec.encode(pixels))
    assert (tiled != latent).mean() <= 1e-5
    assert not codec._transforms._sessions  # an engine's memory of a large picture is given back after each stage


def test_flipped_bytes_never_give_another_picture(codec) -> None:
    data = codec.encode(photo(96, 96))
    picture = codec.decode(data)
    positions = np.random.default_rng(0).choice(len(data), min(len(data), 600), replace=False)
    assert len(positions) >= 500, "the stream is too short for this test"
    for position in positions:
        damaged = bytearray(data)
        damaged[position] ^= 1 + position % 255
        try:
            assert np.array_equal(codec.decode(bytes(damaged)), picture)
        except LicrtError as error:
            assert error.exit_code in (3, 4)


def test_every_cut_is_noticed(codec) -> None:
    data = codec.encode(photo(96, 96))
    for size in range(len(data)):
        with pytest.raises(FormatError):
            codec.decode(data[:size])


def test_damage_behind_good_checksums_is_noticed(codec) -> None:
    """Header and payload checks recomputed, so that the damage reaches the coder: the latent CRC must catch it."""
    stream = read_stream(codec.encode(photo(96, 96)))
    rng = np.random.default_rng(1)
    outcomes = set()
    for _ in range(200):
        bodies = [bytearray(section.body) for section in stream.sections]
        body = bodies[rng.integers(len(bodies))]
        body[rng.integers(len(body))] ^= rng.integers(1, 256)
        sections = tuple(
            type(section)(section.type, section.lanes, bytes(body))
            for section, body in zip(stream.sections, bodies, strict=True)
        )
        forged = dataclasses.replace(stream, sections=sections)
        with pytest.raises((FormatError, MismatchError)) as caught:
            codec.decode(write_stream(forged))
        outcomes.add(type(caught.value))
    assert FormatError in outcomes


def test_symbols_are_what_latents_are_made_of(codec) -> None:
    data, y_hat = codec.encode_with_latents(photo(40, 50))
    decoded = codec.decode_symbols(data)
    assert np.array_equal(decoded.y_hat, y_hat)
    assert np.array_equal(codec.decode_latents(data), y_hat)
    for array in (decoded.latent, decoded.indexes):
        assert array.shape == (y_hat.size,)
        assert len(np.unique(array)) > 5
    with pytest.raises(FormatError):
        codec.decode_symbols(data[:-1])
    with pytest.raises(MismatchError):
        codec.decode_symbols(write_stream(dataclasses.replace(read_stream(data), latent_crc=1)))


def test_a_wrong_latent_checksum_is_a_mismatch(codec) -> None:
    stream = read_stream(codec.encode(photo(16, 16)))
    forged = dataclasses.replace(stream, latent_crc=stream.latent_crc ^ 1)
    with pytest.raises(MismatchError, match="lic-run verify"):
        codec.decode(write_stream(forged))


def test_missing_sections_and_foreign_models_are_refused(codec) -> None:
    stream = read_stream(codec.encode(photo(16, 16)))
    with pytest.raises(FormatError, match="lacks the hyper-latent"):  # without a latent there is no stream at all
        codec.decode(write_stream(dataclasses.replace(stream, sections=stream.sections[:1])))
    foreign = write_stream(type(stream)(16, 16, bytes(16), stream.latent_crc, stream.sections))
    with pytest.raises(ModelError, match="needs model 00000000"):
        codec.decode(foreign)
    with pytest.raises(ModelError, match="not found"):
        decode(foreign)


def test_sections_and_rate_points_that_the_model_has_not_are_refused(codec, single_rate) -> None:
    stream = read_stream(codec.encode(photo(16, 16)))
    with pytest.raises(FormatError, match="rate point 64"):
        codec.decode(write_stream(dataclasses.replace(stream, rate_point=64)))
    single = Codec.load(single_rate)
    stream = read_stream(single.encode(photo(16, 16)))
    with pytest.raises(FormatError, match="rate point 3"):
        single.decode(write_stream(dataclasses.replace(stream, rate_point=3)))

    def factorise(tensors, manifest) -> None:
        entropy = manifest["entropy"]
        entropy.pop("hyper_synthesis")
        entropy.update(latent_channels=entropy["hyper_channels"], hyper_channels=0, hyper_stride=0)

    forge(single_rate, factorise)
    identity = bytes.fromhex(Codec.load(single_rate).info.id)
    with pytest.raises(FormatError, match="has a hyper-latent, which its model has no use for"):
        Codec.load(single_rate).decode(write_stream(dataclasses.replace(stream, model_id=identity)))


@pytest.mark.parametrize("size", [(500_000_000, 1), (1, 500_000_000), (20_000, 25_000)])
def test_a_short_stream_cannot_ask_for_a_huge_picture(codec, size) -> None:
    stream = read_stream(codec.encode(photo(16, 16)))
    forged = write_stream(dataclasses.replace(stream, width=size[0], height=size[1]))
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="too short for a picture of its size"):
            codec.decode(forged)
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


def test_the_shortest_payload_of_a_size_is_let_through(bundle) -> None:
    """The bound on sizes must hold for the cheapest symbols that tables can have."""
    tables = CdfTables(np.int32([[0, 65535, 65536]]), np.int32([3]), np.int32([0]))
    for count in (1, 1000, 1 << 24):
        zeros = np.zeros(count, np.int32)
        for lanes in (1, 2, 4):
            assert count <= len(encode_symbols(zeros, zeros, tables, lanes)) << 19


def test_a_hyper_synthesis_that_falls_short_is_a_model_error(single_rate) -> None:
    """It covers small latents, so only the size of a picture shows it."""

    def shorten(tensors, manifest) -> None:
        for layer in manifest["entropy"]["hyper_synthesis"]["layers"][:2]:
            layer.update(stride=1, padding=0, output_padding=0)  # a side n becomes n + 8 instead of 4 n

    forge(single_rate, shorten)
    codec = Codec.load(single_rate, threads=1)
    codec.decode(codec.encode(photo(16, 16)))
    with pytest.raises(ModelError, match="hyper-synthesis cannot give a latent of 19 x 1"):
        codec.encode(photo(300, 16))


def test_a_latent_wider_than_the_network_takes_is_an_error(codec) -> None:
    model = codec._entropy
    with pytest.raises(ModelError, match="cannot give a latent of 1 x 4194308"):
        _predict(model.network, np.zeros((64, 1, (1 << 20) + 1), np.int32), 1, (1 << 22) + 4, 1, 0)


def test_too_little_memory_is_a_picture_error(codec, monkeypatch) -> None:
    data = codec.encode(photo(16, 16))

    def exhaust(*arguments):
        raise MemoryError

    monkeypatch.setattr(codec._transforms, "_session", exhaust)
    for call in (lambda: codec.encode(photo(16, 16)), lambda: codec.decode(data)):
        with pytest.raises(PictureError, match="not enough memory"):
            call()


GRAPHS = {
    "other size": "(float[1,c,h,w] x) => (float[1,c,h,w] y) { y = Identity(x) }",
    "no axes": "(float[1,c,h,w] x) => (float y) { y = ReduceSum<keepdims=0>(x) }",
    "double": "(float[1,c,h,w] x) => (double[1,c,h,w] y) { y = Cast<to=11>(x) }",
    "sequence": "(float[1,c,h,w] x) => (seq(float[1,c,h,w]) y) { y = SequenceConstruct(x) }",
    "no input": "() => (float y) { y = Constant<value_float=1.0>() }",
    "two inputs": "(float[1,c,h,w] x, float[1] z) => (float[1,c,h,w] y) { y = Add(x, z) }",
    "two outputs": "(float[1,c,h,w] x) => (float[1,c,h,w] y, float[1,c,h,w] z) { y = Identity(x) z = Abs(x) }",
}


@pytest.mark.parametrize("kind", list(GRAPHS))
@pytest.mark.parametrize("role", ["analysis", "hyper_analysis", "synthesis"])
def test_a_graph_of_another_shape_is_a_model_error(codec, bundle, role: str, kind: str) -> None:
    graph = onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["" : 18]> g {GRAPHS[kind]}')
    replace_graph(bundle, role, graph.SerializeToString())
    other, data = Codec.load(bundle, threads=1), codec.encode(photo(16, 16))
    with pytest.raises(ModelError):
        other.decode(data) if role == "synthesis" else other.encode(photo(16, 16))


def test_the_module_level_decode_finds_the_model(codec) -> None:
    data = codec.encode(photo(33, 20))
    assert np.array_equal(decode(data, threads=1), codec.decode(data))


def test_what_is_no_picture_is_refused(codec) -> None:
    for wrong in (
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3)),
        np.zeros((0, 4, 3), np.uint8),
    ):
        with pytest.raises(PictureError, match="expected a uint8 array"):
            codec.encode(wrong)
    with pytest.raises(ModelError, match="single rate"):
        Codec.load(SINGLE_RATE).encode(photo(8, 8), quality=50)


def test_devices_that_are_not_there_are_refused() -> None:
    with pytest.raises(BackendError, match="device cuda cannot be used"):
        Codec.load("default", device="cuda")


def test_a_non_finite_latent_is_an_error(codec, monkeypatch) -> None:
    run = codec._transforms.run
    monkeypatch.setattr(codec._transforms, "run", lambda *arguments: run(*arguments) * np.float32(np.nan))
    with pytest.raises(LicrtError, match="not finite"):
        codec.encode(photo(16, 16))


def test_stages_are_reported(codec) -> None:
    stages: dict[str, float] = {}
    data = codec.encode(photo(16, 16), on_stage=stages.__setitem__)
    assert list(stages) == ["analysis", "hyper-analysis", "entropy-encode", "container"]
    codec.decode(data, on_stage=stages.__setitem__)
    assert {"entropy-decode", "synthesis"} <= set(stages)


def test_the_latent_checksum_is_the_one_of_the_spec(codec) -> None:
    data = codec.encode(photo(30, 30))
    latent = codec.decode_latents(data)
    flat = b"".join(int(value).to_bytes(4, "little", signed=True) for value in latent.ravel())
    assert zlib.crc32(flat) == read_stream(data).latent_crc


def test_larger_pictures_than_the_caller_allows_are_refused_by_their_header(codec) -> None:
    data = codec.encode(photo(30, 41))
    for call in (codec.decode, codec.decode_image, codec.decode_latents, decode):
        call(data, max_pixels=1230)
        with pytest.raises(PictureError, match="41 x 30 pixels are over the limit of 1,229 pixels"):
            call(data[:64] + b"whatever follows", max_pixels=1229)
    with pytest.raises(PictureError, match="over the limit of 500,000,000"):
        codec.decode(claiming(data, 1 << 15, 1 << 15), max_pixels=1 << 40)


def claiming(data: bytes, width: int, height: int) -> bytes:
    header = bytearray(data[: read_info(data).header_size])
    header[16:24] = width.to_bytes(4, "little") + height.to_bytes(4, "little")
    header[-4:] = zlib.crc32(header[:-4]).to_bytes(4, "little")
    return bytes(header) + data[len(header) :]
