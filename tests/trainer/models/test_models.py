from __future__ import annotations

import numpy as np
import pytest
import torch
from references.architectures import OF_COMPRESSAI, VARIABLE
from references.sizes import sizes
from references.tiny import tiny_model
from references.tiny_photo import photo

from licrt.runtime.coder import CdfTables, encode
from licrt.runtime.errors import ModelError
from licrt.trainer.layers import GDN
from licrt.trainer.models import (
    ARCHITECTURES,
    BLS2017,
    BMSHJ2018Factorized,
    BMSHJ2018FactorizedReLU,
    Cheng2020Anchor,
    Elic2022Official,
)
from licrt.trainer.models.contextual import Contextual
from licrt.trainer.models.factorised import Factorised

CHECKPOINTS = {
    "bls2017": "bls2017-128-lambda0.125.pth.tar",
    "mbt2018-mean": "mbt2018-mean-64-96.pth.tar",
    "mbt2018": "mbt2018-64-96.pth.tar",
}
FACTORISED = [arch for arch, model in ARCHITECTURES.items() if issubclass(model, Factorised)]
SIDES = {
    **dict.fromkeys(FACTORISED, (64, 48)),
    "bmshj2018-hyperprior": (128, 64),
}  # others: (64, 128)
WITH_CONTEXT = [arch for arch, model in ARCHITECTURES.items() if issubclass(model, Contextual)]


def levels(arch: str, *chosen: int) -> dict[str, int]:
    """Arguments for one level of a variable-rate model, none for others."""
    return {"s": chosen[0] if chosen else 5} if arch in VARIABLE else {}


@pytest.fixture(params=ARCHITECTURES)
def arch(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=OF_COMPRESSAI)
def theirs(request: pytest.FixtureRequest) -> str:
    return request.param


def test_names_are_keys(arch: str) -> None:
    assert ARCHITECTURES[arch].arch == arch


def test_shapes(arch: str, perturbed) -> None:
    height, width = SIDES.get(arch, (64, 128))
    model = perturbed(arch)
    output = model(torch.rand(2, 3, height, width))
    assert output["x_hat"].shape == (2, 3, height, width)
    assert output["likelihoods"]["y"].shape == (2, model.latent_channels, height // 16, width // 16)
    if not isinstance(model, Factorised):
        assert output["likelihoods"]["z"].shape == (2, model.entropy_bottleneck.table_count, height // 64, width // 64)


def test_building_from_a_state_dict_leaves_the_generator_alone(arch: str, perturbed) -> None:
    trained = perturbed(arch, (4, 6))
    state_dict = trained.state_dict()
    before = torch.get_rng_state()
    model = ARCHITECTURES[arch].from_state_dict(state_dict)
    assert torch.equal(torch.get_rng_state(), before)
    assert (model.channels, model.latent_channels) == (trained.channels, trained.latent_channels)
    assert arch not in WITH_CONTEXT or [g.channels for g in model.context_groups()] == [
        g.channels for g in trained.context_groups()
    ]
    assert not model.training
    for key, value in model.state_dict().items():
        assert torch.equal(value, state_dict[key]), key


def test_update_covers_all_entropy_models(arch: str, perturbed) -> None:
    model = perturbed(arch)
    assert model.update()
    assert not model.update()
    for key, value in model.state_dict().items():
        assert value.numel(), key


@pytest.mark.oracle
def test_initial_state_is_that_of_compressai(theirs: str, oracle) -> None:
    """Keys, shapes, and every value that is not drawn at random."""
    arch = theirs
    channels = [8] if arch.startswith("cheng2020") else [8, 12]
    groups = [[1, 1, 2, 4, 4]] if arch.startswith("elic2022") else []
    expected = oracle("initial_state", arch=arch, channels=channels + groups)
    mine = {
        f"state:{key}": value.numpy() for key, value in ARCHITECTURES[arch](*sizes(arch, 8, 12)).state_dict().items()
    }
    assert mine.keys() == expected.keys()
    for key, value in mine.items():
        assert (value.shape, value.dtype) == (expected[key].shape, expected[key].dtype), key
        if not key.endswith((".weight", ".bias")) and ".biases." not in key:
            np.testing.assert_array_equal(value, expected[key], err_msg=key)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", [0, 1])
def test_outputs_equal_compressai(theirs: str, seed: int, oracle, perturbed, to_arrays) -> None:
    arch = theirs
    model = perturbed(arch, seed=seed)
    x = np.random.default_rng(seed).random((2, 3, *SIDES.get(arch, (64, 128)))).astype(np.float32)
    expected = oracle("run_model", arch=arch, x=x, **levels(arch, 3 + 4 * seed), **to_arrays(model))
    mine = {}
    for name in expected.keys() & {"g_a", "g_s", "h_a", "h_s"}:
        getattr(model, name).register_forward_hook(lambda _, __, output, name=name: mine.__setitem__(name, output))
    with torch.no_grad():
        output = model(torch.from_numpy(x), **levels(arch, 3 + 4 * seed))
    mine |= {"x_hat": output["x_hat"], **{f"likelihoods:{key}": value for key, value in output["likelihoods"].items()}}
    assert mine.keys() == expected.keys()
    for name, value in mine.items():
        scale = max(1.0, np.abs(expected[name]).max())
        np.testing.assert_allclose(value.numpy() / scale, expected[name] / scale, rtol=0, atol=1e-5, err_msg=name)
    assert len(np.unique(expected["likelihoods:y"])) > 50  # not a test of constants


@pytest.mark.oracle
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_tables_equal_compressai(theirs: str, seed: int, oracle, perturbed, to_arrays) -> None:
    arch = theirs
    model = perturbed(arch, seed=seed)
    expected = oracle("update", arch=arch, **to_arrays(model))
    assert model.aux_loss().item() == pytest.approx(expected.pop("aux_loss"), rel=1e-6)
    model.update(force=True)
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), expected[f"state:{key}"], err_msg=key)


@pytest.mark.oracle
@pytest.mark.parametrize("arch", CHECKPOINTS)
def test_tables_of_trained_models_are_reproduced(arch: str, oracle, shared_data, to_arrays) -> None:
    """Tables made anew equal CompressAI's here; the file's were made where torch rounds some sigmoids otherwise."""
    content = torch.load(shared_data / "checkpoints" / CHECKPOINTS[arch], weights_only=True)
    state_dict = content.get("state_dict", content)
    model = ARCHITECTURES[arch].from_state_dict(state_dict)
    assert not model.update()
    expected = oracle("update", arch=arch, **to_arrays(model))
    assert model.update(force=True)
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), expected[f"state:{key}"], err_msg=key)
        # Frequencies may differ by one either way, and a boundary sums up several of them.
        atol = 2 if key.endswith("_quantized_cdf") else 0
        np.testing.assert_allclose(value.numpy(), state_dict[key].numpy(), rtol=0, atol=atol, err_msg=key)


@pytest.mark.oracle
@pytest.mark.parametrize("arch", CHECKPOINTS)
def test_trained_models_equal_compressai(arch: str, oracle, shared_data, to_arrays) -> None:
    content = torch.load(shared_data / "checkpoints" / CHECKPOINTS[arch], weights_only=True)
    model = ARCHITECTURES[arch].from_state_dict(content.get("state_dict", content))
    x = np.random.default_rng(3).random((1, 3, 64, 64)).astype(np.float32)
    expected = oracle("run_model", arch=arch, x=x, **to_arrays(model))
    with torch.no_grad():
        output = model(torch.from_numpy(x))
    np.testing.assert_allclose(output["x_hat"].numpy(), expected["x_hat"], rtol=0, atol=1e-5)


def test_not_this_architecture(perturbed) -> None:
    state_dict = perturbed("mbt2018-mean", (4, 6)).state_dict()
    with pytest.raises(RuntimeError, match="Unexpected key"):
        BLS2017.from_state_dict(state_dict)


@pytest.mark.oracle
@pytest.mark.parametrize("arch", [arch for arch in VARIABLE if arch in OF_COMPRESSAI])
def test_first_stage_equals_compressai(arch: str, oracle, perturbed, to_arrays) -> None:
    model = perturbed(arch)
    x = np.random.default_rng(4).random((1, 3, 64, 64)).astype(np.float32)
    expected = oracle("run_model", arch=arch.removesuffix("-vbr"), x=x, **to_arrays(without_rates(model)))
    with torch.no_grad():
        output = model(torch.from_numpy(x), stage=1)
    np.testing.assert_allclose(output["x_hat"].numpy(), expected["x_hat"], rtol=0, atol=1e-5)


def without_rates(model: torch.nn.Module) -> torch.nn.Module:
    """The model of one rate inside a variable-rate model."""
    inner = ARCHITECTURES[model.arch.removesuffix("-vbr")](model.channels, model.latent_channels)
    inner.load_state_dict({key: value for key, value in model.state_dict().items() if key in inner.state_dict()})
    return inner


def test_widths_come_from_the_tensors() -> None:
    made = Elic2022Official(6, 30, groups=(3, 7, 20), hidden=[(5, 9), (8,), (11, 4)], channel_hidden=(10, 3, 5))
    loaded = Elic2022Official.from_state_dict(made.state_dict())
    assert loaded.groups == (3, 7, 20)
    assert {key: value.shape for key, value in loaded.state_dict().items()} == {
        key: value.shape for key, value in made.state_dict().items()
    }


def test_impossible_sizes() -> None:
    with pytest.raises(ModelError, match="cheng2020-anchor with channels=8 has latent_channels=8, not 12"):
        Cheng2020Anchor(8, 12)
    with pytest.raises(ModelError, match="a latent of 8 channels makes no five groups; use 9 or more"):
        Elic2022Official(8, 8)
    with pytest.raises(ModelError, match=r"groups of \(4, 4\) channels are not the 12 of the latent"):
        Elic2022Official(8, 12, groups=[4, 4])


def test_gains_ascend_and_are_positive(perturbed) -> None:
    model = perturbed("mbt2018-vbr")
    with torch.no_grad():
        model.Gain.copy_(torch.tensor([0.1, -0.2, 0.3, 0.4, 0.5, 0.6, -0.7, 1.0]))
    assert model.gains.tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0])


@pytest.mark.parametrize("arch", WITH_CONTEXT)
def test_running_leaves_the_weights_alone(arch: str, perturbed) -> None:
    """CompressAI's masked convolutions set weights to zero when they run."""
    model = perturbed(arch)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model(torch.rand(1, 3, 64, 64))
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key
    convolution = model.context_groups()[0].spatial_context
    assert (convolution.weight * (1 - convolution.mask)).abs().max() > 0


def test_layers_of_the_factorised_models_of_2018() -> None:
    """CompressAI's zoo gives the model with GDN by both names."""
    for arch, concrete, between in (
        ("bmshj2018-factorized", BMSHJ2018Factorized, GDN),
        ("bmshj2018-factorized-relu", BMSHJ2018FactorizedReLU, torch.nn.ReLU),
    ):
        model = ARCHITECTURES[arch](4, 6)
        assert type(model) is concrete
        for network, outer in ((model.g_a, torch.nn.Conv2d), (model.g_s, torch.nn.ConvTranspose2d)):
            assert [type(layer) for layer in network] == [outer, between] * 3 + [outer]
        assert [layer.inverse for layer in model.g_s if isinstance(layer, GDN)] == [True] * 3 * (between is GDN)


@pytest.mark.oracle
@pytest.mark.parametrize("arch", FACTORISED)
def test_factorised_coding_equals_compressai(arch: str, oracle, to_arrays) -> None:
    """Its one string byte for byte, and its reconstruction, from its own compress() and decompress()."""
    model = tiny_model(arch)
    x = torch.from_numpy(photo(64, 128)).permute(2, 0, 1)[None].float() / 255
    expected = oracle("code", arch=arch, x=x.numpy(), **to_arrays(model))
    with torch.no_grad():
        medians = model.entropy_bottleneck.quantiles[:, 0, 1][:, None, None]
        symbols = torch.round(model.g_a(x)[0] - medians)
        y_hat = symbols + medians
        x_hat = model.g_s(y_hat[None]).clamp(0, 1)
    indexes = torch.arange(len(symbols))[:, None, None].expand_as(symbols)
    tables = CdfTables(*model.entropy_bottleneck.tables())
    string = encode(symbols.int().numpy().ravel(), indexes.int().numpy().ravel(), tables, lanes=1)
    assert bytes(string) == expected["string:0"].tobytes()
    assert "string:1" not in expected
    assert len(symbols.unique()) > 15  # not a test of zeros
    np.testing.assert_allclose(y_hat.numpy(), expected["y_hat"][0], rtol=0, atol=1e-4)
    np.testing.assert_allclose(x_hat.numpy(), expected["x_hat"], rtol=0, atol=1e-4)
