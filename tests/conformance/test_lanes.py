"""Encode at each of ONNX Runtime's optimisation levels, decode elsewhere; and the decoder in C."""

from __future__ import annotations

import pytest

from conformance.compare import differences, read_refused, refused_differences
from conformance.lanes.c_decoder import decode_with
from conformance.observe import LEVELS, STREAMS, Options, encode_pictures, observe, write_expected


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of streams for each level, with one thread or two."""
    folders = [tmp_path_factory.mktemp("encoded") / level for level in LEVELS]
    for threads, folder in enumerate(folders):
        entries = encode_pictures(Options("scalar" if threads % 2 else None, 1 + threads % 2, folder.name), folder)
        write_expected(folder, entries)
    return folders


def test_what_was_encoded_at_any_level_decodes_elsewhere(made) -> None:
    observation = observe(Options(None, 2, "all"), made)
    for folder in made:
        assert list(differences(folder, observation["streams"][folder.name])) == []
    assert "refused" not in observation


def test_levels_are_not_all_the_same(made) -> None:
    """Otherwise the test above would show nothing: floats do differ, and some pictures or streams with them."""
    names = [path.relative_to(made[0]) for path in made[0].glob("*/*.png")]
    assert any((made[0] / name).read_bytes() != (folder / name).read_bytes() for name in names for folder in made[1:])


def test_c_decodes_the_same_and_refuses_the_same(here, made, tmp_path) -> None:
    observation = decode_with((here / "decode", "-j", "2"), tmp_path, [STREAMS, made[0]])
    for folder in (STREAMS, made[0]):
        assert list(differences(folder, observation["streams"][folder.name])) == []
    assert list(refused_differences(observation["refused"])) == []
    assert len(observation["refused"]) > 0.9 * len(read_refused())
