import dataclasses

import numpy as np
import pytest
import torch
from references.tiny import tiny_model
from references.tiny_photo import photo

from licrt.export.bundle import Labels, export_bundle
from licrt.export.quantise import Widths
from licrt.export.target import TensorRt
from licrt.runtime import Codec
from licrt.runtime.backends import open_backend
from licrt.runtime.bundle import load_bundle
from licrt.runtime.errors import ModelError, PictureError

LABELS = Labels("tiny", "mbt2018-mean", None, "mse", "CC0-1.0")
PLAIN = TensorRt("fp32")


def test_threads_do_not_change_the_integers(tmp_path) -> None:
    files, ids, said = [], [], []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        model = tiny_model("mbt2018-mean", 16, 24)
        ids.append(export_bundle(model, LABELS, tmp_path / str(threads), target=PLAIN, say=said.append))
        names = ("entropy.safetensors", "hyper_synthesis.onnx")
        files.append([(tmp_path / str(threads) / name).read_bytes() for name in names])
    assert files[0] == files[1]
    assert ids[0] == ids[1]
    line = "hyper-synthesis for accelerators: equal to the native engine, however ONNX Runtime optimises it"
    assert said.count(line) == 2


def test_parts_share_an_id(tmp_path) -> None:
    """Halves for TensorRT have the hyper-synthesis for accelerators, which only decoders use."""
    model = tiny_model("mbt2018-mean")
    narrow = Widths(8, 12)
    targets = {"both": None, "encoder": PLAIN, "decoder": PLAIN}
    ids = {
        part: export_bundle(model, LABELS, tmp_path / part, part=part, check=False, widths=narrow, target=target)
        for part, target in targets.items()
    }
    assert len(set(ids.values())) == 1
    roles = {part: set(load_bundle(tmp_path / part).graphs) for part in ids}
    encoder_roles = {"analysis", "hyper_analysis"}
    assert roles["both"] == {*encoder_roles, "synthesis"}
    assert roles["encoder"] == encoder_roles
    assert roles["decoder"] == {"synthesis", "hyper_synthesis"}
    encoder, decoder = (Codec.load(tmp_path / part) for part in ("encoder", "decoder"))
    pixels = photo(32, 32)
    data = encoder.encode(pixels)
    assert np.array_equal(decoder.decode(data), Codec.load(tmp_path / "both").decode(data))
    assert np.array_equal(decoder.decode_latents(data, path="carried"), decoder.decode_latents(data))
    with pytest.raises(ModelError, match="without its synthesis graph"):
        encoder.decode(data)
    with pytest.raises(ModelError, match="without its analysis graph"):
        decoder.encode(pixels)


def test_the_default_quality_is_a_rate_point_and_changes_nothing_else(tmp_path) -> None:
    model, narrow = tiny_model("mbt2018-mean-vbr"), Widths(8, 12)
    ids = [export_bundle(model, LABELS, tmp_path / "middle", check=False, widths=narrow)]
    more = {"default_quality": 80}
    ids.append(export_bundle(model, LABELS, tmp_path / "high", check=False, widths=narrow, **more))
    assert ids[0] == ids[1]
    middle, high = (load_bundle(tmp_path / name) for name in ("middle", "high"))
    assert (middle.default_point, high.default_point) == (32, 50)
    pixels = photo(32, 32)
    codec = Codec(high, open_backend("cpu", 1), 1)
    assert codec.encode(pixels) == codec.encode(pixels, quality=80)


def test_ids_follow_the_weights(tmp_path) -> None:
    model = tiny_model("bls2017")
    first = export_bundle(model, LABELS, tmp_path / "a", check=False)
    with torch.no_grad():
        model.g_s[0].weight[0, 0, 0, 0] += 1e-3
    assert export_bundle(model, LABELS, tmp_path / "b", check=False) != first


def test_existing_output_is_kept_without_force(tmp_path) -> None:
    model = tiny_model("bls2017")
    export_bundle(model, LABELS, tmp_path / "a", check=False)
    with pytest.raises(PictureError, match=r"exists.*--force"):
        export_bundle(model, LABELS, tmp_path / "a", check=False)
    export_bundle(model, LABELS, tmp_path / "a", check=False, force=True, target=PLAIN)
    assert set(load_bundle(tmp_path / "a").graphs) == {"analysis", "synthesis"}  # it has nothing to carry
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    with pytest.raises(PictureError, match="not a bundle"):
        export_bundle(model, LABELS, tmp_path / "home", check=False, force=True)


def test_a_bundle_that_would_not_load_is_not_written(tmp_path) -> None:
    model = tiny_model("bls2017")
    export_bundle(model, LABELS, tmp_path / "a", check=False)
    before = (tmp_path / "a" / "manifest.json").read_bytes()
    with torch.no_grad():
        model.entropy_bottleneck.quantiles[:, 0, 1] += 1e6
    for name, force in (("a", True), ("b", False)):
        with pytest.raises(ModelError, match="median is out of range"):
            export_bundle(model, LABELS, tmp_path / name, check=False, force=force)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a" / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "a\0b"])
def test_names_that_are_no_directory_are_refused(tmp_path, name: str) -> None:
    labels = dataclasses.replace(LABELS, name=name)
    with pytest.raises(ModelError, match=r"cannot be a directory name.*--name"):
        export_bundle(tiny_model("bls2017"), labels, tmp_path / "a", check=False)


def test_unused_calibration_pictures_are_told_of(tmp_path) -> None:
    lines: list[str] = []
    model = tiny_model("bls2017")
    export_bundle(model, LABELS, tmp_path / "a", check=False, calibration=tmp_path, say=lines.append)
    assert lines[0].startswith("--calibration is not used")


def test_too_narrow_integers_are_refused(tmp_path) -> None:
    with pytest.raises(ModelError, match=r"cost more than 0\.5 % rate"):
        export_bundle(tiny_model("mbt2018-mean"), LABELS, tmp_path / "a", widths=Widths(8, 4))
    assert not (tmp_path / "a").exists()


def test_calibration_pictures_are_found_or_missed(tmp_path) -> None:
    model = tiny_model("mbt2018-mean")
    with pytest.raises(PictureError, match="cannot read"):
        export_bundle(model, LABELS, tmp_path / "a", calibration=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PictureError, match="no pictures of at least 64x64"):
        export_bundle(model, LABELS, tmp_path / "a", calibration=tmp_path / "empty")
    (tmp_path / "empty" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR")
    with pytest.raises(PictureError, match=r"cannot read .*broken\.png"):
        export_bundle(model, LABELS, tmp_path / "a", calibration=tmp_path / "empty")
