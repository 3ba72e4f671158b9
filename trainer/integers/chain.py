"""A network as the chain of layers that it runs, in order, whatever modules they are nested in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import fx, nn
from torch.nn import functional

from licrt.runtime.errors import ModelError, first_line
from licrt.trainer.integers.convolutions import Convolution

if TYPE_CHECKING:
    from collections.abc import Callable

Layers = list[tuple[str, nn.Module]]

EXPECTED = (
    "Expected convolutions, transposed and sub-pixel convolutions, one after the other, each followed by ReLU, "
    "leaky ReLU (0.01) or nothing"
)
_SUMS = {"add", "iadd", "add_", "sub", "isub", "sub_"}
_PRODUCTS = {"mul", "imul", "mul_", "truediv", "div", "div_"}


class _Tracer(fx.Tracer):
    """Takes convolutions, GDN and torch's own layers as they are; looks into everything else."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        known = isinstance(m, Convolution) or hasattr(m, "beta_reparam")
        return known or super().is_leaf_module(m, module_qualified_name)


def layers_of(network: nn.Module, name: str) -> Layers:
    """List a network's layers in the order in which they run, each with its path, as in ``h_s.2.conv``.

    Args:
        network: modules nested at will; each layer reads what the one before gives. Functions (``F.relu``,
            ``F.leaky_relu``, ``F.pixel_shuffle``, ``F.interpolate``) come as the modules that do the same.
        name: what to call the network in messages.

    Raises:
        ModelError: it is no chain, or calls something that is no layer; names the place.
    """
    whole = nn.Sequential(network)
    try:
        graph = _Tracer().trace(whole)
    except Exception as error:  # whatever the network's own code raises when it meets no tensor
        raise ModelError(
            f"{name}: cannot follow its forward ({first_line(error)}). Expected layers one after the other, "
            "best in nn.Sequential"
        ) from error
    found: Layers = []
    previous, *nodes = graph.nodes
    for node in nodes:
        if len(node.all_input_nodes) > 1:
            raise ModelError(f"{name}{_scope(node, whole)}: {_joining(node)}. {EXPECTED}")
    for node in nodes:
        where = name + _scope(node)
        if len(previous.users) != 1 or node.all_input_nodes != [previous]:
            raise ModelError(f"{where}: what a layer gives is read more than once, or never. {EXPECTED}")
        if node.op == "call_module":
            found.append((name + str(node.target)[1:], whole.get_submodule(str(node.target))))
        elif node.op != "output":
            found.append((where, _as_module(node, where)))
        previous = node
    return found


def _scope(node: fx.Node, whole: nn.Module | None = None) -> str:
    """Return the path of the innermost module that a node is in, as ``.2.conv``, and its class if `whole` is given."""
    path = next(reversed(node.meta.get("nn_module_stack", {})), "0")
    kind = f" ({type(whole.get_submodule(path)).__name__})" if whole else ""
    return path[1:] + kind


def _joining(node: fx.Node) -> str:
    called = getattr(node.target, "__name__", str(node.target))
    if node.op == "output":
        return "it gives several tensors; expected one, scales and means side by side along the channels"
    if called in _SUMS:
        return "a sum of what layers give cannot become integers; leave the shortcut of a residual block out"
    if called in _PRODUCTS:
        return "a product of what layers give cannot become integers; leave gates and attention out"
    return f"{called} of what several layers give cannot become integers; use one chain of layers"


def _as_module(node: fx.Node, where: str) -> nn.Module:
    """Return the module that does what a call of a function or method does."""
    called = str(getattr(node.target, "__name__", node.target))
    make = _FUNCTIONS.get(called.rstrip("_"))
    if make is None:
        raise ModelError(f"{where}: {called} cannot become integers. {EXPECTED}")
    arguments = dict(node.kwargs)
    arguments.pop("inplace", None)
    return make(*node.args[1:], **arguments)


def _relu(*_: Any) -> nn.Module:
    return nn.ReLU()


def _leaky_relu(negative_slope: float = 0.01, _inplace: bool = False) -> nn.Module:
    return nn.LeakyReLU(negative_slope)


def _interpolate(size: Any = None, scale_factor: Any = None, mode: str = "nearest", *_: Any, **__: Any) -> nn.Module:
    return nn.Upsample(size, scale_factor, mode)


_FUNCTIONS: dict[str, Callable[..., nn.Module]] = {
    "relu": _relu,
    functional.leaky_relu.__name__: _leaky_relu,
    "pixel_shuffle": nn.PixelShuffle,
    functional.interpolate.__name__: _interpolate,
    torch.Tensor.contiguous.__name__: nn.Identity,
}
