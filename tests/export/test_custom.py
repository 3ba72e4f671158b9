"""`export-model --model module:factory`: a user's model, from the current directory, and all that may be wrong."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from references.tiny_photo import photo

from licrt.export.cli import main
from licrt.runtime import Codec, available_models

# A factorised model: quick to export. Its class is a plain nn.Module, whose tables torch would not resize by itself.
MODEL = """
import torch
from torch import nn
from licrt.export import Parts
from licrt.trainer.entropy_models import EntropyBottleneck

class Small(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.g_a = nn.Sequential(nn.Conv2d(3, width, 4, 4), nn.SiLU(), nn.Conv2d(width, 6, 2, 2))
        self.g_s = nn.Sequential(nn.ConvTranspose2d(6, width, 2, 2), nn.SiLU(), nn.ConvTranspose2d(width, 3, 4, 4))
        self.entropy_bottleneck = EntropyBottleneck(6)
        with torch.no_grad():
            self.g_a[-1].weight *= 60

def make():
    torch.manual_seed(0)
    return Small()

def parts():
    model = make()
    return Parts(model.g_a, model.g_s, model.entropy_bottleneck)

class Nested:
    make = staticmethod(make)

built = make()
number = 7
def fails(): raise ValueError("no weights today")
def leaves(): raise SystemExit(2)
def nothing(): return None
def needs(argument): return make()
"""


@pytest.fixture
def user(tmp_path, monkeypatch):
    """A directory with a module of its own name, which is the current one; its name."""
    name = f"user_model_{next(NUMBERS)}"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    Path(f"{name}.py").write_text(MODEL)
    yield name
    sys.modules.pop(name, None)


NUMBERS = itertools.count()


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def save(name: str, path: str = "trained.pth.tar") -> torch.nn.Module:
    """A checkpoint of the user's model with other weights than the factory's, and tables."""
    model = sys.modules[name].Small()
    model.entropy_bottleneck.update()
    torch.save({"state_dict": model.state_dict()}, path)
    return model


def test_a_model_is_found_from_the_current_directory_and_installed(user) -> None:
    result = run("--model", f"{user}:make")
    assert result.exit_code == 0, result.output
    name = f"{user}-make"
    assert result.stdout.startswith(f"{name} ")
    (info,) = (model for model in available_models() if model.name == name)
    assert (info.arch, info.quality, info.metric) == ("Small", None, "mse")
    codec = Codec.load(name, threads=1)
    assert codec.decode(codec.encode(photo(20, 30))).shape == (20, 30, 3)


@pytest.mark.parametrize("factory", ["make", "built", "Nested.make", "parts"])
def test_factories_of_all_kinds_give_the_same_model(user, factory: str) -> None:
    result = run("--model", f"{user}:{factory}", "--name", "a", "-o", "a", "--no-check", "--arch", "mine")
    assert result.exit_code == 0, result.output
    assert Codec.load(Path("a")).info.arch == "mine"
    run("--model", f"{user}:make", "--name", "b", "-o", "b", "--no-check")
    assert Codec.load(Path("a")).info.id == Codec.load(Path("b")).info.id


def test_checkpoints_replace_the_factorys_weights(user) -> None:
    ids = [run("--model", f"{user}:make", "-o", "made", "--no-check").stdout.split()[1]]
    model = save(user)
    for number, more in enumerate(((), ("--update",))):
        result = run(
            "--model", f"{user}:make", "--checkpoint", "trained.pth.tar", "-o", f"{number}", "--no-check", *more
        )
        assert result.exit_code == 0, result.output
        assert result.stdout.split()[0] == "trained"
        ids.append(result.stdout.split()[1])
    assert ids[0] != ids[1] == ids[2]
    with torch.no_grad():
        model.entropy_bottleneck._quantized_cdf[0, 1] += 1
    torch.save(model.state_dict(), "other.pth")
    kept = run("--model", f"{user}:make", "--checkpoint", "other.pth", "-o", "kept", "--no-check").stdout.split()[1]
    anew = run("--model", f"{user}:make", "--checkpoint", "other.pth", "-o", "anew", "--no-check", "--update")
    assert kept != ids[1] == anew.stdout.split()[1]


@pytest.mark.parametrize(
    ("spec", "code", "complaint"),
    [
        ("{}", 2, "--model is '{}'; expected package.module:factory"),
        ("{}:", 2, "expected package.module:factory"),
        ("{}.py:make", 4, "there is no Python module {}.py, neither in"),
        ("../{}:make", 2, "expected package.module:factory"),
        ("nowhere.at_all:make", 4, "there is no Python module nowhere.at_all, neither in {cwd} nor installed"),
        ("{}:missing", 4, "{} has no missing; it is {cwd}/{}.py"),
        ("{}:number", 4, "{}:number is a int; expected a function or class"),
        ("{}:fails", 4, "{}:fails() failed: ValueError: no weights today. Set LICRT_DEBUG=1"),
        ("{}:leaves", 4, "{}:leaves() failed: it exits, like a program."),
        ("{}:nothing", 4, "{}:nothing() gives NoneType; expected an nn.Module or licrt.export.Parts"),
        ("{}:needs", 4, "{}:needs() failed: TypeError: needs() missing 1 required positional argument"),
        ("torch.nn:Identity", 4, "Identity has no g_a, g_s, entropy_bottleneck; expected"),
    ],
)
def test_what_is_wrong_with_a_spec_is_one_line(user, spec: str, code: int, complaint: str) -> None:
    result = run("--model", spec.format(user), "-o", "out")
    assert result.exit_code == code
    assert complaint.replace("{cwd}", str(Path.cwd())).replace("{}", user) in result.stderr
    assert code == 2 or result.stderr.count("\n") == 1
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("import nowhere_to_be_found", "cannot import broken: No module named 'nowhere_to_be_found'"),
        ("def make(:", "cannot import broken: SyntaxError: "),
        (
            "raise SystemExit(0)",
            "cannot import broken: it exits, like a program. Put what should only run as one under if",
        ),
        ("1 / 0", "cannot import broken: ZeroDivisionError: division by zero. Set LICRT_DEBUG=1"),
    ],
)
def test_a_module_that_does_not_import_is_one_line(user, source: str, complaint: str) -> None:
    Path("broken.py").write_text(source)
    result = run("--model", "broken:make")
    sys.modules.pop("broken", None)
    assert result.exit_code == 4
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1


def test_checkpoints_that_do_not_fit_are_one_line(user) -> None:
    def refused(factory: str, path: str) -> str:
        result = run("--model", f"{user}:{factory}", "--checkpoint", path, "-o", "out")
        assert result.exit_code == 4
        assert result.stderr.count("\n") == 1
        assert not Path("out").exists()
        return result.stderr

    assert "cannot read checkpoint missing.pth: No such file" in refused("make", "missing.pth")
    save(user)
    assert f"{user}:parts gives Parts, into which no --checkpoint can be loaded" in refused("parts", "trained.pth.tar")
    torch.save(sys.modules[user].Small(width=9).state_dict(), "wide.pth")
    message = refused("make", "wide.pth")
    assert "wide.pth is no Small checkpoint: g_a.0.weight has shape [9, 3, 4, 4], expected [8, 3, 4, 4]; " in message
    assert "; and " in message
    torch.save({"net.g_a.0.weight": torch.zeros(1)}, "prefixed.pth")
    assert "g_a.0.weight is missing" in refused("make", "prefixed.pth")
    torch.save(sys.modules[user].make(), "pickled.pth")
    assert "expected a PyTorch or safetensors file that holds tensors only" in refused("make", "pickled.pth")


def test_without_model_it_takes_an_architecture(user) -> None:
    for arguments, complaint in (
        ((), "give --arch NAME, or --model MODULE:FACTORY"),
        (("--checkpoint", "a.pth"), "give --arch NAME"),
        (("--arch", "mine", "--checkpoint", "a.pth"), "--arch is 'mine', expected one of bls2017"),
        (("--arch", "bls2017"), "--checkpoint"),
    ):
        result = run(*arguments)
        assert result.exit_code == 2
        assert complaint in result.stderr


def test_the_program_itself_looks_in_the_current_directory(user) -> None:
    """A console script has its own directory on Python's path, not the current one."""
    script = Path(sys.executable).with_name("export-model")
    done = subprocess.run(
        [script, "--model", f"{user}:make", "--no-check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{user}-make ")


def test_the_packages_names_are_real_and_cheap() -> None:
    import licrt.export

    for name in licrt.export.__all__:
        assert getattr(licrt.export, name) is not None
        assert name in dir(licrt.export)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = licrt.export.nonsense
    program = "import sys, licrt.export\nassert not {'torch', 'onnx', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
