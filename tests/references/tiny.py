"""Small random models with natural spread: a default-initialised one codes nothing but zeros at one index."""

from __future__ import annotations

import torch
from references.sizes import sizes
from references.tiny_photo import photo

from licrt.trainer.layers import DepthwiseBlock
from licrt.trainer.models import ARCHITECTURES, CompressionModel
from licrt.trainer.models.factorised import Factorised
from licrt.trainer.models.variable_rate import VariableRate


def tiny_model(
    arch: str, channels: int = 8, latent_channels: int = 12, seed: int = 1, **more: object
) -> CompressionModel:
    """A random model whose latents and scales spread over many tables, in evaluation mode, tables made."""
    torch.manual_seed(seed)
    model = ARCHITECTURES[arch](*sizes(arch, channels, latent_channels), **more)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, DepthwiseBlock):  # a new one changes nothing
                module.project.reset_parameters()
        if isinstance(model, VariableRate):
            model.QuantABCD[-1].reset_parameters()  # some begin without offsets
        if hasattr(model, "context_groups"):
            spread_context(model)
        elif isinstance(model, Factorised):
            _scale(model.g_a, _picture(), 6.0)
        else:
            gain, top = (200, 2.1) if hasattr(model, "gains") else (60, 1)
            model.g_a[-1].weight *= gain
            model.h_a[-1].weight *= 30
            last = model.h_s[-2] if isinstance(model.h_s[-1], torch.nn.ReLU) else model.h_s[-1]
            last.weight *= 4
            last.bias[:latent_channels] = torch.logspace(-1, top, latent_channels)
    model.eval()
    model.update(force=True)
    return model


def spread_context(model: CompressionModel) -> None:
    """Gives the parts of a model with context gains by which latents of a photograph deviate by about 6, its
    hyper-latents by 4, features by 2, and by which the scales of a group go from 0.2 to 50 from channel to channel."""
    y = _scale(model.g_a, _picture(), 6.0)
    hyper = _scale(model.h_s, _scale(model.h_a, y, 4.0), 2.0)
    first = 0
    for group in model.context_groups():
        latents = y[:, first : first + group.channels]
        channel = None
        if group.channel_context is not None:
            firsts = torch.tensor([0, *(each.channels for each in model.context_groups())]).cumsum(0).tolist()
            seen = torch.cat([y[:, firsts[k] : firsts[k + 1]] for k in group.sources], dim=1)
            channel = _scale(group.channel_context, seen, 2.0)
        spatial = None
        if group.spatial_context is not None:
            spatial = _scale(torch.nn.Sequential(group.spatial_context), latents, 2.0)
        features = {"hyper": hyper, "channel": channel, "spatial": spatial}
        _scale(
            group.parameters, torch.cat([features[name] for name in group.inputs if features[name] is not None], 1), 1.0
        )
        last = group.parameters[-1]
        scales = slice(group.channels, None) if group.means_first else slice(0, group.channels)
        wanted = torch.logspace(-0.7, 1.7, group.channels) if group.channels > 1 else torch.tensor([2.0])
        if group.logarithmic_scales:
            last.weight[scales] *= 0.5
            last.bias[scales] = torch.log(wanted)
        else:
            last.weight[scales] *= 0.5 * wanted[:, None, None, None]
            last.bias[scales] = wanted
        first += group.channels


def _picture() -> torch.Tensor:
    return torch.from_numpy(photo(128, 128)).permute(2, 0, 1)[None].float() / 255


def _scale(network: torch.nn.Sequential, x: torch.Tensor, deviation: float) -> torch.Tensor:
    """Multiplies a network's last convolution, so that its output deviates by about that much around zero."""
    convolutions = [layer for layer in network if hasattr(layer, "weight") and hasattr(layer, "kernel_size")]
    last = convolutions[-1]
    for _ in range(4):  # once is enough, unless there is attention behind
        last.weight *= deviation / network(x).std()
        last.bias.zero_()
    return network(x)
