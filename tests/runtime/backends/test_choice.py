"""Which engine serves a device, and what is said where none does: on this machine, and in a few that are played."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import lane
from references.gpu_stand_in import DRIVER, Gpu, StandIn, install

import licrt.runtime
from licrt.runtime.backends import choice, open_backend
from licrt.runtime.backends.choice import ENGINES, Engine, find_engines
from licrt.runtime.backends.unusable import UnusableError
from licrt.runtime.errors import BackendError

PICTURE = Path(__file__).parents[3] / "conformance" / "pictures" / "column.png"


def lic_run(*arguments: str | Path, python: str | Path = sys.executable, **environment: str) -> tuple[int, str]:
    """Exit code and standard error of `lic-run`, in a process of its own: engines may crash when it ends."""
    command = [python, "-c", "from licrt.runtime.cli import main; main(prog_name='lic-run')", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)
    return done.returncode, done.stderr


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_without_a_gpu_the_exit_code_is_5(device: str, no_driver: None, tmp_path: Path) -> None:
    for command in (["encode", PICTURE, "-o", tmp_path / "a.lci"], ["bench", PICTURE]):
        code, error = lic_run(*command, "--device", device)
        assert (code, error.count("\n")) == (5, 1)
        assert error.startswith(
            f"lic-run: device {device} cannot be used: no NVIDIA driver (libcuda.so.1 cannot be loaded)"
        )
        assert error.count("no NVIDIA driver") == 1
        extra = {"cuda": "gpu", "tensorrt": "tensorrt"}[device]
        assert f"pip install 'licrt[{extra}]'; or use --device cpu" in error
    assert list(tmp_path.iterdir()) == []


def test_plain_onnxruntime_is_told_apart(no_driver: None) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this is onnxruntime-gpu")
    for device, provider in (("cuda", "CUDAExecutionProvider"), ("tensorrt", "TensorrtExecutionProvider")):
        message = rf"onnxruntime {onnxruntime.__version__} has no {provider}, which onnxruntime-gpu has"
        with pytest.raises(BackendError, match=message):
            open_backend(device, 1)


def test_tensorrt_rtx_without_a_driver_ends_in_order(no_driver: None, tensorrt_rtx, tmp_path: Path) -> None:
    """A `Runtime` would end the process with a segmentation fault, after everything that is tested here."""
    code, error = lic_run("encode", PICTURE, "-o", tmp_path / "a.lci", "--device", "tensorrt")
    assert code == 5
    assert "no NVIDIA driver" in error
    assert "tensorrt_rtx is not installed" not in error
    assert "tensorrt is not installed" in error
    assert lic_run("encode", PICTURE, "--quiet", "-o", tmp_path / "a.lci") == (0, "")


@pytest.fixture
def with_onnxruntime_gpu(tmp_path: Path, no_driver: None):
    """Run `lic-run`, or a program, by a Python that has onnxruntime-gpu."""
    python = lane("onnxruntime-gpu")
    (tmp_path / "path" / "licrt").mkdir(parents=True)
    (tmp_path / "path" / "licrt" / "runtime").symlink_to(Path(licrt.runtime.__file__).parent)
    return {"python": python, "PYTHONPATH": str(tmp_path / "path")}


def test_onnxruntime_gpu_without_a_driver(with_onnxruntime_gpu, tmp_path: Path) -> None:
    arguments = ("encode", PICTURE, "--quiet", "-f", "-o", tmp_path / "a.lci")
    code, error = lic_run(*arguments, "--device", "cuda", **with_onnxruntime_gpu)
    assert (code, error.count("\n")) == (5, 1)
    assert "device cuda cannot be used: no NVIDIA driver (libcuda.so.1 cannot be loaded). Install" in error
    for device in ("auto", "cpu"):
        assert lic_run(*arguments, "--device", device, **with_onnxruntime_gpu) == (0, "")
    code, error = lic_run(*arguments, "--device", "tensorrt", **with_onnxruntime_gpu)
    assert (code, error.count("\n")) == (5, 1)


def test_a_provider_that_does_not_load_names_the_library(with_onnxruntime_gpu) -> None:
    """As on a machine with a driver and without CUDA: the real wheel leaves the provider out, and says nothing here."""
    program = """
import onnxruntime
from licrt.runtime.backends.onnxruntime_cuda import OPTIONS, PROVIDER, silent, try_out
from licrt.runtime.errors import BackendError
assert PROVIDER in onnxruntime.get_available_providers()
for provider in (PROVIDER, "TensorrtExecutionProvider"):
    try:
        with silent(onnxruntime):
            try_out(onnxruntime, [(provider, OPTIONS if provider == PROVIDER else {})])
    except BackendError as error:
        print(error)
"""
    python, path = with_onnxruntime_gpu["python"], with_onnxruntime_gpu["PYTHONPATH"]
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stderr == ""
    cuda, tensorrt = done.stdout.splitlines()
    assert cuda.startswith("CUDAExecutionProvider does not work: libcu")
    assert cuda.endswith("cannot open shared object file: No such file or directory")
    assert tensorrt.startswith("TensorrtExecutionProvider does not work: lib")


def engines(*working: str) -> tuple[Engine, ...]:
    """The same engines, of which some work and give their names."""

    def opened(name: str):
        def open_it(threads: int):
            if name not in working:
                raise UnusableError(f"{name} is broken")
            return name

        return open_it

    return tuple(Engine(each.name, each.device, opened(each.name)) for each in ENGINES)


@pytest.mark.parametrize(
    ("device", "target", "working", "expected"),
    [
        ("auto", "onnx", ["onnxruntime CUDA", "tensorrt"], "onnxruntime CUDA"),
        ("auto", "tensorrt", ["onnxruntime CUDA", "tensorrt"], "tensorrt"),
        ("auto", "tensorrt", ["onnxruntime CUDA", "tensorrt_rtx"], "tensorrt_rtx"),
        ("auto", "tensorrt", ["onnxruntime CUDA", "onnxruntime TensorRT"], "onnxruntime TensorRT"),
        ("auto", "tensorrt", ["onnxruntime CUDA"], "onnxruntime CUDA"),
        ("auto", "onnx", ["tensorrt"], "CPUExecutionProvider"),  # minutes for every new size
        ("auto", "tensorrt", [], "CPUExecutionProvider"),
        ("cpu", "tensorrt", ["onnxruntime CUDA", "tensorrt"], "CPUExecutionProvider"),
        ("cuda", "tensorrt", ["onnxruntime CUDA", "tensorrt"], "onnxruntime CUDA"),
        ("tensorrt", "onnx", ["onnxruntime CUDA", "tensorrt_rtx"], "tensorrt_rtx"),
    ],
)
def test_the_best_that_works(device: str, target: str, working: list[str], expected: str, monkeypatch) -> None:
    monkeypatch.setattr(choice, "find_driver", lambda: DRIVER)
    monkeypatch.setattr(choice, "ENGINES", engines(*working))
    found = open_backend(device, 1, target=target)
    assert (found if isinstance(found, str) else found.describe()["provider"]) == expected


def test_tensorrt_alone_serves_auto(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a board that only decodes."""
    install(monkeypatch, StandIn(Gpu()))
    monkeypatch.setattr(choice, "find_spec", lambda name: None)
    backend = open_backend("auto", 1)
    assert (backend.describe()["engine"], backend.accelerated) == ("tensorrt", True)


def test_a_board_without_onnxruntime_hears_why_tensorrt_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "find_driver", lambda: DRIVER)
    monkeypatch.setattr(choice, "find_spec", lambda name: None)
    monkeypatch.setattr(choice, "ENGINES", engines())
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        BackendError, match=r"^tensorrt is broken; .*; no inference engine: .*pip install 'licrt\[cpu\]'$"
    ):
        open_backend("auto", 1)


def test_all_that_was_tried_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "find_driver", lambda: DRIVER)
    monkeypatch.setattr(choice, "ENGINES", engines())
    with pytest.raises(BackendError) as caught:
        open_backend("tensorrt", 1)
    assert str(caught.value) == (
        "device tensorrt cannot be used: tensorrt is broken; tensorrt_rtx is broken; onnxruntime TensorRT is broken. "
        "Run: pip install 'licrt[tensorrt]'; or use --device cpu"
    )


def test_unknown_devices() -> None:
    with pytest.raises(BackendError, match="device 'abacus' is unknown: expected one of auto, cpu, cuda, tensorrt"):
        open_backend("abacus", 1)


def test_the_cpu_is_always_among_the_engines() -> None:
    first, *others = find_engines(1)
    assert first.backend is not None
    assert not first.backend.accelerated
    assert all(found.backend or found.reasons for found in others)
