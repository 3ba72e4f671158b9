"""How far a float network sees: the halo that a tile needs so that its middle is as if it were not cut out."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import onnx
from onnx import helper, numpy_helper

from licrt.export.reach import POINTWISE, RULES, SHAPES, Reach, Unbounded
from licrt.runtime.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

_RANK = 4
_FEW = 64  # values of a constant that a rule may look at


def halo(model: onnx.ModelProto, name: str = "the network", network: nn.Module | None = None) -> int:
    """Return the halo of a graph, in samples of its input, on each of the four sides.

    Args:
        model: a graph with nodes named as `licrt.export.graphs.to_onnx` does.
        name: what to call the network in messages.
        network: the module that it was made from, to tell a layer's class.

    Raises:
        ModelError: an operator sees the whole picture, or how far is not known; names its layer, and what could
            replace it.
    """
    return max(_halo_along(model, axis, name, network) for axis in (2, 3))


def _halo_along(model: onnx.ModelProto, axis: int, name: str, network: nn.Module | None) -> int:
    uses = _Uses(model)
    start = Reach(axis, Fraction(1), Fraction(0), Fraction(0))
    reaches = {model.graph.input[0].name: start}
    sizes: set[str] = set()  # tensors that depend on the size of the picture alone
    for node in model.graph.node:
        try:
            found = _through(node, uses, reaches, sizes)
        except Unbounded as reason:
            raise ModelError(
                f"{_layer(node, name, network)} cannot run on tiles of a picture: its operator {node.op_type} {reason}"
            ) from reason
        if found:
            reaches.update(dict.fromkeys(node.output, found))
    end = reaches.get(model.graph.output[0].name)
    if end is None or end.axis != axis:
        raise ModelError(f"{name} does not give [batch, channels, height, width]")
    return max(math.ceil(-end.low), math.ceil(end.high - max(end.step - 1, Fraction(0))), 0)


def _through(node: onnx.NodeProto, uses: _Uses, reaches: dict[str, Reach], sizes: set[str]) -> Reach | None:
    """Return how far a node's outputs see, or None where they depend on no sample; notes those that depend on sizes."""
    call = _Use(node, uses)
    seen = [reaches[item] for item in node.input if item in reaches]
    if node.op_type == "Shape" or not seen:
        start, end = call.get("start", 0), call.get("end", _RANK)
        counted = node.op_type == "Shape" and any(start % _RANK <= reach.axis < (end or _RANK) for reach in seen)
        if counted or any(item in sizes for item in node.input):
            sizes.update(node.output)
        return None
    shapes = SHAPES.get(node.op_type, ())
    if any(item in sizes for number, item in enumerate(node.input) if number not in shapes):
        raise Unbounded("computes with the size or the places of the picture. Leave that out")
    if node.op_type not in RULES:
        raise Unbounded(
            "rearranges positions or is not known here (attention in windows and normalisation of groups do that). "
            "Use convolutions, pointwise activations, and operators that see the channels at each position"
        )
    if len({(reach.axis, reach.step) for reach in seen}) > 1:
        raise Unbounded("puts different positions together. Use tensors of the same layout")
    others = [number for number, item in enumerate(node.input) if item and item not in reaches and number not in shapes]
    if node.op_type in POINTWISE and any(_varies(call.dims(number), seen[0].axis) for number in others):
        raise Unbounded("has a constant that varies with the position. Use one number for each channel")
    both = Reach(seen[0].axis, seen[0].step, min(r.low for r in seen), max(r.high for r in seen))
    return RULES[node.op_type](both, call)


def _varies(dims: list[int] | None, axis: int) -> bool:
    """Whether a constant of this shape, broadcast, may differ along an axis."""
    if dims is None:
        return True
    place = axis - _RANK + len(dims)
    return place >= 0 and dims[place] != 1


def _layer(node: onnx.NodeProto, name: str, network: nn.Module | None) -> str:
    """Return the path of a node's layer, and its class; export's own wrappers around a network do not count."""
    path = node.name.rpartition("/")[0]
    kind = f" ({type(network.get_submodule(path)).__name__})" if network is not None and path else ""
    while path == "inner" or path.startswith("inner."):
        path = path.removeprefix("inner").removeprefix(".")
    return f"{name}.{path}{kind}" if path else name + kind


class _Uses:
    """Constants of a graph, and what makes the other tensors."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.constants = {item.name: item for item in model.graph.initializer}
        self.shapes = {item.name: _dims(item) for item in model.graph.value_info}
        self.shapes |= {name: list(item.dims) for name, item in self.constants.items()}
        self.makers = {output: node for node in model.graph.node for output in node.output}

    def values(self, name: str) -> list[Any]:
        """Return the first values of a tensor, as far as they are known without a picture."""
        if name in self.constants:
            constant = self.constants[name]
            return numpy_helper.to_array(constant).ravel().tolist() if math.prod(constant.dims) <= _FEW else []
        maker = self.makers.get(name)
        known: list[Any] = []
        for part in maker.input if maker and maker.op_type == "Concat" else ():
            if not (values := self.values(part)):
                break
            known += values
        return known


class _Use:
    """One node, as the rules of `licrt.export.reach` see it."""

    def __init__(self, node: onnx.NodeProto, uses: _Uses) -> None:
        self._inputs = node.input
        self._uses = uses
        self._attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}

    def get(self, name: str, default: Any = None) -> Any:
        return self._attributes.get(name, default)

    def dims(self, number: int) -> list[int] | None:
        return self._uses.shapes.get(self._inputs[number]) if number < len(self._inputs) else None

    def values(self, number: int) -> list[Any]:
        return self._uses.values(self._inputs[number]) if number < len(self._inputs) else []


def _dims(tensor: onnx.ValueInfoProto) -> list[int]:
    """Return the shape of a tensor, 0 for sizes that are not fixed."""
    return [dim.dim_value for dim in tensor.type.tensor_type.shape.dim]
