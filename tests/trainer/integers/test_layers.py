"""Reading the layers of PyTorch modules, and naming those that cannot become integers."""

import pytest
import torch
from torch import nn

from licrt.runtime.errors import ModelError
from licrt.trainer.integers.layers import ending_in_a_convolution, float_layer, steps
from licrt.trainer.layers import GDN, MaskedConvolution, causal_mask


def conv(inputs: int = 2, outputs: int = 2, **options) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, **{"padding": 1, **options})


class Doubled(nn.Conv2d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


def test_layers_come_in_order_with_what_follows_them() -> None:
    network = nn.Sequential(
        conv(),
        nn.LeakyReLU(),
        nn.Sequential(conv(2, 8), nn.PixelShuffle(2)),
        nn.ReLU(),
        nn.ConvTranspose2d(2, 4, 5),
        nn.Identity(),
    )
    found = [(step.name, step.upscale, step.activation) for step in steps(network, "h_s")]
    assert found == [("h_s.0", 1, "leaky_relu"), ("h_s.2.0", 2, "relu"), ("h_s.4", 1, "none")]


@pytest.mark.parametrize(
    ("network", "complaint"),
    [
        (nn.Sequential(conv(), nn.Sigmoid()), r"h_s\.1: Sigmoid cannot become integers.*ReLU"),
        (nn.Sequential(conv(groups=2)), r"h_s\.0.*without groups"),
        (nn.Sequential(nn.Conv2d(2, 2, 3, dilation=2)), r"h_s\.0.*dilation"),
        (nn.ModuleList([conv()]), r"h_s: ModuleList cannot become integers"),
        (nn.Sequential(conv(), nn.LeakyReLU(0.2)), r"h_s\.1: leaky ReLU has slope 0\.2; expected 0\.01"),
        (nn.Sequential(conv(2, 50), nn.PixelShuffle(5)), r"h_s\.1: a pixel shuffle by 5"),
        (nn.Sequential(nn.ConvTranspose2d(2, 8, 3), nn.PixelShuffle(2)), "after ConvTranspose2d"),
        (nn.Sequential(nn.ReLU(), conv()), r"h_s\.0: ReLU cannot"),
        (nn.Sequential(conv(), nn.ReLU(), nn.PixelShuffle(2)), r"h_s\.2: PixelShuffle cannot"),
        (nn.Sequential(), "h_s has no layers"),
        (nn.Sequential(conv(), GDN(2)), r"h_s\.1: GDN cannot .* Use ReLU or leaky ReLU"),
        (nn.Sequential(conv(), nn.PReLU()), r"h_s\.1: PReLU cannot .* Use ReLU or leaky ReLU"),
        (nn.Sequential(conv(), nn.BatchNorm2d(2)), r"h_s\.1: BatchNorm2d cannot .*fuse_conv_bn_eval"),
        (nn.Sequential(conv(), nn.GroupNorm(1, 2)), r"h_s\.1: GroupNorm cannot .* Leave it out"),
        (nn.Sequential(conv(), nn.AvgPool2d(2)), r"h_s\.1: AvgPool2d cannot .* convolution with a stride"),
        (nn.Sequential(nn.ZeroPad2d(1), conv()), r"h_s\.0: ZeroPad2d cannot .* padding of zeros"),
        (nn.Sequential(conv(), nn.Linear(4, 4)), r"h_s\.1: Linear cannot .* 1x1 convolution"),
        (nn.Sequential(conv(), nn.Upsample(scale_factor=2, mode="bilinear"), conv()), r"h_s\.1: .* mode bilinear"),
        (nn.Sequential(conv(), nn.Upsample(scale_factor=1.5), conv()), r"h_s\.1: upsampling by 1\.5"),
        (nn.Sequential(conv(), nn.Upsample(size=8), conv()), r"h_s\.1: upsampling by None"),
        (nn.Sequential(conv(), nn.Upsample(scale_factor=2)), "ends with upsampling"),
        (nn.Sequential(nn.Upsample(scale_factor=2), nn.ReLU(), conv()), r"h_s\.1: expected a convolution right after"),
        (nn.Sequential(nn.Upsample(scale_factor=2), conv(stride=2)), r"h_s\.1.*after upsampling, its stride is not 1"),
        (nn.Sequential(nn.Upsample(scale_factor=2), conv(2, 8), nn.PixelShuffle(2)), "after upsampling and a conv"),
        (nn.Sequential(nn.Conv2d(2, 2, 4, padding="same")), r"h_s\.0.*use an odd kernel"),
        (nn.Sequential(nn.Conv2d(2, 2, 3, padding=(1, 0))), r"h_s\.0.*axes differ"),
        (nn.Sequential(nn.Conv2d(2, 2, (3, 5), padding="same")), r"h_s\.0.*axes differ"),
        (nn.Sequential(nn.Conv2d(2, 2, 17)), r"h_s\.0.*kernel is larger than 15"),
        (nn.Sequential(nn.Conv2d(2, 2, 3, stride=9)), r"h_s\.0.*stride is larger than 8"),
        (nn.Sequential(nn.Conv2d(2, 2, 1, padding=1)), r"h_s\.0.*padding is not smaller than its kernel"),
        (nn.Sequential(nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect")), r"h_s\.0.*pads with reflect; use zeros"),
        (nn.Sequential(Doubled(2, 2, 1)), r"h_s\.0.*Doubled has a forward of its own"),
    ],
)
def test_what_cannot_become_integers_is_named(network: nn.Module, complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        steps(network, "h_s")


def test_dropout_is_nothing() -> None:
    network = nn.Sequential(conv(), nn.Dropout(0.5), nn.ReLU(), nn.Dropout2d(0.5), conv(padding="same"), nn.Identity())
    assert [(step.name, step.activation) for step in steps(network, "h_s")] == [("h_s.0", "relu"), ("h_s.4", "none")]


@pytest.mark.parametrize(
    ("kernel", "padding", "repeat"), [(3, 1, 2), (5, 2, 2), (3, 0, 2), (1, 0, 3), (2, 1, 2), (3, 2, 4)]
)
def test_upsampling_and_a_convolution_are_a_transposed_one(kernel: int, padding: int, repeat: int) -> None:
    torch.manual_seed(kernel)
    network = nn.Sequential(nn.Upsample(scale_factor=repeat), nn.Conv2d(2, 3, kernel, padding=padding)).double()
    (step,) = steps(network, "h_s")
    layer = float_layer(step, torch.zeros(3), torch.ones(3))
    assert layer.kind == "conv_transpose"
    x = torch.randn(1, 2, 4, 5, dtype=torch.float64)
    weight, bias = torch.from_numpy(layer.weight).transpose(0, 1), torch.from_numpy(layer.bias)
    joined = nn.functional.conv_transpose2d(x, weight, bias, layer.stride, layer.padding, layer.output_padding)
    torch.testing.assert_close(joined, network(x))


@pytest.mark.parametrize(
    ("after", "keep"), [([nn.PixelShuffle(2)], False), ([nn.PixelShuffle(2), nn.ReLU()], True), ([nn.ReLU()], False)]
)
def test_heads_read_a_convolution(after: list[nn.Module], keep: bool) -> None:
    network, x = nn.Sequential(conv(2, 8), *after), torch.randn(1, 2, 3, 4)
    ended = ending_in_a_convolution(network, "h_s", keep_activation=keep)
    last = steps(ended, "h_s")[-1]
    assert (last.upscale, last.activation) == (1, "none")
    assert torch.equal(ended(x), network(x))


def test_heads_that_read_one_already_stay() -> None:
    for network, keep in ((nn.Sequential(conv()), False), (nn.Sequential(conv(), nn.ReLU()), True)):
        assert ending_in_a_convolution(network, "h_s", keep_activation=keep) is network


def test_weights_under_a_mask_count_as_zero() -> None:
    layer = MaskedConvolution(2, 3, causal_mask(5))
    (step,) = steps(layer, "context")
    assert layer.weight[:, :, 4, 4].abs().min() > 0
    described = float_layer(step, torch.zeros(3), torch.ones(3))
    assert not described.weight[:, :, 3:].any()
    assert described.weight[:, :, :2].any()
