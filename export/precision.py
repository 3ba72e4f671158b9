"""Float graphs in half precision: fp16 or bf16, with casts at the edges, by one rule for all operators.

TensorRT takes the types of a graph as they are (strongly typed networks, the only ones since version 11), so precision
is a property of the graph. Constants are stored in the half type, all tensors between operators are of it, and sums
within a convolution are left to the engine, which adds them up in float32. In float32 stay

* what squares, and all that its result goes through until something ends it, such as a root: in GDN, x² and the sums of
  x², which leave the range of fp16 at |x| = 256, up to the norm;
* exponentials, powers, logarithms, and reductions over many samples, which lose in half precision what they are for;
* whatever ONNX defines for no half type, and transposed convolutions instead of bf16, which TensorRT has none of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference, version_converter

from licrt.runtime.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable

_TYPES = {"fp16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}
_NAMES = {TensorProto.FLOAT16: "tensor(float16)", TensorProto.BFLOAT16: "tensor(bfloat16)"}
_BF16_OPSET = 22  # the first whose convolutions may be of it

_SQUARES = frozenset({"Pow", "Exp", "ReduceSum", "ReduceSumSquare"})  # results may be far larger than inputs
_DELICATE = frozenset({
    "Log", "Softplus", "Softmax", "LogSoftmax", "Gelu", "Mish", "ReduceMean", "ReduceL1", "ReduceL2", "ReduceProd",
    "ReduceLogSum", "ReduceLogSumExp", "LayerNormalization", "InstanceNormalization", "GroupNormalization",
    "LpNormalization", "MeanVarianceNormalization", "CumSum",
})  # fmt: skip
_NO_BF16 = frozenset({"ConvTranspose"})  # TensorRT-RTX 1.7: "Could not infer output types for operation deconv"
_LAYERS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_ENDS = frozenset({"Sqrt", "Log", "Reciprocal", "Div", "Sigmoid", "Tanh", "Erf", "Softmax", "Clip"})


def lower(model: onnx.ModelProto, precision: str) -> onnx.ModelProto:
    """Return a graph that computes the same in another precision; its input and output stay float32.

    Args:
        model: a float32 graph, nodes in topological order. It is left alone.
        precision: "fp16" or "bf16"; "fp32" returns a copy. bf16 raises the opset to 22.

    Raises:
        ModelError: a weight is beyond the range of the type.
    """
    if precision == "fp32":
        result = onnx.ModelProto()
        result.CopyFrom(model)
        return result
    half = _TYPES[precision]
    if half == TensorProto.BFLOAT16:
        model = version_converter.convert_version(model, _BF16_OPSET)
    return _Lowering(model, half).run()


def emulate(graph: bytes) -> bytes:
    """Return a graph in float32 whose tensors are rounded to the half types wherever a lowered graph has them.

    That is what an engine gives that sums in float32, and it runs everywhere: ONNX Runtime has no half convolutions on
    CPUs, so it refuses those in bf16, and computes those in fp16 without rounding between some layers.

    Args:
        graph: the bytes of a graph that `lower` made.
    """
    model = onnx.load_model_from_string(graph)
    types = _types(model)
    for constant in model.graph.initializer:
        if constant.data_type in _NAMES:
            values = numpy_helper.to_array(constant).astype(np.float32)
            constant.CopyFrom(numpy_helper.from_array(values, constant.name))
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        nodes.append(node)
        for number, name in enumerate(node.output):
            if types.get(name) not in _NAMES:
                continue
            rounded, exact = f"{name}/rounded", f"{name}/exact"
            if node.op_type == "Cast":
                node.output[number] = rounded
            else:
                node.output[number] = exact
                nodes.append(helper.make_node("Cast", [exact], [rounded], rounded, to=types[name]))
            nodes.append(helper.make_node("Cast", [rounded], [name], f"{name}/float", to=TensorProto.FLOAT))
    _replace(model, nodes)
    return model.SerializeToString(deterministic=True)


class _Lowering:
    """Writes a graph in half precision, node by node.

    Attributes:
        forms: names of each float tensor in the types in which it is there.
        wide: tensors that may be far larger than the layers' inputs and outputs.
        edges: outputs of nodes that stay in bf16 because they are near the input or the output.
    """

    def __init__(self, model: onnx.ModelProto, half: int) -> None:
        self.model, self.half = model, half
        self.opset = next(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
        types = _types(model)
        self.floats = {name for name, kind in types.items() if kind == TensorProto.FLOAT}
        self.constants = {item.name: item for item in model.graph.initializer}
        self.forms = {name: {TensorProto.FLOAT: name} for name in self.floats}
        self.wide: set[str] = set()
        self.edges = _edges(model.graph) if half == TensorProto.BFLOAT16 else set()
        self.nodes: list[onnx.NodeProto] = []
        self.halves: list[onnx.TensorProto] = []

    def run(self) -> onnx.ModelProto:
        for node in self.model.graph.node:
            self._write(node)
        for item in self.model.graph.output:
            self._form(item.name, TensorProto.FLOAT)
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        used = {name for node in self.nodes for name in node.input}
        kept = [item for item in (*self.model.graph.initializer, *self.halves) if item.name in used]
        del model.graph.initializer[:]
        model.graph.initializer.extend(kept)
        _replace(model, self.nodes)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _write(self, source: onnx.NodeProto) -> None:
        node = onnx.NodeProto()
        node.CopyFrom(source)
        lowered = set() if self._stays(node) else self._may_be_half(node)
        for number, name in enumerate(node.input):
            if name in self.floats:
                node.input[number] = self._form(name, self.half if number in lowered else TensorProto.FLOAT)
        self.nodes.append(node)
        for number, name in enumerate(node.output):
            if lowered and name in self.floats:
                node.output[number] = f"{name}/lowered"
                self.forms[name] = {self.half: node.output[number]}

    def _stays(self, node: onnx.NodeProto) -> bool:
        """Tell whether a node computes in float32, and note what is wide."""
        squares = node.op_type in _SQUARES or (node.op_type == "Mul" and node.input[0] == node.input[1])
        reads_wide = any(name in self.wide for name in node.input)
        if squares or (reads_wide and node.op_type not in _ENDS):
            self.wide.update(node.output)
        unfit = node.op_type in _DELICATE or node.op_type == "Cast" or node.output[0] in self.edges
        unknown = self.half == TensorProto.BFLOAT16 and node.op_type in _NO_BF16
        return squares or reads_wide or unfit or unknown

    def _may_be_half(self, node: onnx.NodeProto) -> set[int]:
        """Return the numbers of a node's float inputs that may be of the half type; none if its outputs may not."""
        schema = onnx.defs.get_schema(node.op_type, self.opset, node.domain)
        kinds = {each.type_param_str: each.allowed_type_strs for each in schema.type_constraints}

        def kind(formal: list[onnx.defs.OpSchema.FormalParameter], number: int) -> str:
            return formal[min(number, len(formal) - 1)].type_str

        able = {name for name, allowed in kinds.items() if _NAMES[self.half] in allowed}
        inputs = {i for i, name in enumerate(node.input) if name in self.floats and kind(schema.inputs, i) in able}
        same = {kind(schema.inputs, i) for i in inputs}
        outputs = [kind(schema.outputs, i) for i, name in enumerate(node.output) if name in self.floats]
        return inputs if outputs and same >= set(outputs) else set()

    def _form(self, name: str, wanted: int) -> str:
        """Return a float tensor's name in a type, made where it is not there yet."""
        forms = self.forms[name]
        if wanted not in forms:
            forms[wanted] = f"{name}/lowered" if wanted == self.half else name
            if name in self.constants:
                self.halves.append(_rounded(self.constants[name], self.half, forms[wanted]))
            else:
                (present,) = (form for kind, form in forms.items() if kind != wanted)
                self.nodes.append(self._cast(present, forms[wanted], wanted))
        return forms[wanted]

    def _cast(self, source: str, name: str, to: int) -> onnx.NodeProto:
        return helper.make_node("Cast", [source], [name], f"{name}/cast", to=to)


def _edges(graph: onnx.GraphProto) -> set[str]:
    """Return the outputs of all nodes from the input to the first layers, and from the last layers to the output."""
    edges, after, before = set(), {graph.input[0].name}, {graph.output[0].name}
    for nodes, ends in ((graph.node, ("input", "output", after)), (reversed(graph.node), ("output", "input", before))):
        near, far, reached = ends
        for node in nodes:
            if reached.intersection(getattr(node, near)):
                edges.add(node.output[0])
                if node.op_type not in _LAYERS:
                    reached.update(getattr(node, far))
    return edges


def _rounded(constant: onnx.TensorProto, half: int, name: str) -> onnx.TensorProto:
    values = numpy_helper.to_array(constant)
    with np.errstate(over="ignore"):
        halves = values.astype(helper.tensor_dtype_to_np_dtype(half))
    if np.isinf(halves.astype(np.float32)).any() and np.isfinite(values).all():
        raise ModelError(
            f"the weights {constant.name} reach {np.abs(values).max():.3g}, which half precision does not; "
            "export with --precision bf16 or fp32"
        )
    return numpy_helper.from_array(halves, name)


def _types(model: onnx.ModelProto) -> dict[str, int]:
    """Return the element type of every tensor of a graph."""
    graph = shape_inference.infer_shapes(model, strict_mode=True).graph
    values = (*graph.input, *graph.output, *graph.value_info)
    constants = {item.name: item.data_type for item in graph.initializer}
    return {item.name: item.type.tensor_type.elem_type for item in values} | constants


def _replace(model: onnx.ModelProto, nodes: Iterable[onnx.NodeProto]) -> None:
    kept = [*nodes]
    del model.graph.node[:], model.graph.value_info[:]
    model.graph.node.extend(kept)
