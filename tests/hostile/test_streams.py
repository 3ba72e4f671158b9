"""Some hundred changed streams of every kind of model; `make hostile` tries many thousands, under sanitizers."""

from __future__ import annotations

import pytest
from references.hostile import campaign
from references.synthetic import KINDS, write_bundle

COUNT = 500
MUTATIONS = {"bits", "cut", "splice", "lengths", "fields", "sections", "words", "latents"}
LATENTS = "header, payload, latents"


@pytest.mark.parametrize("kind", KINDS)
def test_changed_streams_are_refused_or_give_their_picture(kind, tmp_path):
    bundle = write_bundle(tmp_path / "model", **KINDS[kind])
    summary = campaign("streams.py", tmp_path / "counts.json", bundle, "--count", str(COUNT))["model"]
    assert summary["total"] == COUNT
    counts = {tuple(key): count for *key, count in summary["counts"]}
    assert {mutation for mutation, _, _ in counts} == MUTATIONS
    assert {checksums for _, checksums, outcome in counts if outcome == "different"} == {LATENTS}
    assert sum(count for (_, _, outcome), count in counts.items() if outcome == "different") > COUNT // 50
    assert sum(count for (_, _, outcome), count in counts.items() if outcome == "MismatchError") > COUNT // 50
    assert summary["reached"]["coder"] > COUNT // 8
