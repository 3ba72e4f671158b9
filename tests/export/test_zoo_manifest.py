"""Which models the zoo has, what is said of those that it has not, and manifests that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from references.zoo import write_manifest

from licrt.export import zoo
from licrt.export.cli import main
from licrt.runtime.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bls2017",), "the zoo has no weights of bls2017: it needs --checkpoint"),
        (("bmshj2018-factorized-relu", "mse", 1), "needs --checkpoint"),
        (("mbt2018",), "mbt2018 for mse needs a --quality; there are 1, 2, 3, 4, 5, 6, 7, 8"),
        (
            ("cheng2020-anchor", "ms-ssim", 7),
            "no quality 7 in the zoo; there are 1, 2, 3, 4, 5, 6; or give --checkpoint",
        ),
        (("mbt2018-vbr", "ms-ssim"), "has mbt2018-vbr for --metric mse only"),
        (("mbt2018-vbr", "mse", 4), "one file for all rates; leave out --quality"),
    ],
)
def test_what_the_zoo_lacks_is_wrong_usage(arguments: tuple, message: str) -> None:
    with pytest.raises(zoo.NotInZooError, match=message):
        zoo.find(*arguments)
    options = zip(("--arch", "--metric", "--quality"), map(str, arguments), strict=False)
    result = CliRunner().invoke(main, [each for option in options for each in option])
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_video_is_listed_but_not_found() -> None:
    with pytest.raises(ModelError, match="ssf2020-mse-1 cannot be exported: it codes video") as raised:
        zoo.find("ssf2020", "mse", 1)
    assert raised.value.exit_code == 4
    listed = CliRunner().invoke(main, ["--list"])
    assert listed.exit_code == 0
    assert len(listed.stdout.splitlines()) == 100
    assert "ssf2020-mse-1 " in listed.stdout


@pytest.mark.parametrize(
    "change",
    [
        {"file": "../../.bashrc"},
        {"sha256_prefix": "1234567"},
        {"sha256_prefix": "G2345678"},
        {"name": "else"},
        {"quality": "1"},
        {"format_version": 2},
        {"kodak": {"points": [{}]}},
        {"lambdas": 1},
    ],
    ids=str,
)
def test_manifests_of_others_are_checked(change: dict, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_manifest(tmp_path / "manifests", b"body", **change)
    monkeypatch.setenv("LICRT_ZOO_MANIFESTS", str(tmp_path / "manifests"))
    options = ("--arch", "bmshj2018-factorized", "--quality", "1", "-o", str(tmp_path / "bundle"))
    result = CliRunner().invoke(main, options)
    assert result.exit_code == 4
    assert result.stderr.count("\n") == 1
    assert "bmshj2018-factorized-mse-1.json is no zoo manifest: " in result.stderr


def test_a_directory_without_manifests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_manifest(tmp_path / "manifests", b"body")
    monkeypatch.setenv("LICRT_ZOO_MANIFESTS", str(tmp_path / "nowhere"))
    with pytest.raises(ModelError, match=r"no zoo manifests in .*nowhere; check LICRT_ZOO_MANIFESTS"):
        zoo.available()
    monkeypatch.setenv("LICRT_ZOO_MANIFESTS", str(tmp_path / "manifests"))
    (tmp_path / "manifests" / "bmshj2018-factorized-mse-1.json").write_text("[")
    with pytest.raises(ModelError, match="is no zoo manifest: JSONDecodeError"):
        zoo.available()
