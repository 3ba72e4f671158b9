"""`lic-run encode` and `decode` with the embedded model: files, pipes, metadata, batches, and failures."""

from __future__ import annotations

import io
import re
import struct
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms
from references.bundles import SINGLE_RATE

from licrt.runtime import Codec
from licrt.runtime.container import ALPHA, Section, Stream, read_stream, write_stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Outcome

    LicRun = Callable[..., Outcome]

STREAM_FIELDS = ("width", "height", "model_id", "latent_crc", "sections", "rate_point")


def pixels(source: Path | bytes) -> np.ndarray:
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
        return np.array(image)


def names() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def test_round_trip_through_files(photo: Path, codec: Codec, lic_run: LicRun) -> None:
    encoded = lic_run("encode", photo)
    assert (encoded.code, encoded.stdout) == (0, b"")
    size = Path("photo.lci").stat().st_size
    bits = 8 * size / (75 * 50)
    assert re.fullmatch(
        rf"photo\.png -> photo\.lci  {size:,} bytes  {bits:.3f} bpp  quality \d+  \d+ ms\n", encoded.stderr
    )

    decoded = lic_run("decode", "photo.lci", "-o", "out.png")
    assert (decoded.code, decoded.stdout) == (0, b"")
    assert re.fullmatch(r"photo\.lci -> out\.png  75 x 50  \d+ ms\n", decoded.stderr)
    assert np.array_equal(pixels(Path("out.png")), codec.decode(Path("photo.lci").read_bytes()))
    difference = pixels(Path("out.png")).astype(float) - pixels(photo)
    assert np.sqrt(np.mean(difference**2)) < 20
    assert names() == ["out.png", "photo.lci", "photo.png"]


def test_round_trip_through_pipes(photo: Path, stream: Path, codec: Codec, lic_run: LicRun) -> None:
    encoded = lic_run("encode", "-", stdin=photo.read_bytes())
    assert encoded.stdout == stream.read_bytes()
    assert encoded.stderr.startswith("stdin -> stdout")
    decoded = lic_run("decode", "-", stdin=encoded.stdout)
    assert np.array_equal(pixels(decoded.stdout), codec.decode(encoded.stdout))
    assert decoded.stdout.startswith(b"\x89PNG")


def test_threads_and_names_do_not_change_the_stream(photo: Path, stream: Path, lic_run: LicRun) -> None:
    for options in (["-j", "1"], ["-j", "3"], ["-m", "default"], ["--device", "cpu"]):
        assert lic_run("encode", photo, "-o", "-", *options).stdout == stream.read_bytes()


@pytest.mark.parametrize("name", ["out.webp", "out.tiff", "out.ppm"])
def test_decodes_to_other_lossless_formats(name: str, stream: Path, codec: Codec, lic_run: LicRun) -> None:
    assert lic_run("decode", stream, "-o", name).code == 0
    assert np.array_equal(pixels(Path(name)), codec.decode(stream.read_bytes()))


def test_metadata_survives_and_pictures_are_turned_upright(photo: Path, lic_run: LicRun) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = 6
    tags[ExifTags.Base.Make] = "licrt"
    with Image.open(photo) as image:
        image.save("turned.png", icc_profile=profile, exif=tags)
    assert lic_run("encode", "turned.png").code == 0
    assert lic_run("decode", "turned.lci", "-o", "out.png").code == 0
    with Image.open("out.png") as image:
        assert image.size == (50, 75)
        assert image.info["icc_profile"] == profile
        assert image.getexif()[ExifTags.Base.Make] == "licrt"
        assert image.getexif().get(ExifTags.Base.Orientation, 1) == 1
        upright = np.array(image).astype(float)
    turned = pixels(photo)[::-1].swapaxes(0, 1)
    assert np.sqrt(np.mean((upright - turned) ** 2)) < 20


def test_alpha_of_a_stream_is_written(photo: Path, codec: Codec, lic_run: LicRun) -> None:
    alpha = io.BytesIO()
    Image.fromarray(pixels(photo)[:, :, 0]).save(alpha, "PNG")
    Path("a.lci").write_bytes(codec.encode(pixels(photo), alpha=alpha.getvalue()))
    assert lic_run("decode", "a.lci").code == 0
    assert np.array_equal(pixels(Path("a.png"))[:, :, 3], pixels(photo)[:, :, 0])


def test_notes_tell_what_was_left_out(photo: Path, lic_run: LicRun) -> None:
    with Image.open(photo) as image:
        image.save("noted.jpg", exif=b"Exif\0\0no TIFF structure")
    assert "  noted.jpg: the EXIF data is damaged and was left out\n" in lic_run("encode", "noted.jpg").stderr
    assert lic_run("encode", "noted.jpg", "-f", "--quiet").stderr == ""


def test_verbose_and_quiet(photo: Path, lic_run: LicRun) -> None:
    assert lic_run("encode", photo, "--quiet").stderr == ""
    assert lic_run("decode", "photo.lci", "-o", "out.png", "--quiet").stderr == ""
    told = lic_run("encode", photo, "-v", "-f").stderr
    for word in ("model ", "engine onnxruntime", "analysis", "entropy-encode"):
        assert word in told
    assert "synthesis" in lic_run("decode", "photo.lci", "-o", "out.png", "-f", "-v").stderr


def test_existing_results_are_kept_unless_forced(photo: Path, stream: Path, lic_run: LicRun) -> None:
    stream.write_bytes(b"precious")
    refused = lic_run("encode", photo)
    assert (refused.code, refused.stderr) == (
        6,
        "lic-run: photo.png: cannot write photo.lci: it exists. Pass -f to replace it\n",
    )
    assert stream.read_bytes() == b"precious"
    assert lic_run("encode", photo, "-f").code == 0
    assert stream.read_bytes() != b"precious"


def test_a_batch_goes_on_past_bad_files(photo: Path, stream: Path, lic_run: LicRun) -> None:
    Path("cut.png").write_bytes(photo.read_bytes()[:2000])
    Path("other.png").write_bytes(photo.read_bytes())
    encoded = lic_run("encode", photo, "missing.png", "cut.png", "other.png", "--out-dir", "new/streams")
    assert encoded.code == 1
    summary = encoded.stderr.splitlines()
    assert "files   2 of 4 done, 2 failed" in summary
    size = stream.stat().st_size
    read = 2 * photo.stat().st_size
    assert f"bytes   {read:,} -> {2 * size:,}" in summary
    assert f"bpp     {8 * size / 3750:.3f} over 0.01 megapixels" in summary
    assert summary[-2] == "failed  cannot read missing.png: No such file or directory"
    assert summary[-1].startswith("failed  cut.png: the picture is damaged or cut short")
    assert sorted(path.name for path in Path("new/streams").iterdir()) == ["other.lci", "photo.lci"]
    assert Path("new/streams/photo.lci").read_bytes() == stream.read_bytes()

    Path("new/streams/cut.lci").write_bytes(stream.read_bytes()[:90])
    decoded = lic_run("decode", *sorted(Path("new/streams").iterdir()), "--out-dir", "pictures")
    assert decoded.code == 1
    assert "cut.lci: the stream is cut short" in decoded.stderr
    assert sorted(path.name for path in Path("pictures").iterdir()) == ["other.png", "photo.png"]


def tree(folder: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def test_folders_there_and_back(photo: Path, stream: Path, codec: Codec, lic_run: LicRun) -> None:
    for name in ("in/a.png", "in/b/c.png", "in/b/d/e.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(photo.read_bytes())
    Path("in/notes.txt").touch()
    assert lic_run("encode", "in", "--out-dir", "some").code == 0
    assert tree("some") == ["a.lci"]
    encoded = lic_run("encode", "in", "--recursive", "--out-dir", "all")
    assert encoded.code == 0
    assert "files   3 of 3 done\n" in encoded.stderr
    assert tree("all") == ["a.lci", "b/c.lci", "b/d/e.lci"]
    assert lic_run("decode", "all", "-r", "--out-dir", "back", "--format", "webp").code == 0
    assert tree("back") == ["a.webp", "b/c.webp", "b/d/e.webp"]
    assert np.array_equal(pixels(Path("back/b/d/e.webp")), codec.decode(stream.read_bytes()))
    assert lic_run("encode", "in", "-r").code == 0
    assert tree("in") == ["a.lci", "a.png", "b/c.lci", "b/c.png", "b/d/e.lci", "b/d/e.png", "notes.txt"]


def test_empty_folders_and_clashes_are_said_before_work(photo: Path, lic_run: LicRun) -> None:
    Path("in").mkdir()
    for command, suffix in (("encode", ".png"), ("decode", ".lci")):
        refused = lic_run(command, "in", "-m", "no-such-model")
        assert (refused.code, refused.stderr.count("\n")) == (6, 1)
        assert refused.stderr.startswith(f"lic-run: nothing to do in in: no file in it ends in {suffix}")
    for name in ("in/a.png", "in/a.jpg"):
        Path(name).write_bytes(photo.read_bytes())
    refused = lic_run("encode", "in", "-m", "no-such-model")
    assert (refused.code, refused.stderr.count("\n")) == (2, 1)
    assert "in/a.jpg and in/a.png would both be written to in/a.lci" in refused.stderr


def test_notes_are_said_once_in_a_batch(photo: Path, lic_run: LicRun) -> None:
    for name in "abc":
        Image.fromarray(pixels(photo)[..., 0].astype(np.uint16) * 257).save(f"{name}.png")
    told = lic_run("encode", "a.png", "b.png", "c.png").stderr
    assert told.count("  a.png: samples of more than 8 bits were rounded to 8\n") == 1
    assert told.count("samples of more than 8 bits") == 2
    assert told.endswith("note    samples of more than 8 bits were rounded to 8 (3 files)\n")


def test_damaged_pictures_are_6_in_one_line(photo: Path, lic_run: LicRun) -> None:
    Path("cut.png").write_bytes(photo.read_bytes()[:2000])
    refused = lic_run("encode", "cut.png")
    assert refused.code == 6
    assert refused.stderr.startswith("lic-run: cut.png: the picture is damaged or cut short")
    assert refused.stderr.count("\n") == 1
    assert names() == ["cut.png", "photo.png"]


def test_alpha_goes_through(photo: Path, lic_run: LicRun) -> None:
    rgba = np.dstack([pixels(photo), pixels(photo)[..., 1]])
    Image.fromarray(rgba).save("a.png")
    assert lic_run("encode", "a.png", "--verify").code == 0
    assert lic_run("decode", "a.lci", "-o", "b.png").stderr.count("\n") == 1
    assert np.array_equal(pixels(Path("b.png"))[..., 3], rgba[..., 3])
    told = lic_run("decode", "a.lci", "-o", "b.ppm")
    assert told.code == 0
    assert told.stderr.endswith("  a.lci: PPM cannot hold transparency\n")


def test_verify_says_how_good_it_is(photo: Path, stream: Path, codec: Codec, lic_run: LicRun) -> None:
    told = lic_run("encode", photo, "--verify", "-o", "out.lci")
    assert told.code == 0
    error = np.mean((codec.decode(stream.read_bytes()).astype(float) - pixels(photo)) ** 2)
    assert f"  verified, {10 * np.log10(255**2 / error):.2f} dB  " in told.stderr
    assert Path("out.lci").read_bytes() == stream.read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        lambda old: {"latent_crc": old.latent_crc ^ 1},
        lambda old: {"sections": tuple(section for section in old.sections if section.type < ALPHA)},
    ],
)
def test_what_cannot_be_verified_is_not_written(
    photo: Path, lic_run: LicRun, monkeypatch: pytest.MonkeyPatch, change: Callable[[Stream], dict[str, object]]
) -> None:
    """A stream with another checksum of its latents, and one that lost the profile."""
    encode = Codec.encode

    def wrong(self: Codec, rgb: np.ndarray, **options: Any) -> bytes:
        old = read_stream(encode(self, rgb, **options))
        fields = {
            name: getattr(old, name) for name in ("width", "height", "model_id", "latent_crc", "sections", "rate_point")
        }
        return write_stream(Stream(**{**fields, **change(old)}))

    with Image.open(photo) as image:
        image.save("profile.png", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    monkeypatch.setattr(Codec, "encode", wrong)
    assert lic_run("encode", "profile.png", "--verify").code == 4
    assert not Path("profile.lci").exists()
    assert lic_run("encode", "profile.png").code == 0


@pytest.mark.parametrize(
    ("picture_format", "start"), [("png", b"\x89PNG"), ("ppm", b"P6"), ("webp", b"RIFF"), ("tiff", b"II*\0")]
)
def test_formats_for_pipes(stream: Path, codec: Codec, lic_run: LicRun, picture_format: str, start: bytes) -> None:
    decoded = lic_run("decode", stream, "-o", "-", "--format", picture_format)
    assert decoded.stdout.startswith(start)
    assert np.array_equal(pixels(decoded.stdout), codec.decode(stream.read_bytes()))


def test_formats_and_names(stream: Path, lic_run: LicRun) -> None:
    assert lic_run("decode", stream, "--format", "ppm").code == 0
    assert Path("photo.ppm").read_bytes().startswith(b"P6")
    assert lic_run("decode", stream, "-o", "out", "--format", "tiff").code == 0
    assert lic_run("decode", stream, "-o", "out.tif", "--format", "tiff").code == 0
    assert Path("out.tif").read_bytes() == Path("out").read_bytes()
    assert lic_run("decode", stream, "-o", "out.png", "--format", "ppm").code == 2
    assert lic_run("decode", stream, "-o", "out").code == 6


def test_max_pixels(photo: Path, stream: Path, lic_run: LicRun) -> None:
    for command, name in (("encode", photo), ("decode", stream)):
        target = "out.lci" if command == "encode" else "out.png"
        for limit, code in ((3750, 0), (3749, 6)):
            outcome = lic_run(command, name, "-o", target, "-f", "--max-pixels", str(limit))
            assert outcome.code == code
        assert outcome.stderr.startswith(f"lic-run: {name}: 75 x 50 pixels are over the limit of 3,749 pixels; ")
    assert lic_run("encode", photo, "--max-pixels", "500000001").code == 2


def test_a_full_disk_is_6(photo: Path, lic_run: LicRun) -> None:
    refused = lic_run("encode", photo, "-o", "/dev/full")
    assert refused.code == 6
    assert "No space left on device" in refused.stderr


def test_damaged_streams_are_3_and_leave_nothing(stream: Path, lic_run: LicRun) -> None:
    whole = stream.read_bytes()
    for data in (whole[:20], whole[:-1], whole + b"x", b"\x89LCI\n\x1a\n" + whole[8:], whole[:99] + b"?" + whole[100:]):
        stream.write_bytes(data)
        refused = lic_run("decode", stream, "-o", "out.png")
        assert refused.code == 3
        assert refused.stderr.startswith("lic-run: photo.lci: ")
        assert refused.stderr.count("\n") == 1
    assert names() == ["photo.lci", "photo.png"]


def test_a_huge_size_in_the_header_is_6(stream: Path, lic_run: LicRun) -> None:
    data = bytearray(stream.read_bytes())
    struct.pack_into("<II", data, 16, 1 << 31, 1 << 31)
    end = 48 + 6 * data[14]
    struct.pack_into("<I", data, end, zlib.crc32(data[:end]))
    stream.write_bytes(data)
    refused = lic_run("decode", stream, "-o", "out.png")
    assert refused.code == 6
    assert "over the limit of 500,000,000 pixels" in refused.stderr


def changed(stream: Path, **fields: object) -> None:
    """Write a sound stream with other fields."""
    old = read_stream(stream.read_bytes())
    values = {
        name: getattr(old, name) for name in ("width", "height", "model_id", "latent_crc", "sections", "rate_point")
    }
    stream.write_bytes(write_stream(Stream(**{**values, **fields})))


def test_bodies_that_no_encoder_wrote_are_3_or_4(stream: Path, lic_run: LicRun) -> None:
    latent, *others = read_stream(stream.read_bytes()).sections
    generator = np.random.default_rng(3)
    codes = set()
    for _ in range(20):
        body = bytearray(latent.body)
        body[generator.integers(len(body))] ^= 1 << int(generator.integers(8))
        changed(stream, sections=(Section(latent.type, latent.lanes, bytes(body)), *others))
        refused = lic_run("decode", stream, "-o", "out.png")
        assert refused.stderr.count("\n") == 1
        codes.add(refused.code)
    assert codes <= {3, 4}
    assert not Path("out.png").exists()


def test_latents_that_differ_are_4(stream: Path, lic_run: LicRun) -> None:
    changed(stream, latent_crc=read_stream(stream.read_bytes()).latent_crc ^ 1)
    refused = lic_run("decode", stream, "-o", "out.png")
    assert refused.code == 4
    assert "not those that the encoder had" in refused.stderr


def test_models_that_are_not_installed_are_4(stream: Path, lic_run: LicRun) -> None:
    changed(stream, model_id=bytes(range(16)))
    refused = lic_run("decode", stream, "-o", "out.png")
    assert refused.code == 4
    assert "000102030405060708090a0b0c0d0e0f" in refused.stderr
    assert lic_run("decode", stream, "-m", "default", "-o", "out.png").code == 4


def test_a_quality_needs_a_model_of_variable_rate(photo: Path, lic_run: LicRun) -> None:
    refused = lic_run("encode", photo, "-q", "3", "-m", SINGLE_RATE)
    assert refused.code == 4
    assert "single rate" in refused.stderr


def test_a_missing_engine_is_5_with_the_line_to_run(
    photo: Path, lic_run: LicRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    refused = lic_run("encode", photo)
    assert refused.code == 5
    assert "pip install 'licrt[cpu]'" in refused.stderr
    assert names() == ["photo.png"]


def test_devices_that_are_not_there_are_5(photo: Path, lic_run: LicRun) -> None:
    assert lic_run("encode", photo, "--device", "tensorrt").code == 5
