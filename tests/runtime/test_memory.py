"""What a process may still take, as Linux tells it; and what codecs take, measured in processes of their own."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from references.synthetic import KINDS, write_bundle

from licrt.runtime import memory
from licrt.runtime.errors import PictureError
from licrt.runtime.memory import available, expect_memory

LINUX = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells")
MIB = 1 << 20


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Write the files that a system is asked for, and forget the limits of this process."""
    monkeypatch.setattr(memory, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def write(**files: str) -> None:
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_DOT_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


STATUS = "Name:\tpython\nVmSize:\t 512000 kB\nVmData:\t 204800 kB\nRssAnon:\t  10240 kB\nThreads:\t1\n"
MEMINFO = "MemTotal: 4096000 kB\nMemAvailable: 1024000 kB\nSwapFree: 102400 kB\nHugePages_Total:       0\n"


def test_nothing_is_refused_where_the_system_says_nothing(system) -> None:
    assert available() == (float("inf"), "this machine")
    expect_memory(1 << 60, "anything")


def test_a_machine_has_what_is_available_and_swap_and_what_may_be_used_again(system) -> None:
    system(proc__self__status=STATUS, proc__meminfo=MEMINFO)
    assert available() == ((1000 + 100 + 10) * MIB, "this machine")
    expect_memory((1110 + 64) * MIB, "this")  # nobody knows to the mebibyte
    with pytest.raises(PictureError, match=r"at least 1,175 MiB of memory, and this machine leaves 1,110 MiB\."):
        expect_memory(1175 * MIB, "this")


def test_limits_of_the_process(system, monkeypatch: pytest.MonkeyPatch) -> None:
    system(proc__self__status=STATUS, proc__meminfo=MEMINFO)
    limits = {resource.RLIMIT_AS: 900 * MIB, resource.RLIMIT_DATA: 500 * MIB}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limits[kind], resource.RLIM_INFINITY))
    assert available() == ((500 - 200 + 10) * MIB, "its limit of data (ulimit -d)")
    limits[resource.RLIMIT_DATA] = resource.RLIM_INFINITY
    assert available() == ((900 - 500 + 10) * MIB, "its limit of address space (ulimit -v)")


GROUP = "the memory limit of its control group (container)"


def test_control_groups_of_version_2_and_those_above(system) -> None:
    system(
        proc__self__status=STATUS,
        proc__meminfo=MEMINFO,
        proc__self__cgroup="0::/pods/one\n",
        cgroup__pods__one__memory_DOT_max="max\n",
        cgroup__pods__one__memory_DOT_stat="anon 104857600\nfile 999\n",
        cgroup__pods__memory_DOT_max=f"{600 * MIB}\n",
        cgroup__pods__memory_DOT_stat=f"anon {200 * MIB}\nfile 999\n",
    )
    assert available() == ((600 - 200 + 100 + 10) * MIB, GROUP)


def test_a_container_that_sees_its_group_as_the_root(system) -> None:
    system(
        proc__self__status=STATUS,
        proc__meminfo=MEMINFO,
        proc__self__cgroup="0::/../../somewhere/else\n",
        cgroup__memory_DOT_max=f"{300 * MIB}\n",
        cgroup__memory_DOT_stat=f"anon {200 * MIB}\n",
    )
    assert available() == ((300 - 200 + 100 + 10) * MIB, GROUP)


def test_control_groups_of_version_1(system) -> None:
    limit = f"cache 5\ntotal_rss {50 * MIB}\nhierarchical_memory_limit {400 * MIB}\n"
    system(
        proc__self__status=STATUS,
        proc__meminfo=MEMINFO,
        proc__self__cgroup="9:pids:/docker/a\n4:cpuacct,memory:/docker/a\n0::/\n",
        cgroup__memory__docker__a__memory_DOT_stat=limit,
    )
    assert available() == ((400 - 50 + 100 + 10) * MIB, GROUP)


def test_small_needs_ask_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: pytest.fail("the system was asked"))
    expect_memory(MIB, "a small picture")


MEASURE = """
import json, sys
from pathlib import Path
import numpy as np
from licrt.runtime.bundle import load_bundle
from licrt.runtime.entropy import load_entropy_model

def peak(call):
    Path("/proc/self/clear_refs").write_text("5")
    size = lambda name: int(Path("/proc/self/status").read_text().split(name + ":")[1].split()[0]) << 10
    before = size("VmRSS")
    result = call()
    return result, size("VmHWM") - before

report = {}
for folder in sys.argv[1:]:
    model = load_entropy_model(load_bundle(Path(folder)))
    height, width = 640, 900
    latent = np.zeros((model.latent_channels, height, width), np.float32)
    hyper = np.zeros(model.hyper_shape(height, width), np.float32) if model.network else None
    (payload, coded, _), encoding = peak(lambda: model.encode(latent, hyper, 1))
    _, decoding = peak(lambda: model.decode(payload, coded, height, width, 1))
    needs = [model.memory(height, width, encoding=which) for which in (True, False)]
    report[Path(folder).name] = [[encoding, needs[0]], [decoding, needs[1]]]
print(json.dumps(report))
"""


@LINUX
def test_entropy_models_take_what_they_are_said_to_take_at_least(tmp_path: Path) -> None:
    folders = [write_bundle(tmp_path / name, channels=18, **KINDS[name]) for name in KINDS]
    fixed = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}  # what is freed is given back
    command = [sys.executable, "-c", MEASURE, *map(str, folders)]
    done = subprocess.run(command, env=fixed, capture_output=True, check=True, text=True)
    for name, measured in json.loads(done.stdout).items():
        for peak, least in measured:
            assert least > 20 * MIB, name
            assert 0.95 * least < peak < 2.5 * least, (name, measured)


LIMITED = """
import resource, sys
from pathlib import Path
import numpy as np
from licrt.runtime import Codec
from licrt.runtime.errors import PictureError

codec = Codec.load("default", threads=1)
codec.decode(codec.encode(np.zeros((64, 64, 3), np.uint8)))
size = lambda name: int(Path("/proc/self/status").read_text().split(name + ":")[1].split()[0]) << 10
resource.setrlimit(resource.RLIMIT_AS, (size("VmSize") + (64 << 20), -1))
begin = size("VmHWM")
try:
    if sys.argv[1] == "encode":
        codec.encode(np.broadcast_to(np.uint8(7), (20_000, 20_000, 3)))
    else:
        codec.decode(Path(sys.argv[2]).read_bytes())
except PictureError as error:
    print(error)
print(size("VmHWM") - begin >> 20)
"""


@LINUX
def test_pictures_that_cannot_fit_are_refused_before_work_begins(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED, "encode"], capture_output=True, check=True, text=True)
    message, grown = done.stdout.splitlines()
    assert message.startswith("encoding 20000 x 20000 pixels takes at least 12,016 MiB")
    assert "its limit of address space (ulimit -v) leaves " in message
    assert int(grown) < 8
