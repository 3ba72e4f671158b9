import dataclasses
import json

import numpy as np
import pytest
import torch
from references.tiny import tiny_model
from references.tiny_photo import photo

from licrt.export.bundle import Labels, _replace, export_bundle
from licrt.export.parts import parts_of
from licrt.export.quantise import Widths
from licrt.runtime import Codec
from licrt.runtime.entropy import available_kernels
from licrt.runtime.errors import ModelError, PictureError
from licrt.trainer.models import ARCHITECTURES

LABELS = Labels("tiny", "mbt2018-mean", None, "mse", "CC0-1.0")


@pytest.fixture(scope="module", params=list(ARCHITECTURES))
def exported(request, tmp_path_factory):
    model = tiny_model(request.param)
    directory = tmp_path_factory.mktemp("bundle") / "tiny"
    labels = Labels("tiny", request.param, 3, "mse", "CC0-1.0")
    lines: list[str] = []
    identity = export_bundle(parts_of(model), labels, directory, say=lines.append)
    return model, directory, identity, lines


def test_the_bundle_decodes_to_what_the_float_model_gives(exported) -> None:
    model, directory, identity, _ = exported
    codec = Codec.load(directory, threads=1)
    assert codec.info.id == identity
    assert codec.info.arch == model.arch
    pixels = photo(64, 128)
    decoded = codec.decode(codec.encode(pixels))
    with torch.inference_mode():
        expected = model(torch.from_numpy(pixels.transpose(2, 0, 1).copy()).float().div(255)[None])["x_hat"][0]
    expected = expected.clamp(0, 1).mul(255).round().numpy().transpose(1, 2, 0)
    # Residuals may round the other way around a slightly different mean; most pixels must not notice.
    assert np.mean(np.abs(decoded - expected)) < 1


def test_every_size_comes_back_in_its_size(exported) -> None:
    codec = Codec.load(exported[1], threads=1)
    for height, width in ((1, 1), (1, 40), (17, 33), (64, 16), (65, 63)):
        pixels = photo(height, width)
        data = codec.encode(pixels)
        assert codec.decode(data).shape == pixels.shape
        latents = [codec.decode_latents(data, path=path) for path in available_kernels()]
        assert all(np.array_equal(latents[0], other) for other in latents[1:])


def test_the_report_says_what_was_measured(exported) -> None:
    model, directory, _, lines = exported
    check = json.loads((directory / "manifest.json").read_text())["check"]
    assert check["analysis_error"] < 1e-4
    assert any(line.startswith("synthesis: ONNX Runtime against torch, largest error") for line in lines)
    if model.arch != "bls2017":
        assert abs(check["rate_percent"]) <= 0.5
        assert any("equal to the numpy reference" in line for line in lines)


def test_threads_do_not_change_the_integers(tmp_path) -> None:
    files, ids = [], []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        ids.append(export_bundle(parts_of(tiny_model("mbt2018-mean", 16, 24)), LABELS, tmp_path / str(threads)))
        files.append((tmp_path / str(threads) / "entropy.safetensors").read_bytes())
    assert files[0] == files[1]
    assert ids[0] == ids[1]


def test_parts_share_an_id(tmp_path) -> None:
    parts = parts_of(tiny_model("mbt2018-mean"))
    narrow = Widths(8, 12)
    ids = {
        part: export_bundle(parts, LABELS, tmp_path / part, part=part, check=False, widths=narrow)
        for part in ("both", "encoder", "decoder")
    }
    assert len(set(ids.values())) == 1
    encoder, decoder = (Codec.load(tmp_path / part) for part in ("encoder", "decoder"))
    pixels = photo(32, 32)
    data = encoder.encode(pixels)
    assert np.array_equal(decoder.decode(data), Codec.load(tmp_path / "both").decode(data))
    with pytest.raises(ModelError, match="without its synthesis graph"):
        encoder.decode(data)
    with pytest.raises(ModelError, match="without its analysis graph"):
        decoder.encode(pixels)


def test_ids_follow_the_weights(tmp_path) -> None:
    model = tiny_model("bls2017")
    first = export_bundle(parts_of(model), LABELS, tmp_path / "a", check=False)
    with torch.no_grad():
        model.g_s[0].weight[0, 0, 0, 0] += 1e-3
    assert export_bundle(parts_of(model), LABELS, tmp_path / "b", check=False) != first


def test_existing_output_is_kept_without_force(tmp_path) -> None:
    parts = parts_of(tiny_model("bls2017"))
    export_bundle(parts, LABELS, tmp_path / "a", check=False)
    with pytest.raises(PictureError, match=r"exists.*--force"):
        export_bundle(parts, LABELS, tmp_path / "a", check=False)
    export_bundle(parts, LABELS, tmp_path / "a", check=False, force=True)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    with pytest.raises(PictureError, match="not a bundle"):
        export_bundle(parts, LABELS, tmp_path / "home", check=False, force=True)


def test_a_bundle_that_would_not_load_is_not_written(tmp_path) -> None:
    parts = parts_of(tiny_model("bls2017"))
    export_bundle(parts, LABELS, tmp_path / "a", check=False)
    before = (tmp_path / "a" / "manifest.json").read_bytes()
    far = dataclasses.replace(parts, medians=parts.medians + 1e6)
    for name, force in (("a", True), ("b", False)):
        with pytest.raises(ModelError, match="median is out of range"):
            export_bundle(far, LABELS, tmp_path / name, check=False, force=force)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a" / "manifest.json").read_bytes() == before


def test_the_old_bundle_comes_back_where_the_new_one_cannot_be_renamed(tmp_path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "manifest.json").write_text("old")
    with pytest.raises(OSError, match="No such file"):
        _replace(tmp_path / "old", tmp_path / "missing", tmp_path / "aside")
    assert (tmp_path / "old" / "manifest.json").read_text() == "old"


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "a\0b"])
def test_names_that_are_no_directory_are_refused(tmp_path, name: str) -> None:
    labels = dataclasses.replace(LABELS, name=name)
    with pytest.raises(ModelError, match=r"cannot be a directory name.*--name"):
        export_bundle(parts_of(tiny_model("bls2017")), labels, tmp_path / "a", check=False)


def test_unused_calibration_pictures_are_told_of(tmp_path) -> None:
    lines: list[str] = []
    parts = parts_of(tiny_model("bls2017"))
    export_bundle(parts, LABELS, tmp_path / "a", check=False, calibration=tmp_path, say=lines.append)
    assert lines[0].startswith("--calibration is not used")


def test_too_narrow_integers_are_refused(tmp_path) -> None:
    with pytest.raises(ModelError, match=r"cost more than 0\.5 % rate"):
        export_bundle(parts_of(tiny_model("mbt2018-mean")), LABELS, tmp_path / "a", widths=Widths(8, 4))
    assert not (tmp_path / "a").exists()


def test_calibration_pictures_are_found_or_missed(tmp_path) -> None:
    parts = parts_of(tiny_model("mbt2018-mean"))
    with pytest.raises(PictureError, match="cannot read"):
        export_bundle(parts, LABELS, tmp_path / "a", calibration=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PictureError, match="no pictures of at least 64x64"):
        export_bundle(parts, LABELS, tmp_path / "a", calibration=tmp_path / "empty")
    (tmp_path / "empty" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR")
    with pytest.raises(PictureError, match=r"cannot read .*broken\.png"):
        export_bundle(parts, LABELS, tmp_path / "a", calibration=tmp_path / "empty")
