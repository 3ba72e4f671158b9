"""`lic-run verify`, `models` and `doctor`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from licrt.runtime import Codec
from licrt.runtime.container import read_info
from licrt.runtime.errors import MismatchError
from licrt.runtime.models import find

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    import pytest
    from conftest import Outcome

    LicRun = Callable[..., Outcome]


def test_verify_names_every_path(stream: Path, codec: Codec, lic_run: LicRun) -> None:
    outcome = lic_run("verify", stream)
    crc = f"{read_info(stream.read_bytes()).latent_crc:08x}"
    assert outcome.code == 0
    lines = outcome.stdout.decode().splitlines()
    assert lines[0] == f"model {codec.info.name} ({codec.info.id}), latents of the encoder {crc}"
    assert lines[-1] == f"all {len(lines) - 2} paths agree"
    for path in codec.entropy_paths():
        assert sum(line.startswith(path) and crc in line for line in lines) == 2


def test_verify_fails_with_4_where_a_path_differs(
    stream: Path, lic_run: LicRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode_latents = Codec.decode_latents

    def differs(self: Codec, data: bytes, *, path: str | None = None, threads: int | None = None) -> Any:
        if path == "scalar":
            raise MismatchError("different")
        return decode_latents(self, data, path=path, threads=threads)

    monkeypatch.setattr(Codec, "decode_latents", differs)
    outcome = lic_run("verify", stream)
    assert outcome.code == 4
    assert "DIFFERENT" in outcome.stdout.decode()
    assert "paths give other latents" in outcome.stderr


def test_models(codec: Codec, lic_run: LicRun) -> None:
    (default,) = (row for row in json.loads(lic_run("models", "--json").stdout) if row["default"])
    assert default["id"] == codec.info.id
    assert default["path"] == str(find("default"))
    table = lic_run("models").stdout.decode().splitlines()
    assert table[0].split() == ["name", "default", "id", "arch", "quality", "metric", "rate_points", "parts", "path"]
    assert any(codec.info.id in line for line in table[1:])


def test_models_can_be_added(
    photo: Path, codec: Codec, lic_run: LicRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    outcome = lic_run("models", "--add", find("default"), "--json")
    assert outcome.code == 0
    assert outcome.stderr.startswith(f"installed {codec.info.name} ({codec.info.id}) in {tmp_path}")
    assert str(tmp_path) in outcome.stdout.decode()
    assert lic_run("encode", photo, "-m", codec.info.name).code == 0
    assert lic_run("models", "--add", tmp_path).code == 4


def test_doctor(lic_run: LicRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LICRT_CPU", "scalar")
    outcome = lic_run("doctor")
    text = outcome.stdout.decode()
    assert outcome.code == 0
    assert text.endswith("ready to encode and decode\n")
    for words in ("licrt  ", "numpy", "scalar", "onnxruntime", "models_embedded", "LICRT_CPU", "provider"):
        assert words in text


def test_doctor_sees_a_gpu(lic_run: LicRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from references.gpu_stand_in import Gpu, StandIn, install

    install(monkeypatch, StandIn(Gpu()))
    monkeypatch.setenv("LICRT_CACHE", str(tmp_path))
    lines = [line.split(maxsplit=1) for line in lic_run("doctor").stdout.decode().splitlines()]
    assert ["driver", "for CUDA 12.6 and earlier"] in lines
    assert ["device", "Orin, compute capability 8.7, 7.0 GiB"] in lines
    assert ["tensorrt", "works, --device tensorrt"] in lines
    assert ["tensorrt_rtx", "no: tensorrt_rtx is not installed"] in lines
    assert ["engine", f"cache          {tmp_path}/engines, not there yet"] in lines


def test_doctor_sees_a_cache_that_others_can_write(
    lic_run: LicRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LICRT_CACHE", str(tmp_path))
    (tmp_path / "engines").mkdir(mode=0o700)
    assert f"{tmp_path}/engines, 0 files" in lic_run("doctor").stdout.decode()
    (tmp_path / "engines").chmod(0o777)
    text = lic_run("doctor").stdout.decode()
    assert f"{tmp_path}/engines, NOT USED: it must be a directory that this user alone can write" in text


def test_doctor_sees_kernels_that_are_not_there(lic_run: LicRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LICRT_CPU", "abacus")
    outcome = lic_run("doctor")
    assert outcome.code == 5
    assert "LICRT_CPU asks for the kernels 'abacus'" in outcome.stderr
    assert "ready" not in outcome.stdout.decode()


def test_doctor_without_an_engine_is_5(lic_run: LicRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    outcome = lic_run("doctor")
    assert outcome.code == 5
    assert "MISSING" in outcome.stdout.decode()
    assert "pip install 'licrt[cpu]'" in outcome.stderr
    assert "ready" not in outcome.stdout.decode()


def test_doctor_sees_engines_that_overwrite_each_other(lic_run: LicRun, monkeypatch: pytest.MonkeyPatch) -> None:
    both = {"licrt": "0", "onnxruntime": "1", "onnxruntime-gpu": "1"}
    monkeypatch.setattr("licrt.runtime.machine.versions", lambda: both)
    outcome = lic_run("doctor")
    assert outcome.code == 5
    assert "both installed and overwrite each other's files. Run: pip uninstall" in outcome.stderr
