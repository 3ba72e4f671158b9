from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from references.architectures import OF_COMPRESSAI
from references.keys import first_generation, second_generation
from safetensors import safe_open
from safetensors.torch import save_file

from licrt.runtime.errors import ModelError, PictureError
from licrt.trainer.checkpoint import load_checkpoint, save_checkpoint, save_tensors
from licrt.trainer.models import ARCHITECTURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from licrt.trainer.models import CompressionModel


@pytest.fixture(scope="module", params=ARCHITECTURES)
def model(request: pytest.FixtureRequest, perturbed) -> CompressionModel:
    """A small model with tables."""
    model = perturbed(request.param, (4, 6))
    model.update()
    return model


@pytest.fixture(scope="module", params=[arch for arch in OF_COMPRESSAI if not arch.startswith(("cheng", "elic"))])
def plain_model(request: pytest.FixtureRequest, perturbed) -> CompressionModel:
    """A small model with tables that has the keys named below."""
    model = perturbed(request.param, (4, 6))
    model.update()
    return model


@pytest.fixture
def state_dict(model: CompressionModel) -> dict[str, torch.Tensor]:
    """Its state dict, to be damaged."""
    return {key: value.clone() for key, value in model.state_dict().items()}


def same(loaded: CompressionModel, model: CompressionModel) -> bool:
    """Whether two models have the same class and the same tensors."""
    pairs = zip(loaded.state_dict().items(), model.state_dict().items(), strict=True)
    return type(loaded) is type(model) and all(k == key and torch.equal(v, value) for (k, v), (key, value) in pairs)


RENAMES = {"first": first_generation, "second": second_generation, "third": str}
WRAPS = {
    "bare": (dict, ""),
    "training": (lambda state: {"epoch": 3, "state_dict": state}, "module."),
    "network": (lambda state: {"network": state}, ""),
}


def assert_loads(model: CompressionModel, file: Path, rename: str, wrap: str) -> None:
    """A file with keys of a generation, in what scripts wrap them in, with the prefix of parallel training."""
    wrapped, prefix = WRAPS[wrap]
    renamed = {prefix + RENAMES[rename](key): value for key, value in model.state_dict().items()}
    assert rename == "third" or renamed.keys() != model.state_dict().keys()
    torch.save(wrapped(renamed), file)
    loaded = load_checkpoint(file)
    assert same(loaded, model)
    assert not loaded.training
    assert same(load_checkpoint(file, model.arch), model)


@pytest.mark.parametrize(("rename", "wrap"), list(zip(RENAMES, WRAPS, strict=True)))
def test_all_generations_of_keys(model: CompressionModel, tmp_path: Path, rename: str, wrap: str) -> None:
    assert_loads(model, tmp_path / "model.pth.tar", rename, wrap)


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("rename", RENAMES)
@pytest.mark.parametrize("model", ["bmshj2018-hyperprior", "mbt2018-mean-vbr"], indirect=True)
def test_each_generation_in_each_wrap(model: CompressionModel, tmp_path: Path, rename: str, wrap: str) -> None:
    assert_loads(model, tmp_path / "model.pth.tar", rename, wrap)


def test_safetensors_by_content(model: CompressionModel, tmp_path: Path) -> None:
    save_file(model.state_dict(), tmp_path / "model.bin")
    assert same(load_checkpoint(str(tmp_path / "model.bin")), model)


def test_old_zipless_files(model: CompressionModel, tmp_path: Path) -> None:
    torch.save(model.state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert same(load_checkpoint(tmp_path / "old.pth"), model)


def test_half_precision_becomes_single(model: CompressionModel, state_dict, tmp_path: Path) -> None:
    halves = {key: value.half() if key.endswith("weight") else value for key, value in state_dict.items()}
    torch.save(halves, tmp_path / "half.pth")
    loaded = load_checkpoint(tmp_path / "half.pth").state_dict()
    assert sum(value.dtype == torch.float16 for value in halves.values()) >= 6
    for key, value in loaded.items():
        assert value.dtype == model.state_dict()[key].dtype
        assert torch.equal(value, halves[key].to(value.dtype)), key


def test_without_tables(model: CompressionModel, state_dict, tmp_path: Path) -> None:
    for key in state_dict:
        if key.endswith(("_offset", "_quantized_cdf", "_cdf_length", "scale_table")):
            state_dict[key] = state_dict[key][:0].flatten()
    torch.save(state_dict, tmp_path / "untouched.pth")
    loaded = load_checkpoint(tmp_path / "untouched.pth")
    assert loaded.update()
    assert same(loaded, model)


def test_saved_checkpoint_is_whole_or_not_there(model: CompressionModel, tmp_path: Path) -> None:
    save_checkpoint(model.state_dict(), tmp_path / "model.pth.tar")
    assert same(load_checkpoint(tmp_path / "model.pth.tar"), model)
    assert [path.name for path in tmp_path.iterdir()] == ["model.pth.tar"]
    with pytest.raises(PictureError, match="cannot write"):
        save_checkpoint({}, tmp_path / "nowhere" / "model.pth.tar")


@pytest.mark.oracle
@pytest.mark.parametrize("model", OF_COMPRESSAI, indirect=True)
def test_compressai_loads_what_is_saved_here(model: CompressionModel, oracle, tmp_path: Path) -> None:
    save_checkpoint(model.state_dict(), tmp_path / "model.pth.tar")
    answer = oracle("load", path=str(tmp_path / "model.pth.tar"), arch=model.arch)
    assert answer["parameters"] == sum(parameter.numel() for parameter in model.parameters())


def test_trained_checkpoints(shared_data: Path) -> None:
    for name, arch, size in (
        ("bls2017-128-lambda0.125", "bls2017", (128, 128)),
        ("mbt2018-mean-64-96", "mbt2018-mean", (64, 96)),
        ("mbt2018-64-96", "mbt2018", (64, 96)),
    ):
        model = load_checkpoint(shared_data / "checkpoints" / f"{name}.pth.tar")
        assert (model.arch, (model.channels, model.latent_channels)) == (arch, size)
        assert not model.update()


def test_model_of_another_kind(perturbed, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    state_dict = perturbed("mbt2018", (4, 6)).state_dict()
    torch.save(state_dict | {"mixture.weight": torch.zeros(1)}, path)
    with pytest.raises(
        ModelError, match=r"is no mbt2018 checkpoint \(nearest of bls2017, .*\): mixture.weight does not belong there$"
    ):
        load_checkpoint(path)
    with pytest.raises(
        ModelError,
        match=r"is no bls2017 checkpoint: gaussian_conditional._offset does not belong there; .*and \d+ more",
    ):
        load_checkpoint(path, "bls2017")


def test_of_relatives_the_right_one_is_found(perturbed, tmp_path: Path) -> None:
    """Those that differ little: in a few keys, or in the shapes of some."""
    for arch in (
        "bls2017", "bmshj2018-factorized", "bmshj2018-factorized-relu", "bmshj2018-hyperprior", "cheng2020-anchor",
        "cheng2020-attn", "elic2022-official", "elic2022-chandelier", "mbt2018-vbr",
    ):  # fmt: skip
        torch.save(perturbed(arch, (4, 6)).state_dict(), tmp_path / "model.pth")
        assert load_checkpoint(tmp_path / "model.pth").arch == arch
    with pytest.raises(ModelError, match=r"is no mbt2018 checkpoint: Gain does not belong there"):
        load_checkpoint(tmp_path / "model.pth", "mbt2018")


def test_old_variable_rate_files(perturbed, tmp_path: Path) -> None:
    model = perturbed("mbt2018-mean-vbr", (4, 6))
    torch.save(model.state_dict() | {"QuantOffset": torch.zeros(8)}, tmp_path / "old.pth")
    assert same(load_checkpoint(tmp_path / "old.pth"), model)


@pytest.mark.oracle
def test_variable_bottlenecks_are_refused(oracle, tmp_path: Path) -> None:
    arrays = oracle("initial_state", arch="mbt2018-mean-vbr", channels=[4, 6, True])
    state_dict = {key.removeprefix("state:"): torch.from_numpy(value) for key, value in arrays.items()}
    assert "entropy_bottleneck._matrix0" in state_dict
    torch.save(state_dict, tmp_path / "model.pth")
    for arch in (None, "mbt2018-mean-vbr"):
        with pytest.raises(ModelError, match=r"hyper-latent of variable step .*; expected .* vr_entbttlnck=False$"):
            load_checkpoint(tmp_path / "model.pth", arch)


def test_groups_of_channels_share_their_tables(perturbed, tmp_path: Path) -> None:
    model = perturbed("elic2022-official", (4, 9))
    model.update()
    state_dict = model.state_dict()
    state_dict["latent_codec.y.latent_codec.y3.y.gaussian_conditional.scale_table"][7] += 1e-3
    torch.save(state_dict, tmp_path / "model.pth")
    with pytest.raises(
        ModelError, match=r"y3.y.gaussian_conditional has other tables than .*y0.y.gaussian_conditional$"
    ):
        load_checkpoint(tmp_path / "model.pth")


def damage(key: str, change: Callable[[torch.Tensor], Any]) -> Callable[[dict[str, Any]], None]:
    """A function that changes one tensor of a state dict."""

    def apply(state_dict: dict[str, Any]) -> None:
        state_dict[key] = change(state_dict[key])

    return apply


def set_item(index: Any, value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """A function that sets one item of a tensor."""

    def apply(tensor: torch.Tensor) -> torch.Tensor:
        tensor[index] = value
        return tensor

    return apply


EB = "entropy_bottleneck"
DAMAGES = {
    "missing": (lambda s: s.pop("g_s.2.bias"), "g_s.2.bias is missing$"),
    "extra": (lambda s: s.update(extra=torch.zeros(1)), "extra does not belong there$"),
    "shape": (damage("g_s.2.bias", lambda t: t[:-1]), r"g_s.2.bias has shape \[3\], expected \[4\]$"),
    "no dimensions": (damage("g_a.0.weight", lambda t: t.sum()), "no .* analysis under g_a"),
    "integers": (damage("g_s.2.bias", lambda t: t.int()), "g_s.2.bias is torch.int32, expected torch.float32"),
    "floats": (damage(f"{EB}._offset", lambda t: t.float()), r"_offset is torch.float32, expected torch.int32"),
    "not finite": (damage("g_s.2.bias", set_item(1, torch.nan)), "g_s.2.bias has values that are not finite"),
    "half of the tables": (damage(f"{EB}._offset", lambda t: t[:0]), "entropy_bottleneck has a part of its CDF tables"),
    "too few tables": (damage(f"{EB}._quantized_cdf", lambda t: t[1:]), "tables, lengths and offsets of shapes"),
    "flat table": (damage(f"{EB}._quantized_cdf", lambda t: t[0]), "tables, lengths and offsets of shapes"),
    "table that falls": (damage(f"{EB}._quantized_cdf", set_item((2, 1), 0)), r"_quantized_cdf\[2\] is not a CDF"),
    "table without end": (damage(f"{EB}._cdf_length", set_item(1, 3)), r"_quantized_cdf\[1\] is not a CDF"),
    "length over the end": (damage(f"{EB}._cdf_length", set_item(3, 4000)), r"_quantized_cdf\[3\] is not a CDF"),
    "negative length": (damage(f"{EB}._cdf_length", set_item(3, -1)), r"_quantized_cdf\[3\] is not a CDF"),
    "far offset": (damage(f"{EB}._offset", set_item(0, 1 << 21)), r"_offset has values beyond 2\^20"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damages_are_named(plain_model: CompressionModel, name: str, tmp_path: Path) -> None:
    apply, message = DAMAGES[name]
    state_dict = {key: value.clone() for key, value in plain_model.state_dict().items()}
    apply(state_dict)
    torch.save(state_dict, tmp_path / "model.pth")
    with pytest.raises(ModelError, match=message) as raised:
        load_checkpoint(tmp_path / "model.pth", plain_model.arch)
    assert "\n" not in str(raised.value)


def test_scale_table_must_increase(perturbed, tmp_path: Path) -> None:
    model = perturbed("bmshj2018-hyperprior", (4, 6))
    model.update()
    state_dict = model.state_dict()
    state_dict["gaussian_conditional.scale_table"][7] = 0.2
    torch.save(state_dict, tmp_path / "model.pth")
    with pytest.raises(ModelError, match="scale_table does not increase"):
        load_checkpoint(tmp_path / "model.pth")


def write_pickled_object(path: Path) -> None:
    torch.save({"path": Path("x")}, path)


def write_cut(path: Path) -> None:
    torch.save({"x": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:2000])


GARBAGE = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("not a model"),
    "bytes": lambda path: path.write_bytes(bytes(range(256)) * 20),
    "pickle": lambda path: path.write_bytes(pickle.dumps({"state_dict": Path("x")})),
    "pickled object": write_pickled_object,
    "cut": write_cut,
    "safetensors header without end": lambda path: path.write_bytes(b"\xff" * 7 + b"\x7f{"),
    "safetensors without tensors": lambda path: path.write_bytes(b"\x02" + b"\x00" * 7 + b"{}"),
    "list": lambda path: torch.save([torch.zeros(1)], path),
    "tensor": lambda path: torch.save(torch.zeros(1), path),
    "numbers": lambda path: torch.save({"epoch": 1}, path),
    "keys that are no strings": lambda path: torch.save({1: torch.zeros(1)}, path),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    GARBAGE[name](path)
    with pytest.raises(ModelError, match=r"cannot read checkpoint .*model\.pth: .*expected") as raised:
        load_checkpoint(path)
    assert "\n" not in str(raised.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read checkpoint .*none\.pth: No such file"):
        load_checkpoint(tmp_path / "none.pth")
    with pytest.raises(ModelError, match="Is a directory"):
        load_checkpoint(tmp_path)


def test_unknown_architecture(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="unknown architecture 'elic'; expected one of bls2017, bmshj2018-factorized"):
        load_checkpoint(tmp_path / "none.pth", "elic")


def test_equal_tensors_give_equal_files(tmp_path: Path) -> None:
    """Metadata too, which safetensors writes in any order."""
    tensors, metadata = {"b": torch.arange(3.0), "a": torch.ones(2, dtype=torch.int32)}, {"step": "1", "arch": "é\n"}
    files = []
    for number in range(16):
        save_tensors(tensors, tmp_path / f"{number}", metadata)
        files.append((tmp_path / f"{number}").read_bytes())
    assert len(set(files)) == 1
    with safe_open(tmp_path / "0", "pt") as file:
        assert file.metadata() == metadata
        assert all(torch.equal(file.get_tensor(name), tensors[name]) for name in tensors)
    assert int.from_bytes(files[0][:8], "little") % 8 == 0
