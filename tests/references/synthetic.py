"""Whole bundles of random integer networks and tiny ONNX graphs, made without a trained model."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from references.networks import context_of, rates_of, spread_layer, thresholds_of
from references.tables import gaussian_tables, scale_table
from safetensors.numpy import save

from licrt.export.describe import describe_context, describe_network, describe_rates
from licrt.runtime.bundle import model_id
from licrt.runtime.integer import Network

STRIDE, HYPER_STRIDE, HYPER_CHANNELS, FRACTION = 4, 2, 5, 4


# A model of each kind that a decoder has to tell apart, as arguments of write_bundle.
HYPER_PRIORS = {
    "scales": {"means": False},
    "scales and means": {},
    "variable rate": {"rate_points": 5},
    "wavefront": {"orders": ["wavefront"]},
    "checkerboard groups": {"orders": ["whole", "checkerboard", "checkerboard"]},
    "everything": {"orders": ["whole", "wavefront", "checkerboard"], "rate_points": 4},
    "context without means": {"orders": ["wavefront"], "means": False},
}
KINDS = {"factorised": {"hyper": False}, **HYPER_PRIORS}


def write_bundle(directory, orders=None, *, channels=6, means=True, rate_points=0, hyper=True, scales=None, seed=1):
    """Write a bundle whose latents, indexes and symbols spread, and return its directory.

    Args:
        directory: to be made.
        orders: of the groups of its context model; None for a plain hyper-prior.
        channels: latents of each group.
        means: whether means are predicted.
        rate_points: of a variable-rate model; 0 for a single rate.
        hyper: whether there is a hyper-latent; without one the model is factorised.
        scales: of the Gaussian tables; None for CompressAI's.
    """
    random = np.random.default_rng(seed)
    scales = scale_table() if scales is None else scales
    latents = channels * len(orders or [""])
    entropy = {
        "stride": STRIDE,
        "latent_channels": latents,
        "hyper_channels": HYPER_CHANNELS if hyper else 0,
        "hyper_stride": HYPER_STRIDE if hyper else 0,
        "mean_fraction": FRACTION,
    }
    points, rates, tensors = max(rate_points, 1), None, {}
    if not hyper:
        tensors = _tables("prior", np.arange(1.0, latents + 1))
        tensors["prior.median"] = random.integers(-40, 40, latents).astype(np.int32)
        network = None
    elif orders:
        model = context_of(
            random, orders, channels=channels, feature_channels=9, mean_fraction=FRACTION, tables=len(scales),
            means=means, rate_points=rate_points, bias_sets=bool(rate_points),
        )  # fmt: skip
        rates = model.rates
        entropy["context"], arrays = describe_context(model)
        tensors |= arrays
        network = _hyper_synthesis(random, 9, 0, points, len(scales))
    else:
        rates = rates_of(random, rate_points, len(scales), FRACTION) if rate_points else None
        network = _hyper_synthesis(random, latents * (1 + means), latents, points, len(scales))
    if network:
        entropy["hyper_synthesis"], arrays = describe_network(network, "hyper_synthesis")
        tensors |= arrays | _tables("prior", [1.0, 2, 3, 4, 5]) | _tables("gaussian", scales)
        tensors["prior.median"] = network.input_offset
    if rates:
        entropy["rates"], arrays = describe_rates(rates)
        tensors |= arrays
    graphs = {role: graph.SerializeToString() for role, graph in _graphs(random, latents).items()}
    if not hyper:
        del graphs["hyper_analysis"]
    files = {f"{role}.onnx": data for role, data in graphs.items()} | {"entropy.safetensors": save(tensors)}
    manifest = {
        "format": "licrt-bundle",
        "format_version": 1,
        "id": model_id(tensors, entropy, "0" * 64),
        "name": directory.name,
        "arch": "synthetic",
        "quality": None,
        "metric": "mse",
        "entropy": entropy,
        "synthesis_sha256": "0" * 64,
        "graphs": {role: {"file": f"{role}.onnx", "halo": 0} for role in graphs},
        "files": {name: {"bytes": len(d), "sha256": hashlib.sha256(d).hexdigest()} for name, d in files.items()},
    }
    if rates:
        manifest["default_point"] = rate_points // 2
    directory.mkdir()
    for name, data in files.items():
        (directory / name).write_bytes(data)
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return directory


def _hyper_synthesis(random, out, index_channels, points, tables):
    up = {"kind": "conv_transpose", "stride": HYPER_STRIDE, "padding": 1, "output_padding": 1}
    first, _ = spread_layer(random, 7, HYPER_CHANNELS, 3, bits=8, activation="relu", spread=150, **up)
    bits, spread = (22, 8.0 * 2**FRACTION) if index_channels else (10, None)
    last, deviation = spread_layer(random, out, 7, 3, bits=8, output_bits=bits, spread=spread)
    thresholds = thresholds_of(random, deviation, points, index_channels, tables)
    if not index_channels:
        thresholds = np.zeros((1, 0, 0), np.int32)
    medians = random.integers(-40, 40, HYPER_CHANNELS).astype(np.int32)
    return Network(8, 3, medians, (first, last), index_channels, thresholds)


def _tables(name, scales):
    cdf, lengths, offsets = gaussian_tables(scales)
    rows = [row[:length] for row, length in zip(cdf, lengths, strict=True)]
    return {f"{name}.cdf": np.concatenate(rows), f"{name}.lengths": lengths, f"{name}.offsets": offsets}


def _graphs(random, channels):
    """Latents of some tens; hyper-latents of a few; pictures of about 1/2."""
    up = {"strides": [STRIDE] * 2}
    return {
        "analysis": _graph(random, "Conv", 3, channels, STRIDE, 15.0, 0.0, up),
        "hyper_analysis": _graph(
            random, "Conv", channels, HYPER_CHANNELS, 3, 0.05, 0.0, {"strides": [2, 2], "pads": [1, 1, 1, 1]}
        ),
        "synthesis": _graph(random, "ConvTranspose", channels, 3, STRIDE, 0.01, 0.5, up),
    }


def _graph(random, operator, inputs, outputs, kernel, scale, bias, attributes):
    pair = (outputs, inputs) if operator == "Conv" else (inputs, outputs)
    weight = random.normal(0, scale, (*pair, kernel, kernel)).astype(np.float32)
    constants = {"w": weight, "b": np.full(outputs, bias, np.float32)}
    graph = helper.make_graph(
        [helper.make_node(operator, ["x", "w", "b"], ["y"], **attributes)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, inputs, "h", "w_"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, outputs, "H", "W"])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 18)])
    onnx.checker.check_model(model)
    return model
