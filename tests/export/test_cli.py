import subprocess
import sys

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from references.tiny import tiny_model
from references.tiny_photo import photo

from licrt.export.cli import ARCHITECTURES, main
from licrt.runtime import Codec, available_models
from licrt.trainer.models import ARCHITECTURES as TRAINED


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    path = tmp_path / "little.pth.tar"
    torch.save({"state_dict": tiny_model("bls2017").state_dict()}, path)
    return path


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_choices_are_the_trainers() -> None:
    assert set(ARCHITECTURES) == set(TRAINED)


def test_without_an_output_the_model_is_installed_under_its_name(checkpoint) -> None:
    result = run("--arch", "bls2017", "--quality", 4, "--checkpoint", checkpoint, "--licence", "CC0-1.0")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("bls2017-mse-4 ")
    assert "bls2017-mse-4" in {model.name for model in available_models()}
    codec = Codec.load("bls2017-mse-4", threads=1)
    pixels = photo(20, 30)
    assert codec.decode(codec.encode(pixels)).shape == pixels.shape
    again = run("--arch", "bls2017", "--quality", 4, "--checkpoint", checkpoint)
    assert again.exit_code == 6
    assert again.stderr.count("\n") == 1
    assert "--force" in again.stderr
    assert run("--arch", "bls2017", "--quality", 4, "--checkpoint", checkpoint, "--no-check", "-f").exit_code == 0


def test_the_name_comes_from_the_checkpoint_or_the_option(checkpoint, tmp_path) -> None:
    for options, name in (((), "little"), (("--name", "mine"), "mine")):
        result = run("--arch", "bls2017", "--checkpoint", checkpoint, "--no-check", "-o", tmp_path / name, *options)
        assert result.stdout.split()[0] == name
        assert Codec.load(tmp_path / name).info.name == name
    dotted = checkpoint.rename(tmp_path / "lambda0.125.pth.tar")
    result = run("--arch", "bls2017", "--checkpoint", dotted, "--no-check", "-o", tmp_path / "dotted")
    assert result.stdout.split()[0] == "lambda0.125"


def test_what_cannot_be_exported_is_one_line(checkpoint, tmp_path) -> None:
    garbage = tmp_path / "garbage.pth"
    garbage.write_bytes(np.random.default_rng(0).bytes(1000))
    wrong = (("bls2017", garbage), ("bls2017", tmp_path / "nowhere.pth"), ("mbt2018-mean", checkpoint))
    for arch, path in wrong:
        result = run("--arch", arch, "--checkpoint", path, "-o", tmp_path / "out")
        assert result.exit_code == 4
        assert result.stderr.count("\n") == 1
        assert path.name in result.stderr
        assert not (tmp_path / "out").exists()
    assert run("--arch", "vgg", "--checkpoint", checkpoint).exit_code == 2
    assert run("--arch", "bls2017").exit_code == 2
    (tmp_path / "file").write_text("")
    assert (
        run("--arch", "bls2017", "--checkpoint", checkpoint, "--no-check", "-o", tmp_path / "file" / "out").exit_code
        == 6
    )


def test_targets(checkpoint, tmp_path) -> None:
    common = ("--arch", "bls2017", "--checkpoint", checkpoint, "--no-check", "-o", tmp_path / "out")
    for options, message in (
        (("--tile", 512), "are for --target tensorrt"),
        (("--precision", "fp16"), "are for --target tensorrt"),
        (("--target", "tensorrt", "--tile", "wide"), "--tile: expected pixels of a side"),
        (("--target", "tensorrt", "--shape", "512"), "--shape: expected MIN,OPT,MAX"),
        (("--target", "tensorrt", "--shape", "16,512,512", "--tile", 512), "give one of them"),
        (("--target", "tensorrt", "--precision", "fp8"), "'fp8' is not one of"),
    ):
        result = run(*common, *options)
        assert result.exit_code == 2, result.output
        assert message in result.stderr
        assert not (tmp_path / "out").exists()
    result = run(*common, "--target", "tensorrt", "--tile", "96x128")
    assert result.exit_code == 0, result.output
    assert f"in {tmp_path / 'out'}: trtexec --onnx=analysis.onnx" in result.stderr
    pixels = photo(100, 130)
    codec = Codec.load(tmp_path / "out", threads=1)
    assert codec.decode(codec.encode(pixels)).shape == pixels.shape


def test_help_is_quick() -> None:
    program = (
        "import sys\nfrom licrt.export.cli import main\nfrom click.testing import CliRunner\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "assert not {'torch', 'onnx', 'onnxruntime'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
