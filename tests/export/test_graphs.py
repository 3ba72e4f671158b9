import numpy as np
import onnx
import pytest
import torch
from references.tiny import tiny_model

from licrt.export.graphs import OPSET, float_graphs, fold, to_onnx
from licrt.export.halo import halo
from licrt.export.parts import parts_of
from licrt.runtime.backends import open_backend
from licrt.runtime.errors import ModelError
from licrt.trainer.models import ARCHITECTURES


@pytest.fixture(scope="module", params=list(ARCHITECTURES))
def graphs(request):
    parts = parts_of(tiny_model(request.param))
    return {
        role: (module, channels, to_onnx(module, channels, 128 if role == "analysis" else 16, "output"))
        for role, (module, channels) in float_graphs(parts).items()
    }


def run(model: onnx.ModelProto, array: np.ndarray) -> np.ndarray:
    return open_backend("cpu", 1).load(model.SerializeToString(), "graph").run(array)


def test_every_size_agrees_with_torch(graphs) -> None:
    rng = np.random.default_rng(0)
    for role, (module, channels, model) in graphs.items():
        unit = 16 if role == "analysis" else 1
        for height, width in ((1, 1), (2, 3), (5, 4)):
            array = rng.normal(0, 1, (1, channels, height * unit, width * unit)).astype(np.float32)
            with torch.inference_mode():
                expected = module(torch.from_numpy(array)).numpy()
            np.testing.assert_allclose(run(model, array), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_graphs_are_clean(graphs) -> None:
    for _, _, model in graphs.values():
        assert model.opset_import[0].version == OPSET <= 20
        assert {node.op_type for node in model.graph.node} <= {
            "Abs", "Conv", "ConvTranspose", "Div", "LeakyRelu", "Mul", "Relu", "Sqrt",
        }  # fmt: skip
        data = model.SerializeToString()
        assert b"pkg.torch" not in data
        assert b".py" not in data


def test_folding_leaves_the_model_alone() -> None:
    model = tiny_model("mbt2018-mean")
    picture = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        before = model.g_a(picture)
        folded = fold(model.g_a)(picture)
        assert torch.equal(model.g_a(picture), before)
    torch.testing.assert_close(folded, before, rtol=1e-5, atol=1e-4)


def test_the_halo_is_enough_and_not_one_sample_less(graphs) -> None:
    """Cut a tile with its halo out of a large input: its middle is as in the whole; with a smaller halo it is not."""
    rng = np.random.default_rng(1)
    for role, (_, channels, model) in graphs.items():
        reach = halo(model)
        step = 16 if role == "analysis" else 4 if role == "hyper_analysis" else 1
        reach_steps = -(-reach // step) * step
        size = 2 * reach_steps + 4 * step
        array = rng.normal(0, 1, (1, channels, size + 4 * step, size + 4 * step)).astype(np.float32)
        whole = run(model, array)
        begin, end = 2 * step + reach_steps, 2 * step + size - reach_steps
        ratio = whole.shape[2] / array.shape[2]

        def tile(around: int, array=array, model=model, begin=begin, end=end, ratio=ratio) -> np.ndarray:
            part = run(
                model, np.ascontiguousarray(array[..., begin - around : end + around, begin - around : end + around])
            )
            margin = int(around * ratio)
            return part[..., margin : part.shape[2] - margin, margin : part.shape[3] - margin]

        middle = whole[..., int(begin * ratio) : int(end * ratio), int(begin * ratio) : int(end * ratio)]
        tolerance = 1e-4 * np.abs(middle).max()
        assert np.abs(tile(reach_steps) - middle).max() < tolerance
        assert reach_steps - reach < step
        assert np.abs(tile(reach_steps - step) - middle).max() > tolerance


@pytest.mark.parametrize(
    ("layer", "reach"),
    [
        (torch.nn.Conv2d(2, 2, (3, 7), padding=(1, 3)), 3),
        (torch.nn.Conv2d(2, 2, (7, 3), padding=(3, 1)), 3),
        (torch.nn.Conv2d(2, 2, 3, padding=4, dilation=4), 4),
        (torch.nn.ConvTranspose2d(2, 2, (1, 9), padding=(0, 4)), 4),
    ],
)
def test_the_halo_counts_both_axes_and_dilation(layer: torch.nn.Module, reach: int) -> None:
    assert halo(to_onnx(layer, 2, 32, "output")) == reach


def test_an_unknown_operator_is_named() -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 18]> g (float[1,2,4,4] x) => (float[1,2,4,4] y) { y = Softmax(x) }'
    )
    with pytest.raises(ModelError, match="Softmax"):
        halo(model)
