"""The tests in C and C++ (CMakeLists.txt in this folder), here and, cross-compiled, on 64-bit ARM as qemu emulates it.

Both machines are held against the same bytes, so what either of them encodes the other one decodes.
"""

from __future__ import annotations

import hashlib
import subprocess

from references.programs import QEMU, decode, run

PROGRAMS = ("kernels_equal", "models_equal", "contexts_equal")
STREAMS = "b32ee8067381cf7f81aafeef7413069df976499a7747c73fec499e8108228b3c"  # what exchange.cpp writes, as SHA-256


def check_streams(programs, file, cpus, *emulator):
    for cpu in cpus:
        run(*emulator, programs / "exchange", file, cpu)
        assert hashlib.sha256(file.read_bytes()).hexdigest() == STREAMS
    crcs = decode(file, *emulator, programs / "decode")
    assert len(crcs) == 8
    for each in crcs:
        assert tuple(each) == cpus
        assert len(set(each.values())) == 1
    damaged = bytearray(file.read_bytes())
    damaged[-1] ^= 1
    file.write_bytes(damaged)
    done = subprocess.run([*emulator, programs / "decode", file], check=False, capture_output=True, text=True)
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 7)


def test_every_set_of_kernels_gives_the_same_numbers(here):
    for program in PROGRAMS:
        assert run(here / program).startswith("scalar ")


def test_every_set_of_kernels_gives_the_same_numbers_on_arm(arm):
    for program in PROGRAMS:
        assert run(*QEMU, "max", arm / program) == "scalar neon neondot ok\n"
    assert run(*QEMU, "cortex-a72", arm / "contexts_equal") == "scalar neon ok\n"  # has no dot product


def test_streams_are_the_same_bytes_and_decode(here, tmp_path):
    check_streams(here, tmp_path / "streams", tuple(run(here / "kernels_equal").split()[:-1]))


def test_streams_are_the_same_bytes_and_decode_on_arm(arm, tmp_path):
    check_streams(arm, tmp_path / "streams", ("scalar", "neon", "neondot"), *QEMU, "max")
