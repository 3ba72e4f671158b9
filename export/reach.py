"""How far each operator of a float graph sees, along one axis of the picture.

Sample o of a tensor depends on samples step·o + low … step·o + high of the graph's input. An operator's rule takes the
reach of what it reads to that of what it gives. An operator without a rule, or one whose rule raises `Unbounded`,
cannot be cut into tiles.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

# Operators whose output depends on the inputs at the same position alone.
POINTWISE = frozenset({
    "Abs", "Add", "And", "Cast", "Ceil", "Celu", "Clip", "Cos", "Div", "Elu", "Equal", "Erf", "Exp",
    "Floor", "Gelu", "Greater", "GreaterOrEqual", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Less",
    "LessOrEqual", "Log", "Max", "Min", "Mish", "Mod", "Mul", "Neg", "Not", "Or", "PRelu", "Pow", "Reciprocal",
    "Relu", "Round", "Selu", "Sigmoid", "Sign", "Sin", "Softplus", "Softsign", "Sqrt", "Sub", "Tanh",
    "ThresholdedRelu", "Where",
})  # fmt: skip

_EVERYWHERE = "sees the whole picture. Use one that sees a window, or only the channels at each position"


class Unbounded(Exception):  # noqa: N818 - says why, and what to use instead
    """An operator does not have a fixed reach."""


class Reach(NamedTuple):
    """What one sample depends on; `axis` is the tensor's own axis (0…3) along which the picture's runs."""

    axis: int
    step: Fraction
    low: Fraction
    high: Fraction

    def strided(self, stride: int, before: int, after: int) -> Reach:
        """Return the reach of a window from `before` samples ahead of every stride-th sample to `after` behind it."""
        return Reach(self.axis, self.step * stride, self.low - self.step * before, self.high + self.step * after)

    def enlarged(self, factor: Fraction, before: Fraction, after: Fraction) -> Reach:
        """Return the reach of samples o that see o / factor - before … o / factor + after of this tensor."""
        return Reach(self.axis, self.step / factor, self.low - self.step * before, self.high + self.step * after)


class Call(Protocol):
    """One use of an operator."""

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute."""

    def dims(self, number: int) -> list[int] | None:
        """Return the shape of an input, 0 for sizes that are not fixed; None where it is not known."""

    def values(self, number: int) -> list[Any]:
        """Return the values of a short constant input, or the first ones that are known; [] if it is not there."""


Rule = Callable[[Reach, Call], Reach]


def _known(call: Call, number: int, what: str) -> list[Any]:
    if not (values := call.values(number)):
        raise Unbounded(f"has {what} that depend on the size of the picture; use fixed ones")
    return values


def _window(reach: Reach, call: Call) -> tuple[int, int, int]:
    """Return stride, extent and padding in front of a window that slides along the axis."""
    axis = _spatial(reach)
    taps = call.get("kernel_shape") or (call.dims(1) or [])[2:]
    if not taps:
        raise Unbounded("has a kernel that is computed from the picture; use a fixed one")
    if call.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise Unbounded("pads by the size of the picture; use fixed padding")
    extent = call.get("dilations", [1, 1])[axis] * (taps[axis] - 1) + 1
    return call.get("strides", [1, 1])[axis], extent, call.get("pads", [0] * 4)[axis]


def _spatial(reach: Reach) -> int:
    if reach.axis < 2:
        raise Unbounded("takes positions for channels. Use convolutions on [batch, channels, height, width]")
    return reach.axis - 2


def _convolution(reach: Reach, call: Call) -> Reach:
    stride, extent, pad = _window(reach, call)
    return reach.strided(stride, pad, extent - 1 - pad)


def _transposed(reach: Reach, call: Call) -> Reach:
    stride, extent, pad = _window(reach, call)
    if call.get("output_shape"):
        raise Unbounded("gives a size of its own; use padding and output_padding")
    return reach.enlarged(Fraction(stride), Fraction(extent - 1 - pad, stride), Fraction(pad, stride))


def _depth_to_space(reach: Reach, call: Call) -> Reach:
    _spatial(reach)
    block = call.get("blocksize")
    return reach.enlarged(Fraction(block), Fraction(block - 1, block), Fraction(0))


def _space_to_depth(reach: Reach, call: Call) -> Reach:
    _spatial(reach)
    block = call.get("blocksize")
    return reach.strided(block, 0, block - 1)


def _resize(reach: Reach, call: Call) -> Reach:
    mode, where = call.get("mode", b"nearest"), call.get("coordinate_transformation_mode", b"half_pixel")
    if where not in (b"asymmetric", b"half_pixel", b"pytorch_half_pixel") or call.get("antialias", 0):
        raise Unbounded("interpolates between the corners of the picture; use align_corners=False, antialias=False")
    if not (factors := call.values(2)):
        raise Unbounded("interpolates to a size; give it a scale_factor")
    factor = Fraction(factors[reach.axis]).limit_denominator(64)
    offset = Fraction(0) if where == b"asymmetric" else (1 / factor - 1) / 2
    if mode == b"nearest":
        floors = call.get("nearest_mode", b"round_prefer_floor") == b"floor"
        half = Fraction(1, 2)
        least, most = (Fraction(1, factor.numerator) - 1, Fraction(0)) if floors else (-half, half)
    else:
        most = Fraction(1 if mode == b"linear" else 2)
        least = -most
    return reach.enlarged(factor, -(offset + least), offset + most)


def _pad(reach: Reach, call: Call) -> Reach:
    begins = call.values(1)
    if reach.axis >= len(begins) or call.get("mode", b"constant") == b"wrap":
        raise Unbounded("pads by the size of the picture; use fixed padding")
    return reach.strided(1, int(begins[reach.axis]), -int(begins[reach.axis]))


def _slice(reach: Reach, call: Call) -> Reach:
    starts, axes = _known(call, 1, "starts"), _known(call, 3, "axes")
    steps = call.values(4) or [1] * len(axes)
    for start, axis, step in zip(starts, axes, steps, strict=True):
        if axis % 4 == reach.axis:
            if start < 0 or step < 1:
                raise Unbounded("cuts from the far end of the picture; cut from its beginning")
            reach = reach.strided(step, -start, start)
    return reach


def _transpose(reach: Reach, call: Call) -> Reach:
    return reach._replace(axis=call.get("perm").index(reach.axis))


def _batch_normalization(reach: Reach, call: Call) -> Reach:
    _spatial(reach)
    if call.get("training_mode", 0):
        raise Unbounded("takes its statistics from the picture; use those of the training")
    return reach


def _layer_normalization(reach: Reach, call: Call) -> Reach:
    if reach.axis >= call.get("axis", -1) % 4:
        raise Unbounded(_EVERYWHERE)
    return reach


def _along_axis(reach: Reach, call: Call) -> Reach:
    """Rule of operators that mix what lies along one axis: softmax, concatenation, split, choice."""
    if call.get("axis", -1) % 4 == reach.axis:
        raise Unbounded(_EVERYWHERE)
    return reach


def _gather(reach: Reach, call: Call) -> Reach:
    if len(call.dims(1) or []) != 1 or call.get("axis", 0) % 4 == reach.axis:
        raise Unbounded("picks positions, or what depends on the picture. Use convolutions")
    return reach


def _everywhere(_reach: Reach, _call: Call) -> Reach:
    raise Unbounded(_EVERYWHERE)


def _reduction(reach: Reach, call: Call) -> Reach:
    axes = call.values(1) or call.get("axes")
    if not axes or reach.axis in [axis % 4 for axis in axes] or not call.get("keepdims", 1):
        raise Unbounded(_EVERYWHERE)
    return reach


def _product(reach: Reach, call: Call) -> Reach:
    if len(call.dims(1) or []) != 2 or reach.axis == 3:
        raise Unbounded("multiplies positions with positions (attention). Use a window, as convolutions do")
    return reach


RULES: dict[str, Rule] = {
    **dict.fromkeys(POINTWISE, lambda reach, _: reach),
    **dict.fromkeys(("Conv", "AveragePool", "LpPool", "MaxPool"), _convolution),
    **dict.fromkeys(("Concat", "LogSoftmax", "LpNormalization", "Softmax", "Split"), _along_axis),
    **dict.fromkeys(
        ("ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"),
        _reduction,
    ),
    **dict.fromkeys(
        ("GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "GroupNormalization", "InstanceNormalization"),
        _everywhere,
    ),
    "BatchNormalization": _batch_normalization,
    "ConvTranspose": _transposed,
    "DepthToSpace": _depth_to_space,
    "Expand": lambda reach, _: reach,
    "Gather": _gather,
    "LayerNormalization": _layer_normalization,
    "MatMul": _product,
    "Pad": _pad,
    "Resize": _resize,
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Transpose": _transpose,
}

# Inputs by number that say which shape the output has: these may depend on the size of the picture.
SHAPES = {"Expand": (1,), "Pad": (1,), "Reshape": (1,), "Resize": (1, 2, 3), "Slice": (2,)}
