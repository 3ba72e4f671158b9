"""Latents to payloads and back: the runtime against the slow references, for every kind of model."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from references.bundles import edit, forge
from references.synthetic import HYPER_PRIORS, write_bundle
from references.tables import scale_table

from licrt.export import context_reference, integer_reference
from licrt.runtime import coder
from licrt.runtime.bundle import load_bundle, load_tensors
from licrt.runtime.description import context_from, network_from, rates_from
from licrt.runtime.entropy import Payload, available_kernels, load_entropy_model
from licrt.runtime.errors import FormatError, LicrtError, ModelError

SIZE = (9, 13)


@pytest.fixture(scope="module", params=HYPER_PRIORS)
def bundle(request, tmp_path_factory):
    return load_bundle(write_bundle(tmp_path_factory.mktemp("models") / "model", **HYPER_PRIORS[request.param]))


def latents_of(bundle, seed=1):
    """A latent and a hyper-latent, of natural spread."""
    random = np.random.default_rng(seed)
    hyper = random.laplace(0, 3, (bundle.hyper_channels, *(-(-side // 2) for side in SIZE)))
    return random.laplace(0, 12, (bundle.latent_channels, *SIZE)).astype(np.float32), hyper.astype(np.float32)


def expected(bundle, latent, hyper_latent, point):
    """Symbols, indexes and y_hat in coding order, from the references alone."""
    tensors, entropy = load_tensors(bundle), bundle.manifest["entropy"]
    network = network_from(entropy["hyper_synthesis"], tensors, "hyper_synthesis")
    rates = rates_from(entropy["rates"], tensors, len(scale_table())) if "rates" in entropy else None
    median = network.input_offset[:, None, None] / 2.0**network.input_shift
    z = np.rint(hyper_latent - median.astype(np.float32)).astype(np.int32)
    if "context" in entropy:
        model = context_from(entropy["context"], tensors, bundle.latent_channels, bundle.mean_fraction, rates)
        features = integer_reference.run(network, z, *SIZE)[1]
        return context_reference.encode(model, features, latent, point)
    indexes, means = integer_reference.run(network, z, *SIZE, point)
    if not len(means):
        means = np.zeros_like(indexes)
    symbols = context_reference.quantise(latent, means, rates, bundle.mean_fraction, point)
    y_hat = context_reference.dequantise(symbols, indexes, means, rates, bundle.mean_fraction, point)
    return symbols.ravel(), indexes.ravel(), y_hat


def test_payload_and_latent_are_those_of_the_references(bundle) -> None:
    latent, hyper_latent = latents_of(bundle)
    model, tables = load_entropy_model(bundle), coder_tables(bundle)
    for point in range(bundle.rate_points):
        symbols, indexes, y_hat = expected(bundle, latent, hyper_latent, point)
        assert len(np.unique(indexes)) >= 40
        assert np.count_nonzero(symbols) > 0.2 * symbols.size
        payload, hyper, actual = model.encode(latent, hyper_latent, 2, point)
        assert np.array_equal(actual, y_hat)
        coded = coder.encode(symbols.astype(np.int32), indexes.astype(np.int32), tables, payload.lanes)
        assert payload.data == coded
        assert np.array_equal(model.decode(payload, hyper, *SIZE, 1, point), y_hat)
        decoded = model.decode_symbols(payload, hyper, *SIZE, 1, point)
        assert np.array_equal(decoded.y_hat, y_hat)
        assert np.array_equal(decoded.latent, symbols)
        assert np.array_equal(decoded.indexes, indexes)
        channels = np.repeat(np.arange(bundle.hyper_channels, dtype=np.int32), decoded.hyper.size // len(hyper_latent))
        assert coder.encode(decoded.hyper, channels, model.prior, hyper.lanes) == hyper.data


def coder_tables(bundle):
    tensors = load_tensors(bundle)
    lengths, rows = tensors["gaussian.lengths"], tensors["gaussian.cdf"]
    cdf = np.zeros((len(lengths), lengths.max()), np.int32)
    cdf[np.arange(cdf.shape[1]) < lengths[:, None]] = rows
    return coder.CdfTables(cdf, lengths, tensors["gaussian.offsets"])


def test_every_kernel_decodes_the_same(bundle) -> None:
    payload, hyper, y_hat = load_entropy_model(bundle).encode(*latents_of(bundle), 1)
    for cpu in available_kernels():
        model = load_entropy_model(bundle, cpu)
        for threads in (1, 3):
            assert np.array_equal(model.decode(payload, hyper, *SIZE, threads), y_hat)


def test_latents_beyond_all_bounds(bundle) -> None:
    """Symbols are limited to 2^15, and what a decoder makes of them fits 24 bits."""
    latent, hyper_latent = latents_of(bundle)
    latent.flat[::3], latent.flat[1::3] = 3e38, -3e38
    model = load_entropy_model(bundle)
    for point in {0, bundle.rate_points - 1}:
        payload, hyper, y_hat = model.encode(latent, hyper_latent, 1, point)
        assert np.array_equal(model.decode(payload, hyper, *SIZE, 1, point), y_hat)
        assert np.abs(y_hat.astype(np.int64)).max() < 1 << 24
    for value in (np.nan, np.inf):
        latent[-1, 2, 3] = value
        with pytest.raises(LicrtError, match="not finite"):
            model.encode(latent, hyper_latent, 1)
    with pytest.raises(LicrtError, match="not finite"):
        model.encode(*latents_of(bundle)[:1], hyper_latent * np.float32(np.nan), 1)
    with pytest.raises(LicrtError, match="needs a hyper-latent"):
        model.encode(latent, None, 1)


def test_damage_is_a_format_error_or_another_latent(bundle) -> None:
    model, random = load_entropy_model(bundle), np.random.default_rng(5)
    payload, hyper, y_hat = model.encode(*latents_of(bundle), 1)
    noticed = 0
    for _ in range(60):
        data = bytearray(payload.data)
        data[random.integers(len(data))] ^= 1 << random.integers(8)
        try:
            other = model.decode(replace(payload, data=bytes(data)), hyper, *SIZE, 1)
        except FormatError:
            noticed += 1
            continue
        assert not np.array_equal(other, y_hat)
    assert noticed > 30
    for data in (b"", payload.data[:-4], payload.data + bytes(4), payload.data[: len(payload.data) // 2]):
        with pytest.raises(FormatError):
            model.decode(replace(payload, data=data), hyper, *SIZE, 1)
    with pytest.raises(FormatError, match="lacks the hyper-latent"):
        model.decode(payload, None, *SIZE, 1)


def test_a_symbol_that_no_encoder_writes(bundle) -> None:
    model = load_entropy_model(bundle)
    latent, hyper_latent = latents_of(bundle)
    symbols, indexes, _ = expected(bundle, latent, hyper_latent, 0)
    _, hyper, _ = model.encode(latent, hyper_latent, 1)
    # The last one: with another symbol before it, a context model would go on with other tables.
    for last, fits in ((1 << 15, True), (-(1 << 15), True), (1 + (1 << 15), False), (-1 - (1 << 15), False)):
        symbols[-1] = last
        flat = symbols.astype(np.int32), indexes.astype(np.int32)
        payload = Payload(coder.encode(*flat, coder_tables(bundle), 2), 2)
        if fits:
            model.decode(payload, hyper, *SIZE, 1)
        else:
            with pytest.raises(FormatError):
                model.decode(payload, hyper, *SIZE, 1)


CONTEXT = ["whole", "wavefront"]
FORGERIES = [
    (None, 3, lambda t, m: m["entropy"]["rates"].update(rate_points=4)),
    (None, 3, lambda t, m: m["entropy"].pop("rates")),
    (None, 0, lambda t, m: m["entropy"].update(rates={"rate_points": 1})),
    (None, 0, lambda t, m: m["entropy"].update(rates=None)),
    (None, 0, lambda t, m: m["entropy"].update(context=None)),
    (None, 0, lambda t, m: m["entropy"].update(context={})),
    (None, 3, lambda t, m: t.update({"rates.offset": t["rates.offset"][:, 1:].copy()})),
    (None, 3, lambda t, m: t.update({"rates.shift": t["rates.shift"] + np.uint8(30)})),
    (None, 3, lambda t, m: t.pop("hyper_synthesis.threshold_rows")),
    (None, 3, lambda t, m: t.update({"hyper_synthesis.thresholds": t["hyper_synthesis.thresholds"][:2].copy()})),
    (CONTEXT, 0, lambda t, m: m["entropy"].pop("context")),
    (CONTEXT, 0, lambda t, m: m["entropy"].pop("hyper_synthesis")),
    (CONTEXT, 0, lambda t, m: m["entropy"]["context"].update(bits=9)),
    (CONTEXT, 0, lambda t, m: m["entropy"]["context"].update(feature_channels=8)),
    (CONTEXT, 0, lambda t, m: m["entropy"]["hyper_synthesis"]["layers"][-1].update(output_bits=11)),
    (CONTEXT, 0, lambda t, m: m["entropy"]["hyper_synthesis"].update(index_channels=9)),
    (CONTEXT, 0, lambda t, m: m["entropy"]["context"]["groups"][1]["parameters"][-1].update(output_bits=23)),
    (CONTEXT, 0, lambda t, m: t.update({"context.0.thresholds": t["context.0.thresholds"][:, 1:].copy()})),
    (CONTEXT, 3, lambda t, m: m["entropy"].pop("rates")),
    (CONTEXT, 3, lambda t, m: m["entropy"]["rates"].update(rate_points=2)),
    (CONTEXT, 3, lambda t, m: m["entropy"].update(hyper_channels=0, hyper_stride=0)),
]


@pytest.mark.parametrize(("orders", "rate_points", "change"), FORGERIES)
def test_forged_bundles_are_refused(tmp_path, orders, rate_points, change) -> None:
    directory = write_bundle(tmp_path / "model", orders, rate_points=rate_points)
    load_entropy_model(load_bundle(directory))
    forge(directory, change)
    with pytest.raises(ModelError):
        load_entropy_model(load_bundle(directory))


@pytest.mark.parametrize("value", [-1, 3, True, 1.0, "1", None, [0]])
def test_a_default_point_that_is_none(tmp_path, value) -> None:
    directory = write_bundle(tmp_path / "model", rate_points=3)
    assert load_bundle(directory).default_point == 1
    edit(directory, lambda manifest: manifest.update(default_point=value))
    with pytest.raises(ModelError, match="default_point"):
        load_bundle(directory)
    edit(directory, lambda manifest: manifest.pop("default_point"))
    with pytest.raises(ModelError, match="default_point"):
        load_bundle(directory)


def test_bundles_are_the_same_each_time(tmp_path) -> None:
    one, other = (write_bundle(tmp_path / name, CONTEXT, rate_points=2) for name in ("a", "b"))
    assert json.loads((one / "manifest.json").read_text())["id"] == load_bundle(other).id
