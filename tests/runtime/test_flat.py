"""Flat models: the bytes of the specification, and that they hold what the bundle does."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from references.bundles import forge
from references.synthetic import KINDS, write_bundle

from licrt.runtime import context, integer
from licrt.runtime.bundle import Bundle, load_bundle, load_tensors
from licrt.runtime.errors import ModelError
from licrt.runtime.exact import ExactHalf, Tables, load_exact_half
from licrt.runtime.flat import flat_bytes, flatten

SPECIFICATION = Path(__file__).parents[2] / "docs" / "bitstream.md"


def test_the_example_of_the_specification():
    text = SPECIFICATION.read_text(encoding="utf-8").partition("## 7. Flat models")[2]
    block = "".join(re.findall(r"^    ((?:[0-9A-F]{2} +)*[0-9A-F]{2})$", text, re.M))
    tables = Tables(np.int32([[0, 1, 65534, 65535, 65536]]), np.int32([5]), np.int32([-1]))
    bundle = Bundle(
        directory=Path(), name="", id=bytes(range(16)).hex(), arch="", quality=None, metric="", stride=2,
        latent_channels=1, hyper_channels=0, hyper_stride=0, mean_fraction=1, rate_points=1, default_point=0, graphs={},
        manifest={},
    )  # fmt: skip
    assert flat_bytes(bundle, ExactHalf(tables, np.int32([-3]), None)) == bytes.fromhex(block)


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_is_that_of_the_bundle(kind, tmp_path):
    """Read here by another program than the one that wrote it, from the specification."""
    bundle = load_bundle(write_bundle(tmp_path / "model", **KINDS[kind]))
    data, tensors, half = flatten(bundle), load_tensors(bundle), load_exact_half(bundle)
    assert data == flatten(bundle)
    assert (data[:8], data[12:28].hex()) == (b"\x89LCM\r\n\x1a\n", bundle.id)
    fields = struct.unpack_from("<I16x12I", data, 8)
    assert fields[:3] == (1, bundle.stride, bundle.latent_channels)
    assert fields[3:5] == (bundle.hyper_channels, bundle.hyper_stride)
    assert fields[5:7] == (bundle.mean_fraction, bundle.rate_points)
    points, prior, gaussians, gaussian, network, model, rates = fields[6:]
    latents, hyper = bundle.latent_channels, bundle.hyper_channels
    place = 76

    def take(dtype, *shape):
        nonlocal place
        array = np.frombuffer(data, dtype, int(np.prod(shape)), place).reshape(shape)
        place += array.nbytes
        return array

    def expect_tables(name, count, numbers):
        for part, size in (("lengths", count), ("offsets", count), ("cdf", numbers)):
            assert np.array_equal(take("<i4", size), tensors[f"{name}.{part}"])

    expect_tables("prior", hyper or latents, prior)
    if hyper:
        expect_tables("gaussian", gaussians, gaussian)
    else:
        assert np.array_equal(take("<i4", latents), tensors["prior.median"])
        assert (gaussians, gaussian, network, model) == (0, 0, 0, 0)
    assert rates == ("rates.shift" in tensors and not model)
    if rates:
        assert np.array_equal(take("<u4", points), tensors["rates.multiplier"])
        assert np.array_equal(take("<u4", points), tensors["rates.shift"])
        assert np.array_equal(take("<i8", points, gaussians), tensors["rates.offset"])
    if half.hyper:
        assert take("u1", network).tobytes() == integer.to_blob(half.hyper.network)
        assert take("u1", model).tobytes() == (context.to_blob(half.hyper.context) if model else b"")
        assert bool(model) == (half.hyper.context is not None)
    assert take("<u4", 1)[0] == zlib.crc32(data[:-4])
    assert place == len(data)


def test_tables_that_no_coder_takes_are_refused(tmp_path):
    directory = write_bundle(tmp_path / "model")

    def swap(tensors, manifest):
        tensors["gaussian.cdf"][1:3] = tensors["gaussian.cdf"][2:0:-1]

    forge(directory, swap)
    with pytest.raises(ModelError, match="a table of cumulative frequencies breaks a rule"):
        flatten(load_bundle(directory))
