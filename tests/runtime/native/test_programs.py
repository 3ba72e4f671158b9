"""The tests in C and C++ (CMakeLists.txt in this folder), here and, cross-compiled, on 64-bit ARM and IBM Z under qemu.

All machines are held against the same bytes, so what any of them encodes the others decode. IBM Z stores the high byte
of a number first, the other two the low one.
"""

from __future__ import annotations

import hashlib

from references.programs import decode, qemu, run

from licrt.runtime.container import read_info

PROGRAMS = ("kernels_equal", "models_equal", "contexts_equal")
STREAMS = (
    "9d551bc6f3f4b54b4bb428a5ea607f3e7bdf46595f782a6f55ace55dc18d202c"  # what random_streams.cpp writes, as SHA-256
)


def check_streams(programs, folder, cpus, *emulator):
    for cpu in cpus:
        run(*emulator, programs / "random_streams", folder, cpu)
        files = sorted(folder.iterdir())
        assert hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest() == STREAMS
    for model, stream in zip(files[1::2], files[::2], strict=True):
        crc = read_info(stream.read_bytes()).latent_crc
        assert decode(model, [stream], *emulator, programs / "decode") == [dict.fromkeys(cpus, crc)]


def test_every_set_of_kernels_gives_the_same_numbers(here):
    for program in PROGRAMS:
        assert run(here / program).startswith("scalar ")


def test_every_set_of_kernels_gives_the_same_numbers_on_arm(arm):
    for program in PROGRAMS:
        assert run(*qemu("aarch64"), arm / program) == "scalar neon neondot ok\n"
    assert run(*qemu("aarch64", "cortex-a72"), arm / "contexts_equal") == "scalar neon ok\n"  # has no dot product


def test_every_model_gives_the_same_numbers_on_s390x(s390x):
    for program in PROGRAMS:
        assert run(*qemu("s390x"), s390x / program) == "scalar ok\n"


def test_streams_are_the_same_bytes_and_decode(here, tmp_path):
    check_streams(here, tmp_path, tuple(run(here / "kernels_equal").split()[:-1]))


def test_streams_are_the_same_bytes_and_decode_on_arm(arm, tmp_path):
    check_streams(arm, tmp_path, ("scalar", "neon", "neondot"), *qemu("aarch64"))


def test_streams_are_the_same_bytes_and_decode_on_s390x(s390x, tmp_path):
    check_streams(s390x, tmp_path, ("scalar",), *qemu("s390x"))
