"""Models taken apart by their attributes, and what their forward shows."""

from __future__ import annotations

import pytest
import torch
from references.architectures import VARIABLE
from references.custom import mean_scale
from references.tiny import tiny_model
from torch import nn

from licrt.export import parts_of
from licrt.export.conventions import watch
from licrt.export.parts import Parts
from licrt.runtime.errors import ModelError
from licrt.trainer.layers import MaskedConvolution, causal_mask, checkerboard_mask
from licrt.trainer.models import ARCHITECTURES


class Codec(nn.Module):
    """A user's model: the parts of a mean-scale hyper-prior by their names, and a forward."""

    def __init__(self, **more: nn.Module) -> None:
        super().__init__()
        parts = mean_scale()
        for name in ("g_a", "g_s", "h_a", "h_s", "entropy_bottleneck", "gaussian_conditional"):
            setattr(self, name, getattr(parts, name))
        for name, module in more.items():
            setattr(self, name, module)

    def forward(self, x):
        y = self.g_a(x)
        z_hat, _ = self.entropy_bottleneck(self.seen(y))
        first, second = self.h_s(z_hat).chunk(2, 1)
        y_hat, likelihoods = self.conditional(y, first, second)
        return {"x_hat": self.g_s(y_hat), "likelihoods": likelihoods}

    def seen(self, y):
        return self.h_a(y)

    def conditional(self, y, first, second):
        return self.gaussian_conditional(y, first, second)


class Magnitude(Codec):
    def seen(self, y):
        return self.h_a(y.abs())


class MeansFirst(Codec):
    def conditional(self, y, first, second):
        return self.gaussian_conditional(y, scales=second, means=first)


class Bounded(Codec):
    def conditional(self, y, first, second):
        return self.gaussian_conditional(y, first.clamp(min=0.05), means=second)


@pytest.mark.parametrize(
    ("kind", "magnitude", "means_first"),
    [(Codec, False, False), (Magnitude, True, False), (MeansFirst, False, True), (Bounded, False, False)],
)
def test_conventions_are_seen_from_the_forward(kind: type[Codec], magnitude: bool, means_first: bool) -> None:
    model = kind()
    parts = parts_of(model)
    assert (parts.hyper_analysis_sees_magnitude, parts.means_first) == (magnitude, means_first)
    assert (parts.g_a, parts.h_s, parts.gaussian_conditional) == (model.g_a, model.h_s, model.gaussian_conditional)
    assert not parts.context
    assert parts.rates is None
    assert not any(module._forward_hooks for module in model.modules())
    assert parts_of(parts) is parts


class Exponential(Codec):
    def conditional(self, y, first, second):
        return self.gaussian_conditional(y, first.exp(), second)


class Stretched(Codec):
    def seen(self, y):
        return self.h_a(2 * y)


class Broken(Codec):
    def seen(self, y):
        raise ValueError("no such luck\nreally")


class Elsewhere(Codec):
    def conditional(self, y, first, second):
        return y, first


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        (Exponential, r"Exponential\.forward gives gaussian_conditional other scales .* what h_s gives"),
        (Stretched, r"Stretched\.forward gives h_a neither y nor \|y\|"),
        (Broken, r"cannot see how Broken\.forward uses its parts.*ValueError: no such luck\. Set hyper_analysis_sees_"),
        (Elsewhere, r"Elsewhere\.forward does not call gaussian_conditional; describe .* licrt\.export\.Parts"),
    ],
)
def test_a_forward_that_does_something_else_is_refused(kind: type[Codec], complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint) as raised:
        parts_of(kind())
    assert "\n" not in str(raised.value)


def test_what_attributes_say_needs_no_forward() -> None:
    model = Broken()
    model.hyper_analysis_sees_magnitude, model.means_first = True, True
    parts = parts_of(model)
    assert parts.hyper_analysis_sees_magnitude
    assert parts.means_first


class Autoregressive(Codec):
    """CompressAI's attributes for a context model."""

    def __init__(self, mask=None, order=("hyper", "spatial")) -> None:
        super().__init__(
            context_prediction=MaskedConvolution(12, 24, causal_mask(5) if mask is None else mask),
            entropy_parameters=nn.Sequential(nn.Conv2d(48, 30, 1), nn.LeakyReLU(), nn.Conv2d(30, 24, 1)),
        )
        self.order = order

    def forward(self, x):
        y = self.g_a(x)
        z_hat, _ = self.entropy_bottleneck(self.h_a(y))
        features = {"hyper": self.h_s(z_hat), "spatial": self.context_prediction(y.round())}
        scales, means = self.entropy_parameters(self.joined([features[name] for name in self.order])).chunk(2, 1)
        return self.gaussian_conditional(y, scales, means)

    def joined(self, features):
        return torch.cat(features, 1)


@pytest.mark.parametrize("order", [("hyper", "spatial"), ("spatial", "hyper")])
def test_autoregressive_models_are_known_by_their_attributes(order: tuple[str, str]) -> None:
    model = Autoregressive(order=order)
    (group,) = parts_of(model).context
    assert (group.channels, group.order, group.inputs, group.means_first) == (12, "wavefront", order, False)
    assert (group.spatial_context, group.parameters) == (model.context_prediction, model.entropy_parameters)


class Summed(Autoregressive):
    def joined(self, features):
        return torch.cat([features[0] + features[1], features[1]], 1)


def test_other_contexts_have_to_be_described() -> None:
    with pytest.raises(ModelError, match=r"Summed\.forward gives entropy_parameters something else"):
        parts_of(Summed())
    with pytest.raises(ModelError, match=r"context_prediction is no masked convolution .* raster order; describe"):
        parts_of(Autoregressive(mask=checkerboard_mask(5)))


def test_missing_attributes_are_named() -> None:
    with pytest.raises(ModelError, match=r"Linear has no g_a, g_s, entropy_bottleneck; expected .*Parts"):
        parts_of(nn.Linear(1, 1))
    model = Codec()
    del model.gaussian_conditional
    with pytest.raises(ModelError, match="Codec has no gaussian_conditional"):
        parts_of(model)
    model = tiny_model("mbt2018")
    type_with_groups = type("Grouped", (nn.Module,), {"context_groups": lambda self: ()})()
    for name in ("g_a", "g_s", "h_a", "h_s", "entropy_bottleneck", "gaussian_conditional"):
        setattr(type_with_groups, name, getattr(model, name))
    with pytest.raises(ModelError, match=r"Grouped has context_groups.*hyper_analysis_sees_magnitude"):
        parts_of(type_with_groups)


@pytest.mark.parametrize("arch", list(ARCHITECTURES))
def test_the_trainers_models_say_it_all(arch: str, monkeypatch) -> None:
    monkeypatch.setattr(ARCHITECTURES[arch], "forward", None)
    model = tiny_model(arch)
    parts = parts_of(model)
    assert isinstance(parts, Parts)
    assert parts.hyper_analysis_sees_magnitude == arch.startswith("bmshj2018-hyperprior")
    assert len(parts.context or ()) == (len(model.context_groups()) if hasattr(model, "context_groups") else 0)
    assert (parts.rates is model) == (arch in VARIABLE)


def test_the_watched_forward_agrees_with_what_the_trainer_says() -> None:
    """The same finding without the attributes, where the forward is that of a model without a context."""
    for arch in ("bmshj2018-hyperprior", "mbt2018-mean"):
        model = tiny_model(arch)
        seen = watch(model)
        assert seen.magnitude == model.hyper_analysis_sees_magnitude
        assert seen.means_first == model.means_first
        assert seen.latent_channels == 12
