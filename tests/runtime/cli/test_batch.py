"""Several files in one call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from licrt.runtime.cli import batch
from licrt.runtime.cli.batch import Item, plan
from licrt.runtime.cli.report import Done
from licrt.runtime.cli.steps import Steps
from licrt.runtime.errors import FormatError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

DONE = Done(1000, 100, 100, 400, "100 bytes")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_results_go_beside_inputs_or_into_a_directory_or_to_a_name() -> None:
    assert plan(["a/x.tar.png"], None, None, ".lci") == [Item("a/x.tar.png", "a/x.tar.lci")]
    assert plan(["a/x.png", "y"], None, "d", ".lci") == [Item("a/x.png", "d/x.lci"), Item("y", "d/y.lci")]
    assert plan(["a/x.png"], "out", None, ".lci") == [Item("a/x.png", "out")]
    assert plan(["-"], None, None, ".lci") == [Item("-", "-")]
    assert plan(["-"], "out", None, ".lci") == [Item("-", "out")]


def test_the_tree_of_a_folder_is_found_again() -> None:
    for name in ("in/x.png", "in/sub/y.png"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    beside = [Item("in/sub/y.png", "in/sub/y.lci"), Item("in/x.png", "in/x.lci")]
    assert plan(["in"], None, None, ".lci", (".png",), recursive=True) == beside
    below = [Item("in/sub/y.png", "d/e/sub/y.lci"), Item("in/x.png", "d/e/x.lci")]
    assert plan(["in"], None, "d/e", ".lci", (".png",), recursive=True) == below
    assert plan(["in", "in/sub/y.png"], None, "d", ".lci", (".png",)) == [
        Item("in/x.png", "d/x.lci"),
        Item("in/sub/y.png", "d/y.lci"),
    ]


def test_options_that_contradict_each_other() -> None:
    Path("in").mkdir()
    for names, output, out_dir in ((["a"], "o", "d"), (["a", "b"], "o", None), (["in"], "o", None), (["-"], None, "d")):
        with pytest.raises(click.UsageError):
            plan(names, output, out_dir, ".lci")


def test_files_that_are_named_twice_are_done_once() -> None:
    Path("a.png").touch()
    assert plan(["a.png", "./a.png", "."], None, None, ".lci", (".png",)) == [Item("a.png", "a.lci")]


@pytest.mark.parametrize(
    ("names", "out_dir", "message"),
    [
        (["a.png", "a.jpg"], None, "a.png and a.jpg would both be written to a.lci. Leave one out, and name"),
        (["x/a.png", "y/a.png"], "d", "x/a.png and y/a.png would both be written to d/a.lci."),
        (["a.png", "a.lci"], None, "a.png would be written to a.lci, which is to be read, too. Use --out-dir."),
    ],
)
def test_clashes_are_found_before_anything_is_done(names: list[str], out_dir: str | None, message: str) -> None:
    with pytest.raises(click.ClickException) as caught:
        plan(names, None, out_dir, ".lci")
    assert caught.value.exit_code == 2
    assert caught.value.message.startswith(message)
    assert "\n" not in caught.value.message


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


def run(items: list[Item], work: Callable[[Item], Done], **options: bool) -> None:
    def read(source: str) -> None:
        if not Path(source).read_bytes():
            raise FormatError("an empty file")

    steps = Steps(lambda item: item, lambda item: 1, lambda item, *_: work(item), lambda _, done: done)
    batch.run(items, lambda: steps, read, **{"force": False, "quiet": True, **options})


def damaged(item: Item) -> Done:
    raise FormatError("damaged")


def test_a_bad_item_does_not_stop_the_others(items: list[Item], capsys: pytest.CaptureFixture[str]) -> None:
    done = []

    def work(item: Item) -> Done:
        if item is items[1]:
            return damaged(item)
        done.append(item)
        return DONE

    with pytest.raises(SystemExit) as caught:
        run(items, work)
    assert caught.value.code == 1
    assert done == [items[0], items[2]]
    assert capsys.readouterr().err == f"lic-run: {items[1].source}: damaged\n"


def test_a_single_item_gives_its_own_code(items: list[Item], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(items[:1], damaged, quiet=False)
    assert caught.value.code == 3
    assert capsys.readouterr().err == f"lic-run: {items[0].source}: damaged\n"


def test_sources_that_are_none_fail(items: list[Item], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run([Item("folder", "", ModelError("nothing there")), *items], lambda item: DONE)
    assert caught.value.code == 1
    assert capsys.readouterr().err == "lic-run: folder: nothing there\n"


def test_files_that_vanish_meanwhile_fail(items: list[Item], capsys: pytest.CaptureFixture[str]) -> None:
    def work(item: Item) -> Done:
        with open(item.source, "rb"):  # noqa: PTH123
            Path(items[2].source).unlink(missing_ok=True)
        return DONE

    def careful(item: Item) -> Done:
        try:
            return work(item)
        except OSError as error:
            raise FormatError(str(error)) from error

    with pytest.raises(SystemExit) as caught:
        run(items, careful)
    assert caught.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_nothing_is_loaded_if_nothing_can_be_written(items: list[Item]) -> None:
    for item in items:
        Path(item.target).touch()
    with pytest.raises(SystemExit) as caught:
        batch.run(items, lambda: pytest.fail("loaded"), lambda source: None, force=False, quiet=True)
    assert caught.value.code == 1


def test_a_result_in_place_of_its_input(items: list[Item], capsys: pytest.CaptureFixture[str]) -> None:
    """What the file is comes first: `encode x.lci` is no question of names."""
    itself = [Item(items[0].source, items[0].source)]
    for content, code, message in ((b"", 3, ": an empty file"), (b"x", 6, " would be overwritten by its own result")):
        Path(items[0].source).write_bytes(content)
        with pytest.raises(SystemExit) as caught:
            run(itself, lambda item: pytest.fail("worked"), force=True)
        assert caught.value.code == code
        assert capsys.readouterr().err.startswith(f"lic-run: {items[0].source}{message}")


def test_directories_are_made_if_they_may_be(items: list[Item]) -> None:
    inside = [Item(item.source, f"new/{number}/out") for number, item in enumerate(items)]
    with pytest.raises(SystemExit):
        run(inside, lambda item: DONE)
    assert not Path("new").exists()
    run(inside, lambda item: DONE, make_directories=True)
    assert [path.name for path in sorted(Path("new").iterdir())] == ["0", "1", "2"]


def test_interrupts_stop_everything(items: list[Item], capsys: pytest.CaptureFixture[str]) -> None:
    def work(item: Item) -> Done:
        if item is items[1]:
            raise KeyboardInterrupt
        return DONE

    with pytest.raises(KeyboardInterrupt):
        run(items, work, quiet=False)
    assert "files   1 of 3 done\n" in capsys.readouterr().err
