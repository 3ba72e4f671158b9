import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from references.bundles import edit, forge

from licrt.runtime import Codec
from licrt.runtime import bundle as runtime_bundle
from licrt.runtime.bundle import load_bundle, load_tensors
from licrt.runtime.entropy import load_entropy_model
from licrt.runtime.errors import ModelError
from licrt.runtime.models import EMBEDDED


@pytest.fixture
def bundle(tmp_path):
    return shutil.copytree(EMBEDDED / "default", tmp_path / "bundle")


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


def test_the_embedded_model_is_whole_and_small() -> None:
    bundle = load_bundle(EMBEDDED / "default")
    assert bundle.name == "licrt2026-mse"
    load_tensors(bundle)
    for file in bundle.manifest["files"]:
        bundle.read(file)
    assert sum(path.stat().st_size for path in bundle.directory.iterdir()) <= 8_000_000


def sized(role: str, *sizes: list):
    """Gives a graph these sizes."""
    shapes = dict(zip(("least", "best", "most"), sizes, strict=True))
    return lambda manifest: manifest["graphs"][role].update(shapes=shapes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(format="zip"), "not the manifest"),
        (lambda m: m.update(format_version=2), "format version 2; this licrt reads version 1"),
        (lambda m: m.update(format_version="\x1b[2J" * 99), r"format version '\\x1b\[2J.*\.\.\..*'; this licrt"),
        (lambda m: m.update(format_version=[["a" * 90] * 5] * 5), "format version .{117}\\.\\.\\.; this"),
        (lambda m: m.pop("entropy"), "damaged near 'entropy'"),
        (lambda m: m.update(id="00"), "damaged near id"),
        (lambda m: m["entropy"].update(stride=0), "stride = 0, expected 1…256"),
        (lambda m: m["entropy"].update(stride=True), "stride"),
        (lambda m: m["entropy"].update(mean_fraction=9), "mean_fraction = 9"),
        (lambda m: m["files"].update({"../../etc/passwd": {"sha256": "0" * 64}}), "damaged near files"),
        (lambda m: m["files"].update({"a\0b": {"sha256": "0" * 64}}), "damaged near files"),
        (lambda m: m["files"].update({"\ud800": {"sha256": "0" * 64}}), "damaged near files"),
        (lambda m: m["files"].update({"": {"sha256": "0" * 64}}), "damaged near files"),
        (lambda m: m["graphs"]["analysis"].update(file="other.onnx"), "damaged near graphs"),
        (lambda m: m["graphs"]["analysis"].update(multiplications=-1), "damaged near multiplications"),
        (lambda m: m.update(target="cuda"), "target = 'cuda', expected onnx or tensorrt"),
        (lambda m: m.update(target=["tensorrt"]), "damaged near target"),
        (lambda m: m["graphs"]["analysis"].update(precision="fp8"), "precision or pixels of analysis"),
        (lambda m: m["graphs"]["analysis"].update(precision=["fp16"]), "precision or pixels of analysis"),
        (lambda m: m["graphs"]["analysis"].update(pixels="int8"), "precision or pixels of analysis"),
        (lambda m: m["graphs"]["hyper_analysis"].update(pixels="uint8"), "pixels of hyper_analysis"),
        (sized("analysis", [16, 16], [512, 512], [512]), "pairs of height and width"),
        (sized("analysis", [16, 16], "ab", [512, 512]), "pairs of height and width"),
        (sized("analysis", [16, 16], [512, 512], [512, 512.0]), "shapes of analysis, expected whole numbers"),
        (sized("analysis", [16, 16], [512, 512], [512, True]), "shapes of analysis, expected whole numbers"),
        (sized("analysis", [0, 16], [512, 512], [512, 512]), "shapes of analysis, expected whole numbers"),
        (sized("analysis", [16, 16], [512, 528], [512, 512]), "shapes of analysis, expected whole numbers"),
        (sized("analysis", [16, 16], [512, 512], [512, 1 << 17]), "shapes of analysis, expected whole numbers"),
        (sized("analysis", [16, 16], [512, 512], [512, 520]), "520, expected whole 16s"),
        (sized("analysis", [8, 16], [512, 512], [512, 512]), "shapes of analysis: at least 8"),
        (sized("analysis", [16, 16], [16, 16], [16, 16]), "16, expected whole 16s, more than two halos"),
        (sized("hyper_analysis", [1, 4], [64, 64], [256, 256]), "shapes of hyper_analysis: at least 4"),
        (sized("synthesis", [1, 1], [2, 2], [2, 2]), "2, expected whole 1s, more than two halos"),
        (lambda m: m["graphs"]["synthesis"].update(shapes=None), "damaged"),
        (lambda m: m.update(name="\x1b[2J"), "damaged near name, expected a line of text"),
        (lambda m: m.update(name=["a"]), "damaged near name"),
        (lambda m: m.update(synthesis_sha256="\ud800" * 64), "synthesis_sha256"),
        (lambda m: m.pop("synthesis_sha256"), "synthesis_sha256"),
        (lambda m: m["entropy"].update(stride=nested(700)), "damaged"),
        (lambda m: m.update(files=[]), "damaged"),
        (lambda m: m.update(quality="best"), "damaged"),
    ],
)
def test_a_wrong_manifest_is_refused(bundle, change, message: str) -> None:
    edit(bundle, change)
    with pytest.raises(ModelError, match=message):
        load_bundle(bundle)


def test_no_manifest_or_no_json(tmp_path) -> None:
    with pytest.raises(ModelError, match="made by export-model"):
        load_bundle(tmp_path)
    (tmp_path / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(ModelError, match="not JSON"):
        load_bundle(tmp_path)


def test_changed_and_missing_files_are_noticed(bundle) -> None:
    path = bundle / "entropy.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match="not the file that was exported"):
        load_tensors(load_bundle(bundle))
    path.unlink()
    with pytest.raises(ModelError, match="cannot read"):
        load_tensors(load_bundle(bundle))


def test_a_file_without_an_end_is_not_read(bundle) -> None:
    (bundle / "entropy.safetensors").unlink()
    (bundle / "entropy.safetensors").symlink_to("/dev/zero")
    with pytest.raises(ModelError, match="no regular file"):
        load_tensors(load_bundle(bundle))


def test_a_deep_manifest_is_refused(bundle) -> None:
    """Python's limit on recursion strikes reading, hashing and printing at different depths."""
    text = (bundle / "manifest.json").read_text()
    for depth in (300, *range(880, 1000), 3000):
        deep = f'"entropy": {{"x": {"[" * depth + "]" * depth},'
        (bundle / "manifest.json").write_text(text.replace('"entropy": {', deep))
        with pytest.raises(ModelError):
            load_tensors(load_bundle(bundle))


def test_an_id_that_does_not_fit_is_noticed(bundle) -> None:
    edit(bundle, lambda manifest: manifest.update(id="0" * 32))
    with pytest.raises(ModelError, match="id does not belong"):
        Codec.load(bundle)


def set_first(name: str, value: int):
    def change(tensors, manifest) -> None:
        tensors[name].flat[0] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        set_first("hyper_synthesis.0.shift", 0),
        set_first("hyper_synthesis.0.shift", 31),
        set_first("hyper_synthesis.0.bias", 2**31 - 1),
        set_first("hyper_synthesis.0.weight", -32768),
        set_first("context.0.thresholds", 2**31 - 1),
        set_first("hyper_synthesis.input_offset", 5),
        set_first("prior.median", 1 << 22),
        set_first("prior.lengths", 2),
        set_first("prior.lengths", 1 << 20),
        set_first("gaussian.cdf", 1),
        set_first("gaussian.lengths", -1),
        set_first("gaussian.offsets", 1 << 29),
        set_first("prior.offsets", -(1 << 31)),
        lambda tensors, manifest: tensors.pop("gaussian.offsets"),
        lambda tensors, manifest: tensors.pop("hyper_synthesis.1.bias"),
        lambda tensors, manifest: tensors.update({"prior.median": tensors["prior.median"].astype(np.int64)}),
        lambda tensors, manifest: tensors.update({"prior.median": tensors["prior.median"][:-1]}),
        lambda tensors, manifest: tensors.update({"hyper_synthesis.0.weight": tensors["hyper_synthesis.0.weight"][0]}),
        lambda tensors, manifest: manifest["entropy"].update(latent_channels=95),
        lambda tensors, manifest: manifest["entropy"].update(hyper_channels=0),
        lambda tensors, manifest: manifest["entropy"].update(hyper_stride=8),
        lambda tensors, manifest: manifest["entropy"].pop("hyper_synthesis"),
        lambda tensors, manifest: manifest["entropy"]["hyper_synthesis"]["layers"].pop(),
        lambda tensors, manifest: manifest["entropy"]["hyper_synthesis"]["layers"][0].update(stride=9),
        lambda tensors, manifest: manifest["entropy"]["hyper_synthesis"]["layers"][0].update(stride=2.0),
        lambda tensors, manifest: manifest["entropy"]["hyper_synthesis"]["layers"][2].update(stride=True),
        lambda tensors, manifest: manifest["entropy"]["hyper_synthesis"]["layers"][0].update(accumulator_bits=32.0),
        lambda tensors, manifest: manifest["entropy"]["hyper_synthesis"]["layers"][0].update(output_bits=10.5),
        lambda tensors, manifest: manifest["entropy"]["hyper_synthesis"]["layers"][0].update(kind="attention"),
        lambda tensors, manifest: manifest["entropy"]["hyper_synthesis"]["layers"][0].update(colour="red"),
        lambda tensors, manifest: manifest["entropy"]["hyper_synthesis"].update(input_bits="wide"),
    ],
)
def test_forged_integers_are_refused(bundle, change) -> None:
    """All hashes fit; the contents break a rule of docs/integer-net.md or contradict each other."""
    forge(bundle, change)
    with pytest.raises(ModelError):
        load_entropy_model(load_bundle(bundle))


def test_an_unchanged_forgery_loads(bundle) -> None:
    forge(bundle, lambda tensors, manifest: None)
    load_entropy_model(load_bundle(bundle))


LINKS = ("/dev/zero", "/dev/tty", "/proc/self/pagemap", "/proc/self/mem", "/proc/kcore", "/proc/self/status")


@pytest.mark.parametrize("name", ["manifest.json", "entropy.safetensors", "analysis.onnx"])
@pytest.mark.parametrize("place", LINKS)
def test_links_to_what_is_no_plain_file_are_refused(bundle, name: str, place: str) -> None:
    """Files of /proc say that they are empty; some of them go on for terabytes."""
    if not Path(place).exists():
        pytest.skip(f"there is no {place}")
    (bundle / name).unlink()
    (bundle / name).symlink_to(place)
    with pytest.raises(ModelError):
        Codec.load(bundle).encode(np.zeros((8, 8, 3), np.uint8))


def test_links_to_the_right_files_are_followed(bundle, tmp_path) -> None:
    """As in the caches of download tools. The hashes say what the files are."""
    for path in list(bundle.iterdir()):
        path.rename(tmp_path / f"blob-{path.name}")
        path.symlink_to(f"../blob-{path.name}")
    Codec.load(bundle).encode(np.zeros((8, 8, 3), np.uint8))


def test_a_file_that_changes_places_with_a_pipe_is_refused(bundle, monkeypatch) -> None:
    path = bundle / "entropy.safetensors"
    check = runtime_bundle._expect_regular

    def swap(*arguments) -> None:
        check(*arguments)
        path.unlink()
        os.mkfifo(path)
        monkeypatch.setattr(runtime_bundle, "_expect_regular", check)

    whole = load_bundle(bundle)
    monkeypatch.setattr(runtime_bundle, "_expect_regular", swap)
    with pytest.raises(ModelError, match="no regular file"):
        whole.read(path.name)


def test_bytes_that_are_hashed_are_the_bytes_that_are_used(bundle, monkeypatch) -> None:
    """Each file is opened once: what is written to it later is not seen."""
    opened = []
    opens = os.open
    monkeypatch.setattr(os, "open", lambda path, *rest, **more: opened.append(Path(path).name) or opens(path, *rest))
    Codec.load(bundle).decode(Codec.load(bundle).encode(np.zeros((8, 8, 3), np.uint8)))
    assert opened.count("manifest.json") == opened.count("entropy.safetensors") == 2
    assert [opened.count(f"{role}.onnx") for role in ("analysis", "hyper_analysis", "synthesis")] == [1, 1, 1]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"id":', '"id": "", "id":', "'id' occurs twice"),
        ('"stride": 16', '"stride": 16, "stride": 8', "'stride' occurs twice"),
        ('"stride": 16', '"stride": NaN', "NaN is no number"),
        ('"stride": 16', '"stride": 1e400', "1e400 is too large"),
        ('"stride": 16', f'"stride": {"1" * 4000}', "a number of 4000 digits"),
        ('"stride": 16', '"stride": 16.0', "stride = 16.0"),
    ],
)
def test_manifests_that_parsers_read_differently_are_refused(bundle, old: str, new: str, message: str) -> None:
    path = bundle / "manifest.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ModelError, match=message):
        load_bundle(bundle)


def test_a_manifest_of_too_many_files_or_bytes_is_refused(bundle) -> None:
    edit(bundle, lambda m: m["files"].update({f"{number}": {"sha256": "0" * 64} for number in range(61)}))
    with pytest.raises(ModelError, match="65 files"):
        load_bundle(bundle)
    with (bundle / "manifest.json").open("a") as file:
        file.write(" " * (1 << 20))
    with pytest.raises(ModelError, match="no regular file of at most 1 MiB"):
        load_bundle(bundle)


def test_sparse_files_are_refused_before_they_are_read(bundle) -> None:
    with (bundle / "entropy.safetensors").open("r+b") as file:
        file.truncate((1 << 31) + 1)
    with pytest.raises(ModelError, match="no regular file of at most 2048 MiB"):
        load_tensors(load_bundle(bundle))
