"""Some changed bundles of every kind of model; `make hostile` tries thousands, under sanitizers too."""

from __future__ import annotations

from references.hostile import campaign, write_models

COUNT = 240


def test_changed_bundles_are_refused_or_work(tmp_path):
    bundles = write_models(tmp_path / "models")
    summary = campaign("bundles.py", tmp_path / "counts.json", *bundles, "--count", str(COUNT))["all models"]
    assert summary["total"] == COUNT
    outcomes = [(part, outcome, count) for part, _, outcome, count in summary["counts"]]
    for part in ("manifest", "tensors", "graphs"):
        assert sum(count for each, outcome, count in outcomes if (each, outcome) == (part, "ModelError")) > COUNT // 10
        assert sum(count for each, outcome, count in outcomes if (each, outcome) == (part, "works")) > 0
