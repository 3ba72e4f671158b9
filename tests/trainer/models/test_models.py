from __future__ import annotations

import numpy as np
import pytest
import torch

from licrt.trainer.models import ARCHITECTURES, BLS2017

CHECKPOINTS = {"bls2017": "bls2017-128-lambda0.125.pth.tar", "mbt2018-mean": "mbt2018-mean-64-96.pth.tar"}
SIZES = {"bls2017": (64, 48), "bmshj2018-hyperprior": (128, 64), "mbt2018-mean": (64, 128)}


@pytest.fixture(params=ARCHITECTURES)
def arch(request: pytest.FixtureRequest) -> str:
    return request.param


def test_names_are_keys(arch: str) -> None:
    assert ARCHITECTURES[arch].arch == arch


def test_shapes(arch: str, perturbed) -> None:
    height, width = SIZES[arch]
    model = perturbed(arch)
    output = model(torch.rand(2, 3, height, width))
    assert output["x_hat"].shape == (2, 3, height, width)
    assert output["likelihoods"]["y"].shape == (2, 12, height // 16, width // 16)
    if arch != "bls2017":
        assert output["likelihoods"]["z"].shape == (2, 8, height // 64, width // 64)


def test_building_from_a_state_dict_leaves_the_generator_alone(arch: str, perturbed) -> None:
    state_dict = perturbed(arch, (4, 6)).state_dict()
    before = torch.get_rng_state()
    model = ARCHITECTURES[arch].from_state_dict(state_dict)
    assert torch.equal(torch.get_rng_state(), before)
    assert (model.channels, model.latent_channels) == (4, 6)
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
def test_initial_state_is_that_of_compressai(arch: str, oracle) -> None:
    """Keys, shapes, and every value that is not drawn at random."""
    expected = oracle("initial_state", arch=arch, channels=[8, 12])
    mine = {f"state:{key}": value.numpy() for key, value in ARCHITECTURES[arch](8, 12).state_dict().items()}
    assert mine.keys() == expected.keys()
    for key, value in mine.items():
        assert (value.shape, value.dtype) == (expected[key].shape, expected[key].dtype), key
        if not key.endswith((".weight", ".bias")) and ".biases." not in key:
            np.testing.assert_array_equal(value, expected[key], err_msg=key)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", [0, 1])
def test_outputs_equal_compressai(arch: str, seed: int, oracle, perturbed, to_arrays) -> None:
    model = perturbed(arch, seed=seed)
    x = np.random.default_rng(seed).random((2, 3, *SIZES[arch])).astype(np.float32)
    expected = oracle("run_model", arch=arch, x=x, **to_arrays(model))
    mine = {}
    for name in expected.keys() & {"g_a", "g_s", "h_a", "h_s"}:
        getattr(model, name).register_forward_hook(lambda _, __, output, name=name: mine.__setitem__(name, output))
    with torch.no_grad():
        output = model(torch.from_numpy(x))
    mine |= {"x_hat": output["x_hat"], **{f"likelihoods:{key}": value for key, value in output["likelihoods"].items()}}
    assert mine.keys() == expected.keys()
    for name, value in mine.items():
        scale = max(1.0, np.abs(expected[name]).max())
        np.testing.assert_allclose(value.numpy() / scale, expected[name] / scale, rtol=0, atol=1e-5, err_msg=name)
    assert len(np.unique(expected["likelihoods:y"])) > 50  # not a test of constants


@pytest.mark.oracle
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_tables_equal_compressai(arch: str, seed: int, oracle, perturbed, to_arrays) -> None:
    model = perturbed(arch, seed=seed)
    expected = oracle("update", arch=arch, **to_arrays(model))
    assert model.aux_loss().item() == pytest.approx(expected.pop("aux_loss"), rel=1e-6)
    model.update(force=True)
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), expected[f"state:{key}"], err_msg=key)


@pytest.mark.parametrize("arch", CHECKPOINTS)
def test_tables_of_trained_models_are_reproduced(arch: str, shared_data) -> None:
    """The files hold tables made by CompressAI; these are made anew from the densities."""
    content = torch.load(shared_data / "checkpoints" / CHECKPOINTS[arch], weights_only=True)
    state_dict = content.get("state_dict", content)
    model = ARCHITECTURES[arch].from_state_dict(state_dict)
    assert not model.update()
    assert model.update(force=True)
    for key, value in model.state_dict().items():
        assert torch.equal(value, state_dict[key]), key


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
