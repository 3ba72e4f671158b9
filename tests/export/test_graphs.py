import numpy as np
import onnx
import pytest
import torch
from references.tiny import tiny_model

from licrt.export.float_model import float_model
from licrt.export.graphs import OPSET, float_graphs, to_onnx
from licrt.export.structure import fold
from licrt.runtime.backends import open_backend

# One of each kind of transforms; the others have the same ones.
ARCHITECTURES = (
    "bls2017", "bmshj2018-factorized-relu", "bmshj2018-hyperprior", "mbt2018-mean", "cheng2020-attn",
    "elic2022-official",
)  # fmt: skip


@pytest.fixture(scope="module", params=ARCHITECTURES)
def graphs(request):
    model = float_model(tiny_model(request.param))
    return {
        role: (module, channels, to_onnx(module, channels, 128 if role == "analysis" else 16, "output"))
        for role, (module, channels) in float_graphs(model).items()
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


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 313), (313, 1)])
def test_sizes_are_those_of_the_specification(graphs, size: tuple[int, int]) -> None:
    """Pictures of 1x1, 17x33, 3x5000 and 5000x3, padded to 16: latents, pictures and hyper-latents (a quarter, up)."""
    height, width = size
    wanted = {
        "analysis": (3, 16 * height, 16 * width, height, width),
        "synthesis": (graphs["synthesis"][1], height, width, 16 * height, 16 * width),
        "hyper_analysis": (graphs["synthesis"][1], height, width, -(-height // 4), -(-width // 4)),
    }
    for role, (_, _, model) in graphs.items():
        channels, *seen, out_height, out_width = wanted[role]
        assert run(model, np.zeros((1, channels, *seen), np.float32)).shape[2:] == (out_height, out_width)


def test_graphs_are_clean(graphs) -> None:
    for _, _, model in graphs.values():
        assert model.opset_import[0].version == OPSET <= 20
        assert {node.op_type for node in model.graph.node} <= {
            "Abs", "Add", "Conv", "ConvTranspose", "DepthToSpace", "Div", "LeakyRelu", "Mul", "Relu", "Sigmoid", "Sqrt",
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
