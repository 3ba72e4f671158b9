"""Operations and bytes of stages, against counts by hand from the papers' layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from references.tiny import tiny_model

from licrt.export.bundle import Labels, export_bundle
from licrt.runtime.bench.limits import Limits
from licrt.runtime.bench.work import Work, work_of
from licrt.runtime.bundle import Bundle, load_bundle

if TYPE_CHECKING:
    from pathlib import Path

N, M = 8, 16
# mbt2018-mean by its paper: 5x5 convolutions of stride 2 with GDN between, for one sample of the latent.
CONVOLUTIONS = 25 * (3 * N * 64 + N * N * 16 + N * N * 4 + N * M)
GDN = N * N * (64 + 16 + 4)
HYPER_ANALYSIS = 9 * M * N + 25 * N * N / 4 + 25 * N * N / 16


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder: Path = tmp_path_factory.mktemp("work") / "bundle"
    model = tiny_model("mbt2018-mean", N, M)
    export_bundle(model, Labels("work", "mbt2018-mean", None, "mse", "unknown"), folder, check=False)
    return load_bundle(folder)


def test_float_stages(bundle: Bundle) -> None:
    work = work_of(bundle, 512, 768, 27_000)
    positions = 32 * 48
    for stage in ("analysis", "synthesis"):
        assert work[stage].flop == 2 * positions * (CONVOLUTIONS + GDN)
    assert work["hyper-analysis"].flop == 2 * positions * HYPER_ANALYSIS
    picture, latent = 3 * 512 * 768, 4 * M * positions
    files = bundle.manifest["files"]
    assert work["synthesis"].bytes == 5 * picture + latent + files["synthesis.onnx"]["bytes"]


def test_exact_stage(bundle: Bundle) -> None:
    work = work_of(bundle, 512, 768, 27_000)
    # hyper-synthesis N -> M -> 3/2 M -> 2 M, twice upsampled from 8 x 12
    count = 8 * 12 * (25 * N * M + 4 * 25 * M * (3 * M // 2) + 16 * 9 * (3 * M // 2) * 2 * M)
    assert work["entropy-decode"] == work["entropy-encode"]
    assert work["entropy-decode"].flop == 2 * count


def test_sizes_are_padded_to_whole_latents(bundle: Bundle) -> None:
    assert work_of(bundle, 497, 753, 0)["analysis"].flop == work_of(bundle, 512, 768, 0)["analysis"].flop


@pytest.mark.parametrize(("work", "seconds"), [(Work(100, 1), 10.0), (Work(1, 100), 5.0)])
def test_the_slower_of_both_limits_counts(work: Work, seconds: float) -> None:
    assert work.limit(Limits(flop_rate=10.0, byte_rate=20.0)) == seconds
