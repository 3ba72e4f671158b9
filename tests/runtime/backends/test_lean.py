"""The CPU needs nothing of what is for GPUs, and loads nothing of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PICTURE = Path(__file__).parents[3] / "conformance" / "pictures" / "column.png"
PROGRAM = """
import sys
from licrt.runtime.cli import main
picture, stream, *options = sys.argv[1:]
main(["encode", picture, "-o", stream, "--quiet", *options], standalone_mode=False)
main(["decode", stream, "-o", stream + ".png", "--quiet", *options], standalone_mode=False)
main(["verify", stream], standalone_mode=False)
backends = {name.rpartition(".")[2] for name in sys.modules if name.startswith("licrt.runtime.backends.")}
foreign = {"tensorrt", "tensorrt_rtx", "cuda", "nvidia", "onnx", "torch"} & {*sys.modules}
print(sorted(backends), sorted(foreign))
"""


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_nothing_for_gpus_is_loaded(device: str, tmp_path: Path) -> None:
    """Packages that end the process when they are imported stand where those of NVIDIA's would."""
    for name in ("tensorrt", "tensorrt_rtx", "cuda", "nvidia"):
        (tmp_path / "path" / name).mkdir(parents=True)
        (tmp_path / "path" / name / "__init__.py").write_text("import os; os._exit(99)\n")
    path = os.pathsep.join([str(tmp_path / "path"), *filter(None, [os.environ.get("PYTHONPATH")])])
    hidden = {"PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": ""}  # where there is a driver, it knows no device
    command = [sys.executable, "-c", PROGRAM, PICTURE, tmp_path / "a.lci", "--device", device]
    done = subprocess.run(command, env=os.environ | hidden, capture_output=True, text=True, check=True)
    loaded = ["choice", "driver", "onnxruntime_cpu", "onnxruntime_sessions", "unusable"]
    assert done.stdout.splitlines()[-1] == f"{loaded} []"


def test_the_runtime_loads_no_engine_before_it_is_asked() -> None:
    program = (
        "import sys, licrt.runtime, licrt.runtime.backends; "
        "print([name for name in sys.modules if 'onnxruntime' in name or name.startswith('licrt.runtime.backends.')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
