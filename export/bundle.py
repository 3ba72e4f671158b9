"""Writing a bundle: graphs, integer tensors and manifest, checked, in one step that either happens or does not."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import save

from licrt.export import check as checks
from licrt.export.calibration import PHOTOS, Photo, calibrate, read_photos, to_tensor
from licrt.export.carried import carried_graph
from licrt.export.carried_check import check_carried
from licrt.export.carried_halo import carried_halo
from licrt.export.describe import describe_context, describe_network, describe_rates
from licrt.export.escalation import choose
from licrt.export.float_model import float_model
from licrt.export.graphs import float_graphs, to_onnx
from licrt.export.half import store_exactly
from licrt.export.halo import halo
from licrt.export.identity import synthesis_sha256
from licrt.export.integers import Integers, as_trained, quantise
from licrt.export.operations import multiplications
from licrt.export.output import refuse_existing
from licrt.export.precision_cost import measure
from licrt.export.quantise import ESCALATION, UNCHECKED
from licrt.export.rewrites import by_phase
from licrt.runtime.bundle import FORMAT_VERSION, MAX_MEAN_FRACTION, is_plain_name, load_bundle, model_id
from licrt.runtime.description import network_from
from licrt.runtime.entropy import load_entropy_model
from licrt.runtime.errors import ModelError, PictureError
from licrt.runtime.files import replace_directory, workplace
from licrt.runtime.rate import point_of

if TYPE_CHECKING:
    import onnx
    from torch import nn

    from licrt.export.float_model import FloatModel, HyperPrior
    from licrt.export.parts import Parts
    from licrt.export.tables import Tables
    from licrt.export.target import TensorRt
    from licrt.trainer.integers.quantise import Widths

Part = Literal["both", "encoder", "decoder"]
Say = Callable[[str], None]
_ROLES_OF: dict[Part, tuple[str, ...]] = {
    "both": ("analysis", "hyper_analysis", "synthesis"),
    "encoder": ("analysis", "hyper_analysis"),
    "decoder": ("synthesis",),
}
_PARTS = {"analysis": "g_a", "hyper_analysis": "h_a", "synthesis": "g_s"}  # what people call the networks
_OUTPUTS = {"analysis": "latent", "hyper_analysis": "hyper_latent", "synthesis": "picture"}


@dataclass(frozen=True)
class Labels:
    """What a manifest says about a model besides its numbers; source is where the weights came from, if published."""

    name: str
    arch: str = "custom"
    quality: int | None = None
    metric: str = "mse"
    licence: str = "unknown"
    source: Mapping[str, str] | None = None


@dataclass(frozen=True)
class _Exact:
    """The exact half of a bundle, before it is written."""

    entropy: Mapping[str, Any]
    tensors: Mapping[str, npt.NDArray[np.generic]]
    report: Mapping[str, Any]


def export_bundle(
    source: nn.Module | Parts,
    labels: Labels,
    output: Path,
    *,
    calibration: Path | None = None,
    part: Part = "both",
    check: bool = True,
    force: bool = False,
    widths: Widths | None = None,
    default_quality: int = 50,
    target: TensorRt | None = None,
    say: Say = lambda _: None,
) -> str:
    """Export a model as a bundle directory.

    Args:
        source: the model: a module that `licrt.export.parts_of` can take apart, or its parts.
        labels: name, architecture, training and licence for the manifest.
        output: directory to make; an existing bundle is replaced only with `force`.
        calibration: directory of photographs that replaces the shipped calibration set.
        part: which half's graphs to write; ids and integers are those of the full export.
        check: measure the export and refuse it where a limit is broken.
        widths: fixed widths of the integer network; None takes those that the model was trained with, or else
            escalates until the check passes.
        default_quality: what a variable-rate model encodes at unless told, 0 to 100; others have one rate.
        target: what the graphs are made for, if not for every engine; id and integers are the same. Decoders then also
            get a hyper-synthesis for accelerators (docs/float-carried.md).
        say: called with each line of the report.

    Returns:
        The model's id.

    Raises:
        ModelError: the model has a layer that cannot be exported, its name cannot be a directory's, or a check failed.
        PictureError: photographs cannot be read, or the output exists or cannot be written.
    """
    if not is_plain_name(labels.name):
        raise ModelError(f"model name {labels.name!r} cannot be a directory name; choose another one with --name")
    refuse_existing(output, force)
    model = float_model(source)
    if calibration and model.hyper is None:
        say("--calibration is not used: a factorised model has no integer network")
    photos, ranges = read_photos(PHOTOS / "check"), []
    if model.hyper:
        ranges = read_photos(calibration or PHOTOS / "calibration")
    roles = _ROLES_OF["both" if target and check else part]  # what a target costs is measured with both halves
    networks, errors = _networks(model, roles, photos[0], check=check, say=say)  # first, because it is quick to fail
    if target:
        target = target.for_model(model.stride, {n.role: n.halo for n in networks if n.role != "hyper_analysis"})
    if model.hyper:
        exact = _hyper_prior(model, model.hyper, ranges, photos, check=check, widths=widths, say=say)
    else:
        exact = _factorised(model)
    with_carried = target and model.hyper and part != "encoder"
    carried = _carried(exact, check=check, say=say) if with_carried else None
    export = _Export(model, labels, exact, networks, errors, default_quality, carried)
    if target:
        cost = export.cost(target, photos, say) if check and target.precision != "fp32" else {}
        files = export.contents(part, target, cost)
        for command in (g["trtexec"] for g in json.loads(files["manifest.json"])["graphs"].values() if "trtexec" in g):
            say(f"an engine ahead of time, in {output}: {command}")
    else:
        files = export.contents(part)
    _write(output, files)
    return str(json.loads(files["manifest.json"])["id"])


@dataclass(frozen=True)
class _Network:
    """One float network: its graph before and after it was made fast on CPUs, and what the manifest says of it."""

    role: str
    graph: onnx.ModelProto
    data: bytes
    halo: int
    multiplications: int


@dataclass(frozen=True)
class _Export:
    """Everything that a bundle is made of, whatever its part and target."""

    model: FloatModel
    labels: Labels
    exact: _Exact
    networks: list[_Network]
    errors: Mapping[str, float]
    default_quality: int
    carried: tuple[bytes, dict[str, int]] | None

    def contents(
        self, part: Part, target: TensorRt | None = None, cost: Mapping[str, Any] | None = None
    ) -> dict[str, bytes]:
        """Return the files of a bundle by name; cost is what the check measured of the target."""
        entropy, hyper, files, graphs = self.exact.entropy, self.model.hyper, {}, {}
        for network in self.networks:
            if network.role in _ROLES_OF[part]:
                made: dict[str, Any] = {"data": network.data}
                if target:
                    made = target.build(
                        network.graph, network.role, self.model.stride, entropy["hyper_stride"], network.halo
                    )
                files[f"{network.role}.onnx"] = made.pop("data")
                numbers = {"halo": network.halo, "multiplications": network.multiplications}
                graphs[network.role] = {"file": f"{network.role}.onnx", **numbers, **made}
        if self.carried and part != "encoder":
            files["hyper_synthesis.onnx"], numbers = self.carried
            graphs["hyper_synthesis"] = {"file": "hyper_synthesis.onnx", **numbers}
        files["entropy.safetensors"] = save(dict(self.exact.tensors))
        synthesis = synthesis_sha256(self.model.synthesis)
        manifest = {
            "format": "licrt-bundle",
            "format_version": FORMAT_VERSION,
            "id": model_id(dict(self.exact.tensors), entropy, synthesis),
            **dataclasses.asdict(self.labels),
            "part": part,
            **({"target": "tensorrt"} if target else {}),
            "entropy": entropy,
            "synthesis_sha256": synthesis,
            "graphs": graphs,
            "files": {name: {"bytes": len(d), "sha256": hashlib.sha256(d).hexdigest()} for name, d in files.items()},
            "check": {**self.exact.report, **self.errors, **(cost or {})},
        }
        if hyper and hyper.rates:
            manifest |= {
                "gains": hyper.rates.gains.tolist(),
                "default_point": point_of(self.default_quality, hyper.points),
            }
        files["manifest.json"] = (json.dumps(manifest, indent=2) + "\n").encode()
        return files

    def cost(self, target: TensorRt, photos: list[Photo], say: Say) -> dict[str, Any]:
        """Measure what a target's precision costs against float32, all else equal; return it for the manifest."""
        with tempfile.TemporaryDirectory(prefix="licrt-") as temporary:
            places = {}
            for precision in (target.precision, "fp32"):
                places[precision] = Path(temporary) / precision
                _write(places[precision], self.contents("both", dataclasses.replace(target, precision=precision)))
            cost = measure(places[target.precision], places["fp32"], photos, torch.get_num_threads())
        say(f"{target.precision} against float32: {cost.words}")
        return {"precision": cost.entries()}


def _networks(
    model: FloatModel, roles: tuple[str, ...], photo: Photo, *, check: bool, say: Say
) -> tuple[list[_Network], dict[str, float]]:
    """Return the graph of each role, with what the manifest says of it, and what the check measured."""
    networks, errors = [], {}
    with torch.inference_mode():
        picture = to_tensor(photo)
        latent = model.analysis(picture)
    example = {"analysis": picture, "hyper_analysis": latent, "synthesis": torch.round(latent)}
    # Samples of input and output for each sample of the latent, or for the hyper-analysis of the hyper-latent.
    hyper_stride = model.hyper.stride if model.hyper else 1
    strides = {"analysis": (model.stride, 1), "hyper_analysis": (hyper_stride, 1), "synthesis": (1, model.stride)}
    for role, (module, channels) in float_graphs(model).items():
        if role not in roles:
            continue
        unit = model.stride if role == "analysis" else 1
        graph = to_onnx(module, channels, 8 if unit > 1 else 16, _OUTPUTS[role], _PARTS[role], unit)
        phased = by_phase(graph)
        store_exactly(phased)
        data = phased.SerializeToString(deterministic=True)
        reach = halo(graph, _PARTS[role], module)
        networks.append(_Network(role, graph, data, reach, multiplications(module, channels, unit)))
        if check:
            array = example[role].numpy()
            odd = np.ascontiguousarray(array[..., : 3 * unit, : 5 * unit])
            errors[f"{role}_error"] = checks.graph_error(module, data, (array, odd), role)
            checks.check_tile(data, reach, array, strides[role], role)
            say(f"{role}: ONNX Runtime against torch, largest error {errors[f'{role}_error']:.1e} of the range")
    return networks, errors


def _hyper_prior(
    model: FloatModel,
    hyper: HyperPrior,
    ranges: list[Photo],
    photos: list[Photo],
    *,
    check: bool,
    widths: Widths | None,
    say: Say,
) -> _Exact:
    trained = model.trained_integers.widths if model.trained_integers and widths is None else None
    if trained:
        say(f"the model was trained in integers {trained.name}: they and their ranges are taken, nothing is calibrated")
    seen = None if trained else calibrate(model, ranges)
    samples = checks.samples(model, photos) if check else []
    if any(np.array_equal(a.pixels, b) for a in samples for b in ranges):
        raise ModelError("a photograph of the check set is also in the calibration set; leave it out of --calibration")

    def build(candidate: Widths) -> Integers:
        return quantise(model, seen, candidate) if seen else as_trained(model)

    if check:
        fixed = widths or trained
        candidates = (fixed,) if fixed else _candidates(hyper)
        integers, report = choose(build, lambda built: checks.cost(model, built, samples), candidates, say)
        checks.check_native(integers, samples[0], hyper.stride)
        say("native engine: equal to the numpy reference on every kernel, 1 and 2 threads")
    else:
        unchecked = widths or trained or UNCHECKED
        integers, report = build(unchecked), {"widths": unchecked.name}
    numbers, tensors = _describe(model, hyper, integers)
    entropy = {
        "stride": model.stride,
        "latent_channels": model.latent_channels,
        "hyper_channels": len(model.medians),
        "hyper_stride": hyper.stride,
        "mean_fraction": integers.mean_fraction,
        **numbers,
    }
    return _Exact(entropy, tensors, report)


def _carried(integers: _Exact, *, check: bool, say: Say) -> tuple[bytes, dict[str, int]]:
    """Return the hyper-synthesis carried in float32, with what the manifest says of it."""
    network = network_from(integers.entropy["hyper_synthesis"], dict(integers.tensors), "hyper_synthesis")
    data = carried_graph(network)
    if check:
        check_carried(network, data)
        say("hyper-synthesis for accelerators: equal to the native engine, however ONNX Runtime optimises it")
    return data, {"halo": carried_halo(network)}


def _candidates(hyper: HyperPrior) -> tuple[Widths, ...]:
    """Return the widths to try: context models have 32-bit accumulators only."""
    return tuple(widths for widths in ESCALATION if widths.accumulator_bits == 32 or not hyper.groups)


def _describe(
    model: FloatModel, hyper: HyperPrior, integers: Integers
) -> tuple[dict[str, Any], dict[str, npt.NDArray[np.generic]]]:
    """Split integers into numbers for the manifest and tensors."""
    tensors = {**_table_tensors("prior", model.prior), **_table_tensors("gaussian", hyper.gaussian)}
    tensors["prior.median"] = integers.network.input_offset
    numbers: dict[str, Any] = {}
    described = {"hyper_synthesis": describe_network(integers.network, "hyper_synthesis")}
    if integers.context:
        described["context"] = describe_context(integers.context)
    if integers.rates:
        described["rates"] = describe_rates(integers.rates)
    for name, (description, arrays) in described.items():
        numbers[name] = description
        tensors.update(arrays)
    return numbers, tensors


def _factorised(model: FloatModel) -> _Exact:
    tensors = _table_tensors("prior", model.prior)
    tensors["prior.median"] = np.rint(np.ldexp(model.medians, MAX_MEAN_FRACTION)).astype(np.int32)
    entropy = {
        "stride": model.stride,
        "latent_channels": model.latent_channels,
        "hyper_channels": 0,
        "hyper_stride": 0,
        "mean_fraction": MAX_MEAN_FRACTION,
    }
    return _Exact(entropy, tensors, {"widths": "none: the model has no network between its tables and its latent"})


def _table_tensors(name: str, tables: Tables) -> dict[str, npt.NDArray[np.generic]]:
    """Store rows one after the other: padded to the longest, CompressAI's Gaussian tables are seven eighths zeros."""
    rows = [row[:length] for row, length in zip(tables.cdf, tables.lengths, strict=True)]
    return {f"{name}.cdf": np.concatenate(rows), f"{name}.lengths": tables.lengths, f"{name}.offsets": tables.offsets}


def _write(output: Path, files: Mapping[str, bytes]) -> None:
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with workplace(output.parent) as temporary:
            new = temporary / "bundle"
            new.mkdir()
            for name, data in files.items():
                (new / name).write_bytes(data)
            load_entropy_model(load_bundle(new))
            replace_directory(output, new, temporary / "old")
    except OSError as error:
        raise PictureError(f"cannot write {output}: {error.strerror}") from error
