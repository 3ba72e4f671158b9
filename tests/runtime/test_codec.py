import os
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from references.tiny_photo import photo

from licrt.runtime import Codec, decode, read_info, tiling
from licrt.runtime.container import LATENT, read_stream, write_stream
from licrt.runtime.entropy import available_kernels, to_float
from licrt.runtime.errors import BackendError, FormatError, LicrtError, MismatchError, ModelError, PictureError


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec.load("default", threads=1)


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
        forged = type(stream)(stream.width, stream.height, stream.model_id, stream.latent_crc, sections)
        with pytest.raises((FormatError, MismatchError)) as caught:
            codec.decode(write_stream(forged))
        outcomes.add(type(caught.value))
    assert FormatError in outcomes


def test_a_wrong_latent_checksum_is_a_mismatch(codec) -> None:
    stream = read_stream(codec.encode(photo(16, 16)))
    forged = type(stream)(16, 16, stream.model_id, stream.latent_crc ^ 1, stream.sections)
    with pytest.raises(MismatchError, match="lic-run verify"):
        codec.decode(write_stream(forged))


def test_missing_sections_and_foreign_models_are_refused(codec) -> None:
    stream = read_stream(codec.encode(photo(16, 16)))
    without = {section.type: section for section in stream.sections}
    for kind in list(without):
        sections = tuple(section for section in stream.sections if section.type != kind)
        what = "no latent" if kind == LATENT else "lacks the hyper-latent"
        with pytest.raises(FormatError, match=what):
            codec.decode(write_stream(type(stream)(16, 16, stream.model_id, stream.latent_crc, sections)))
    foreign = write_stream(type(stream)(16, 16, bytes(16), stream.latent_crc, stream.sections))
    with pytest.raises(ModelError, match="needs model 00000000"):
        codec.decode(foreign)
    with pytest.raises(ModelError, match="not found"):
        decode(foreign)


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
        codec.encode(photo(8, 8), quality=50)


def test_devices_that_are_not_there_are_refused() -> None:
    with pytest.raises(BackendError, match="'cuda' is not available"):
        Codec.load("default", device="cuda")


def test_a_non_finite_latent_is_an_error(codec, monkeypatch) -> None:
    run = codec._run
    monkeypatch.setattr(codec, "_run", lambda role, array: run(role, array) * np.float32(np.nan))
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
