"""Several files in one call."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from licrt.runtime.cli import batch
from licrt.runtime.cli.batch import Item, plan
from licrt.runtime.errors import FormatError


def test_results_go_beside_inputs_or_into_a_directory_or_to_a_name() -> None:
    assert plan(["a/x.tar.png"], None, None, ".lci") == [Item("a/x.tar.png", "a/x.tar.lci")]
    assert plan(["a/x.png", "y"], None, "d", ".lci") == [Item("a/x.png", "d/x.lci"), Item("y", "d/y.lci")]
    assert plan(["a/x.png"], "out", None, ".lci") == [Item("a/x.png", "out")]
    assert plan(["-"], None, None, ".lci") == [Item("-", "-")]
    assert plan(["-"], "out", None, ".lci") == [Item("-", "out")]


def test_nothing_binary_goes_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with pytest.raises(click.UsageError, match="not text for a terminal"):
        plan(["-"], None, None, ".lci")


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    names = [tmp_path / name for name in ("a", "b", "c")]
    for name in names:
        name.touch()
    return [Item(str(name), f"{name}.out") for name in names]


def test_a_bad_item_does_not_stop_the_others(items: list[Item], capsys: pytest.CaptureFixture[str]) -> None:
    done = []

    def work(item: Item) -> None:
        if item is items[1]:
            raise FormatError("damaged")
        done.append(item)

    with pytest.raises(SystemExit) as caught:
        batch.run(items, lambda: work, force=False, quiet=False)
    assert caught.value.code == 1
    assert done == [items[0], items[2]]
    assert capsys.readouterr().err == f"lic-run: {items[1].source}: damaged\n2 of 3 files done, 1 failed\n"


def test_a_single_item_gives_its_own_code(items: list[Item], capsys: pytest.CaptureFixture[str]) -> None:
    def work(item: Item) -> None:
        raise FormatError("damaged")

    with pytest.raises(SystemExit) as caught:
        batch.run(items[:1], lambda: work, force=False, quiet=False)
    assert caught.value.code == 3
    assert capsys.readouterr().err == f"lic-run: {items[0].source}: damaged\n"


def test_all_well(items: list[Item], capsys: pytest.CaptureFixture[str]) -> None:
    batch.run(items, lambda: lambda item: None, force=False, quiet=False)
    assert capsys.readouterr().err == "3 of 3 files done\n"
    batch.run(items, lambda: lambda item: None, force=False, quiet=True)
    assert capsys.readouterr().err == ""


def test_nothing_is_loaded_if_nothing_can_be_written(items: list[Item]) -> None:
    for item in items:
        Path(item.target).touch()
    with pytest.raises(SystemExit) as caught:
        batch.run(items, lambda: pytest.fail("loaded"), force=False, quiet=False)
    assert caught.value.code == 1


def test_interrupts_stop_everything(items: list[Item]) -> None:
    def work(item: Item) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        batch.run(items, lambda: work, force=False, quiet=False)
