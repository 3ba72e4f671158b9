"""Float networks to ONNX: any height and width, GDN folded to constants, one file each, the same bytes every time."""

from __future__ import annotations

import ast
import contextlib
import io
import logging
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn

from licrt.export.sizes import AtAnySize
from licrt.export.structure import fold
from licrt.runtime.errors import ModelError, first_line
from licrt.runtime.graph import check_graph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from licrt.export.float_model import FloatModel, HyperPrior

OPSET = 18  # TensorRT 10.3 reads up to 20; nothing here needs more than 18


class _Magnitude(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x.abs())  # type: ignore[no-any-return]


def float_graphs(model: FloatModel) -> dict[str, tuple[nn.Module, int]]:
    """Return each role's folded module and the number of channels of its input."""
    graphs = {"analysis": (fold(model.analysis), 3), "synthesis": (fold(model.synthesis), model.latent_channels)}
    if model.hyper:
        graphs["hyper_analysis"] = (_hyper_analysis(model.hyper), model.latent_channels)
    return graphs


def _hyper_analysis(hyper: HyperPrior) -> nn.Module:
    """Return the folded hyper-analysis; what pads its input stays outermost, where `to_onnx` looks for it."""
    pads = isinstance(hyper.analysis, AtAnySize)
    network = fold(hyper.analysis.inner if pads else hyper.analysis)  # type: ignore[arg-type]
    network = _Magnitude(network) if hyper.absolute else network
    return AtAnySize(network, hyper.stride) if pads else network


def to_onnx(
    module: nn.Module, channels: int, samples: int, output: str, name: str = "the network", unit: int = 1
) -> onnx.ModelProto:
    """Export one network with input `[1, channels, height, width]` of any height and width that are whole units.

    Args:
        module: the network, in evaluation mode.
        channels: channels of its input.
        samples: height of the example that it is traced with, in units.
        output: name of the output; the input is called `input`.
        name: what to call the network in messages.
        unit: what sides are multiples of. Some networks need that: branches that round sizes in different ways.

    Returns:
        The graph. Its nodes are called by the path of their layer and their first output, as in `0.norm/conv2d`.

    Raises:
        ModelError: the network does not export.
    """
    if isinstance(module, AtAnySize):
        return _padded(to_onnx(module.inner, channels, samples, output, name, module.stride), module.stride)
    example = torch.zeros(1, channels, samples * unit, (samples + 16) * unit)
    dynamic: dict[int, Any] = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    if unit > 1:
        dynamic = {2: unit * torch.export.Dim("height"), 3: unit * torch.export.Dim("width")}
    with warnings.catch_warnings(), _quiet("torch", "onnxscript"):
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(
                module.eval(),
                (example,),
                input_names=["input"],
                output_names=[output],
                opset_version=OPSET,
                dynamo=True,
                dynamic_shapes=(dynamic,),
                external_data=False,
            )
        except Exception as error:  # torch.export raises what the network's code raises, and more
            raise ModelError(
                f"{name} cannot become an ONNX graph of any height and width: {_reason(error)}. Expected layers that "
                "work at every size and do not branch on values"
            ) from error
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    model: onnx.ModelProto = program.model_proto
    if len(model.graph.output) != 1:
        raise ModelError(f"{name} gives {len(model.graph.output)} tensors; expected one")
    _strip(model)
    onnx.checker.check_model(model, full_check=True)
    check_graph(model.SerializeToString(), name)
    return model


def _padded(model: onnx.ModelProto, stride: int) -> onnx.ModelProto:
    """Put zeros at the right and bottom of a graph's input, up to whole strides, as `AtAnySize` does."""
    graph = model.graph
    for node in graph.node:
        node.name = f"inner.{node.name}"
        node.input[:] = ["input/padded" if name == "input" else name for name in node.input]
    constants = {
        "input/no_pads": [0] * 6,
        "input/strides": [stride] * 2,
    }  # pads before all axes, then after batch and channels
    before = [
        helper.make_node("Shape", ["input"], ["input/sides"], "input/sides", start=2, end=4),
        helper.make_node("Neg", ["input/sides"], ["input/negative"], "input/negative"),
        helper.make_node("Mod", ["input/negative", "input/strides"], ["input/missing"], "input/missing"),
        helper.make_node("Concat", ["input/no_pads", "input/missing"], ["input/pads"], "input/pads", axis=0),
        helper.make_node("Pad", ["input", "input/pads"], ["input/padded"], "input/padded"),
    ]
    nodes = [*before, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(np.array(v), name) for name, v in constants.items())
    for side, name in zip(graph.input[0].type.tensor_type.shape.dim[2:], ("height", "width"), strict=True):
        side.dim_param = name
    del graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    return model


def _reason(error: BaseException) -> str:
    """Return the first line of the innermost cause."""
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error).rstrip(".:")


def _strip(model: onnx.ModelProto) -> None:
    """Remove what varies between machines and says nothing to a runtime: source paths, stack traces, versions."""
    model.producer_name, model.producer_version, model.doc_string = "licrt", "", ""
    del model.metadata_props[:]
    del model.functions[:]
    graph = model.graph
    graph.name, graph.doc_string = "main", ""
    del graph.metadata_props[:]
    for node in graph.node:
        node.name = f"{_layer_path(node)}/{node.output[0]}".removeprefix("/")
    for item in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        item.doc_string = ""
        del item.metadata_props[:]


def _layer_path(node: onnx.NodeProto) -> str:
    """Return the path of the module that a node comes from: the last but one of its scopes, the last is the call."""
    text = next((item.value for item in node.metadata_props if item.key == "pkg.torch.onnx.name_scopes"), "['']")
    scopes = ["", *ast.literal_eval(text)]
    return str(scopes[-2])


@contextlib.contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Silence loggers, and what torch prints besides."""
    loggers = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    for logger, _ in loggers:
        logger.setLevel(logging.ERROR)
    nowhere = io.StringIO()
    try:
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            yield
    finally:
        for logger, level in loggers:
            logger.setLevel(level)
