"""Training in integers: what it refuses, what it keeps, and that it pays."""

import copy
import itertools

import pytest
import torch
from references.tiny import tiny_model
from references.tiny_photo import photo

from licrt.runtime.errors import ModelError
from licrt.trainer.integer_aware import latents, prepare
from licrt.trainer.latent_rate import latent_bits


def pictures(count: int = 4) -> list[torch.Tensor]:
    return [torch.from_numpy(photo(64, 128, seed)).permute(2, 0, 1)[None].float() / 255 for seed in range(count)]


def test_a_short_training_wins_most_of_the_rate_back() -> None:
    """At 5 bits, tiny networks lose what wide ones lose at 8; held-back pictures are what counts."""
    model = tiny_model("mbt2018-mean")
    seen, held_back = ([y for y, _ in latents(model, each)] for each in (pictures(4), pictures(6)[4:]))

    def held_back_bits(measured) -> float:
        with torch.no_grad():
            return sum(latent_bits(measured.eval(), y).item() for y in held_back)

    floats = copy.deepcopy(model)
    prepare(model, "w8a5", pictures(4))
    before = held_back_bits(model)
    for each in (model, floats):
        torch.manual_seed(1)
        weights = [
            parameter for name, parameter in each.train().named_parameters()
            if not name.startswith(("g_", "entropy_bottleneck"))
        ]  # fmt: skip
        optimizer = torch.optim.Adam(weights, 1e-3)
        for y in itertools.islice(itertools.cycle(seen), 120):
            optimizer.zero_grad()
            latent_bits(each, y).div(y.numel()).backward()
            optimizer.step()
    in_floats, in_integers = held_back_bits(floats), held_back_bits(model)
    assert before > 1.02 * in_floats, "the test needs a loss"
    assert in_integers - in_floats < 0.5 * (before - in_floats)


def test_names_and_shapes_of_the_weights_stay() -> None:
    for arch in ("mbt2018-mean", "elic2022-official"):
        model = tiny_model(arch)
        before = {key: value.shape for key, value in model.state_dict().items()}
        after = {key: value.shape for key, value in prepare(model, "w8a8", pictures(1)).state_dict().items()}
        assert {key: shape for key, shape in after.items() if not key.startswith("integers.")} == before
        assert after.keys() > before.keys()


def test_medians_lie_where_integers_have_them_and_stay_there() -> None:
    model = prepare(tiny_model("mbt2018-mean"), "w8a8", pictures(2))
    fixed = model.h_s.arithmetic.fixed
    medians = model.entropy_bottleneck.medians.clone()
    assert torch.equal(medians * 2**fixed.input_shift, torch.from_numpy(fixed.input_offset).float())
    optimizer = torch.optim.Adam([model.entropy_bottleneck.quantiles], 0.1)
    before = model.entropy_bottleneck.quantiles.detach().clone()
    model.aux_loss().backward()
    optimizer.step()
    assert torch.equal(model.entropy_bottleneck.medians, medians)
    assert not torch.equal(model.entropy_bottleneck.quantiles, before), "the tails are trained"


@pytest.mark.parametrize(
    ("arch", "widths", "complaint"),
    [
        ("bls2017", "w8a8", "bls2017 has no hyper-prior"),
        ("mbt2018-vbr", "w8a8", "depends on the rate"),
        ("mbt2018-mean", "w4a8", "widths 'w4a8' are unknown; expected weights of 8 or 16"),
        ("mbt2018-mean", "w8a2", "activations of 4 to 16"),
    ],
)
def test_what_cannot_be_trained_in_integers_is_refused(arch: str, widths: str, complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        prepare(tiny_model(arch), widths, pictures(1))


def test_other_widths_than_those_of_before_are_refused() -> None:
    model = prepare(tiny_model("mbt2018-mean"), "w8a8", pictures(1))
    fresh = tiny_model("mbt2018-mean")
    with pytest.raises(ModelError, match="there are none"):
        prepare(fresh, "w8a8", [])
    fresh.add_module("integers", model.integers)
    with pytest.raises(ModelError, match="trained for w8a8, not w8a10"):
        prepare(fresh, "w8a10", [])
