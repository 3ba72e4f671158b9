"""Float networks to ONNX: any height and width, GDN folded to constants, one file each, the same bytes every time."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from typing import TYPE_CHECKING

import onnx
import torch
from torch import nn

from licrt.trainer.layers import GDN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from licrt.export.parts import Parts

OPSET = 18  # TensorRT 10.3 reads up to 20; nothing here needs more than 18


class FoldedGdn(nn.Module):
    """(Inverse) GDN or GDN1 with its reparametrisation folded into constants (Ballé et al. 2016, 2018)."""

    def __init__(self, layer: GDN) -> None:
        super().__init__()
        beta, gamma = layer.effective()
        self.norm = nn.Conv2d(len(beta), len(beta), 1)
        self.norm.weight.data = gamma.detach()[:, :, None, None].clone()
        self.norm.bias.data = beta.detach().clone()  # type: ignore[union-attr]
        self.inverse, self.simplified = layer.inverse, layer.simplified

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise `x`, `[batch, channels, height, width]`."""
        norm: torch.Tensor = self.norm(x.abs()) if self.simplified else self.norm(x * x).sqrt()
        return x * norm if self.inverse else x / norm


class _Magnitude(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x.abs())  # type: ignore[no-any-return]


def fold(module: nn.Module) -> nn.Module:
    """Return a copy in which every GDN layer is a `FoldedGdn`; the original is left alone."""
    if isinstance(module, GDN):
        return FoldedGdn(module)
    folded = copy.deepcopy(module)
    for name, layer in list(folded.named_modules()):
        if isinstance(layer, GDN):
            folded.set_submodule(name, FoldedGdn(layer))
    return folded


def float_graphs(parts: Parts) -> dict[str, tuple[nn.Module, int]]:
    """Return each role's folded module and the number of channels of its input."""
    latent_channels = _input_channels(parts.synthesis)
    graphs = {"analysis": (fold(parts.analysis), 3), "synthesis": (fold(parts.synthesis), latent_channels)}
    if parts.hyper:
        hyper = fold(parts.hyper.analysis)
        graphs["hyper_analysis"] = (_Magnitude(hyper) if parts.hyper.absolute else hyper, latent_channels)
    return graphs


def to_onnx(module: nn.Module, channels: int, samples: int, output: str) -> onnx.ModelProto:
    """Export one network with input `[1, channels, height, width]` of any height and width.

    Args:
        module: the network, in evaluation mode.
        channels: channels of its input.
        samples: height and width of the example that it is traced with.
        output: name of the output; the input is called `input`.
    """
    example = torch.zeros(1, channels, samples, samples + 16)
    dynamic = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), _quiet("torch.onnx", "onnxscript"):
        warnings.simplefilter("ignore")
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
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    model: onnx.ModelProto = program.model_proto
    _strip(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def _strip(model: onnx.ModelProto) -> None:
    """Remove what varies between machines and says nothing to a runtime: source paths, stack traces, versions."""
    model.producer_name, model.producer_version, model.doc_string = "licrt", "", ""
    del model.metadata_props[:]
    del model.functions[:]
    graph = model.graph
    graph.name, graph.doc_string = "main", ""
    del graph.metadata_props[:]
    for item in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        item.doc_string = ""
        del item.metadata_props[:]


def _input_channels(module: nn.Module) -> int:
    for layer in module.modules():
        if isinstance(layer, nn.ConvTranspose2d | nn.Conv2d):
            return layer.in_channels
    raise TypeError("the synthesis has no convolution")


@contextlib.contextmanager
def _quiet(*names: str) -> Iterator[None]:
    loggers = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    for logger, _ in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in loggers:
            logger.setLevel(level)
