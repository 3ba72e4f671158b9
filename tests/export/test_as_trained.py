"""Models that were trained in integers: export takes the widths and the ranges of the training."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from references.tiny import tiny_model
from references.tiny_photo import photo

from licrt.export.bundle import Labels, export_bundle
from licrt.export.calibration import to_tensor
from licrt.export.float_model import float_model
from licrt.export.integers import as_trained, assemble
from licrt.runtime.context import to_blob as context_blob
from licrt.runtime.errors import ModelError
from licrt.runtime.integer import to_blob
from licrt.trainer.checkpoint import load_checkpoint, save_model
from licrt.trainer.integer_aware import prepare


def trained(arch: str, path: Path):
    """A tiny model in integers, moved away from where it was prepared, and its file."""
    model = prepare(tiny_model(arch), "w8a8", [to_tensor(photo(64, 128))])
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith("h_s"):
                parameter *= 1.07
    model.update(force=True)
    save_model(model, path, {})
    return model


@pytest.mark.parametrize("arch", ["mbt2018-mean-vbr", "mbt2018"])
def test_export_makes_the_integers_of_the_training(arch: str, tmp_path: Path) -> None:
    model = trained(arch, tmp_path / "model.safetensors")
    source = float_model(load_checkpoint(tmp_path / "model.safetensors"))
    ours, expected = as_trained(source), assemble(source, model.h_s.arithmetic.refresh())
    assert to_blob(ours.network) == to_blob(expected.network)
    assert ours.network.input_bits == 8
    if ours.context:
        assert context_blob(ours.context) == context_blob(expected.context)


def test_a_bundle_has_the_widths_of_the_training(tmp_path: Path) -> None:
    trained("mbt2018-mean", tmp_path / "model.safetensors")
    said: list[str] = []
    export_bundle(
        load_checkpoint(tmp_path / "model.safetensors"), Labels("tiny"), tmp_path / "tiny", check=False, say=said.append
    )
    manifest = json.loads((tmp_path / "tiny" / "manifest.json").read_text())
    assert manifest["check"]["widths"] == "w8a8"
    assert any("trained in integers w8a8" in line for line in said)


def test_ranges_of_another_model_are_refused(tmp_path: Path) -> None:
    model = prepare(tiny_model("mbt2018-mean"), "w8a8", [to_tensor(photo(64, 128))])
    other = tiny_model("mbt2018-mean", latent_channels=6)
    other.add_module("integers", model.integers)
    with pytest.raises(ModelError, match=r"integers.peak_0 is missing or of another size than h_s.0"):
        as_trained(float_model(other))
    with pytest.raises(ModelError, match="not trained in integers"):
        as_trained(float_model(tiny_model("mbt2018-mean")))
    state_dict = model.state_dict()
    del state_dict["integers.hyper_peak"]
    torch.save(state_dict, tmp_path / "damaged.pth")
    with pytest.raises(ModelError, match=r"no integers.hyper_peak; it is damaged"):
        load_checkpoint(tmp_path / "damaged.pth")


def test_checkpoints_keep_the_ranges(tmp_path: Path) -> None:
    model = trained("mbt2018-mean", tmp_path / "model.safetensors")
    loaded = load_checkpoint(tmp_path / "model.safetensors")
    assert loaded.integers.widths == model.integers.widths
    for name, buffer in model.integers.named_buffers():
        assert np.array_equal(loaded.integers.get_buffer(name), buffer)
