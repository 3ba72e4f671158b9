"""Exact rewrites of a float graph that make it fast: layers that enlarge run phase by phase of their output.

Each phase of a transposed convolution's output is an ordinary convolution, which inference engines run near the speed
of a matrix product. GDN and other pointwise layers then run on the phases too, which are smaller than the whole, so
that less memory is needed at a time, and the layer that makes the picture reads phases as they are. Where a layer needs
the whole, the phases are interleaved. The rule is fixed; docs/adr/0004-synthesis-rewrites.md has the measurements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from licrt.export.phases import Convolution, Transposed, of_phases, of_transposed
from licrt.export.reach import POINTWISE

if TYPE_CHECKING:
    from collections.abc import Sequence

# Fewer outputs fill no vector registers: such a layer, the one that makes the picture, computes all its phases in one
# convolution where its input comes in phases, and else stays as it is.
FEW_CHANNELS = 16


def by_phase(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a graph that computes the same sums, phase by phase where a layer enlarges.

    Args:
        model: a graph as `licrt.export.graphs.to_onnx` makes it, nodes in topological order. It is left alone.
    """
    return _Writer(_Plan(model)).run()


class _Plan:
    """Which tensors are computed by phase.

    Attributes:
        phased: those that are, with the factor that divides their sides.
        kept: the ones among them that are never put together, because every node that reads them works by phase too.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.constants = {item.name: item for item in model.graph.initializer}
        self.makers = {node.output[0]: node for node in model.graph.node}
        self.readers: dict[str, list[onnx.NodeProto]] = {name: [] for name in self.makers}
        for node in model.graph.node:
            for name in set(node.input) & self.makers.keys():
                self.readers[name].append(node)
        self.kept = self.makers.keys() - {item.name for item in model.graph.output}
        self.phased: dict[str, int] = {}
        while self._shrink():
            pass

    def _shrink(self) -> bool:
        """Work out `phased` from `kept`, and drop from `kept` what a node needs as a whole. Tell if that changed it."""
        self.phased = {}
        for node in self.model.graph.node:
            if factor := self._factor(node):
                self.phased[node.output[0]] = factor
        kept = {
            name
            for name in self.kept & self.phased.keys()
            if all(self.works_by_phase(node) or self.picture_layer(node) for node in self.readers[name])
        }
        changed, self.kept = kept != self.kept, kept
        return changed

    def _factor(self, node: onnx.NodeProto) -> int | None:
        if layer := self.enlarging(node):
            return layer.stride
        return self.phased[self.variables(node)[0]] if self.works_by_phase(node) else None

    def works_by_phase(self, node: onnx.NodeProto) -> bool:
        """Whether a node gives each phase of its output from the same phase of its inputs, which are all there."""
        names = self.variables(node)
        if node.op_type in POINTWISE:
            constants = [list(self.constants[name].dims) for name in node.input if name in self.constants]
            if any(dims[-2:] not in ([], [1], [1, 1]) for dims in constants):
                return False
        elif node.op_type != "Conv" or not _is_1x1(node, self.constants):
            return False
        factors = {self.phased.get(name) if name in self.kept else None for name in names}
        return len(factors) == 1 and None not in factors

    def variables(self, node: onnx.NodeProto) -> list[str]:
        """Return the inputs that are there and not constants."""
        return [name for name in node.input if name and name not in self.constants]

    def enlarging(self, node: onnx.NodeProto) -> Transposed | None:
        """Return the transposed convolution that a node is, if its phases have enough channels to be worth it."""
        layer = self._transposed(node)
        return layer if layer and layer.weight.shape[1] >= FEW_CHANNELS else None

    def picture_layer(self, node: onnx.NodeProto) -> Transposed | None:
        """Return a transposed convolution with few outputs whose input comes in phases."""
        layer = self._transposed(node)
        return layer if layer and layer.weight.shape[1] < FEW_CHANNELS and node.input[0] in self.kept else None

    def _transposed(self, node: onnx.NodeProto) -> Transposed | None:
        if node.op_type != "ConvTranspose" or not self.constants.keys() >= set(node.input[1:]):
            return None
        stride = _attribute(node, "strides", [1, 1])[0]
        weight, bias = self._weights(node, self.constants[node.input[1]].dims[1])
        pads = _attribute(node, "pads", [0] * 4)
        extra = _attribute(node, "output_padding", [0, 0])
        enlarges_exactly = all(weight.shape[2 + i] + extra[i] - pads[i] - pads[2 + i] == stride for i in (0, 1))
        if stride == 1 or not enlarges_exactly or not _is_plain(node, stride):
            return None
        return Transposed(weight, bias, stride, (pads[0], pads[1]))

    def _weights(self, node: onnx.NodeProto, outputs: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        weight, *bias = (numpy_helper.to_array(self.constants[name]) for name in node.input[1:])
        return weight, bias[0] if bias else np.zeros(outputs, np.float32)


class _Writer:
    """Writes the planned graph."""

    def __init__(self, plan: _Plan) -> None:
        self.plan = plan
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.phases: dict[str, list[str]] = {}

    def run(self) -> onnx.ModelProto:
        plan = self.plan
        for node in plan.model.graph.node:
            self._write(node)
        model = onnx.ModelProto()
        model.CopyFrom(plan.model)
        graph = model.graph
        for items in (graph.node, graph.initializer, graph.value_info):
            del items[:]
        graph.node.extend(self.nodes)
        used = {name for node in self.nodes for name in node.input}
        graph.initializer.extend(item for name, item in (plan.constants | self.constants).items() if name in used)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _write(self, node: onnx.NodeProto) -> None:
        plan, output = self.plan, node.output[0]
        if output not in plan.phased:
            if layer := plan.picture_layer(node):
                self._write_picture(layer, self.phases[node.input[0]], output)
            else:
                self.nodes.append(node)
            return
        names = [f"{output}/{phase}" for phase in range(plan.phased[output] ** 2)]
        if layer := plan.enlarging(node):
            for name, convolution in zip(names, of_transposed(layer), strict=True):
                self._convolve(node.input[0], convolution, name)
        else:
            for phase, name in enumerate(names):
                part = onnx.NodeProto()
                part.CopyFrom(node)
                part.name, part.output[0] = name, name
                part.input[:] = [self.phases[i][phase] if i in plan.kept else i for i in node.input]
                self.nodes.append(part)
        self.phases[output] = names
        if output not in plan.kept:
            self._interleave(names, output)

    def _write_picture(self, layer: Transposed, phases: Sequence[str], output: str) -> None:
        factor = round(len(phases) ** 0.5)
        total = ""
        for number, (source, convolution) in enumerate(zip(phases, of_phases(layer, factor), strict=True)):
            part = self._convolve(source, convolution, f"{output}/part{number}", with_bias=not total)
            total = self._node("Add", [total, part], f"{output}/sum{number}") if total else part
        self._node("DepthToSpace", [total], output, blocksize=factor * layer.stride, mode="DCR")

    def _interleave(self, phases: Sequence[str], output: str) -> None:
        """Put phases `[1, C, H, W]` together: engines copy runs of rows and pairs faster than DepthToSpace does it."""
        factor = round(len(phases) ** 0.5)
        axis = self._constant(f"{output}/axis", np.array([4]))
        pixels = [self._node("Unsqueeze", [name, axis], f"{name}/pixels") for name in phases]
        rows = [
            self._node("Concat", pixels[i * factor : (i + 1) * factor], f"{output}/row{i}", axis=4)
            for i in range(factor)
        ]
        both = self._node("Concat", rows, f"{output}/rows", axis=3)  # [1, C, H, factor * W, factor]
        shape = self._constant(f"{output}/shape", np.array([0, 0, -1, 0]))  # 0: as there
        self._node("Reshape", [both, shape], output)

    def _convolve(self, source: str, convolution: Convolution, output: str, *, with_bias: bool = True) -> str:
        weight, bias, pads = convolution
        inputs = [source, self._constant(f"{output}/weight", weight)]
        if with_bias:
            inputs.append(self._constant(f"{output}/bias", bias))
        return self._node("Conv", inputs, output, kernel_shape=weight.shape[2:], pads=pads)

    def _node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))
        return output

    def _constant(self, name: str, array: npt.NDArray[np.generic]) -> str:
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name


def _attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    return next((helper.get_attribute_value(item) for item in node.attribute if item.name == name), default)


def _is_plain(node: onnx.NodeProto, stride: int) -> bool:
    """Whether a layer has this stride and none of the rarer attributes."""
    return (
        list(_attribute(node, "strides", [1, 1])) == [stride, stride]
        and list(_attribute(node, "dilations", [1, 1])) == [1, 1]
        and _attribute(node, "group", 1) == 1
        and _attribute(node, "auto_pad", b"NOTSET") == b"NOTSET"
        and not _attribute(node, "output_shape", None)
    )


def _is_1x1(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> bool:
    weight = constants.get(node.input[1])
    return (
        weight is not None
        and list(weight.dims[2:]) == [1, 1]
        and not any(_attribute(node, "pads", [0]))
        and _is_plain(node, 1)
    )
