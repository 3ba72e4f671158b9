"""What is left when work does not end: processes killed or interrupted at any moment, full disks, lost directories.

    .venv/bin/python hostile/faults.py [--rounds 100] [--only encode] [--signals SIGKILL SIGINT] [--seed 0]

Each command runs as a whole process. Afterwards its output has to be the old file, the new file or nothing, byte for
byte, and whatever else lies there must be called `.licrt-….tmp`, as no output is. The exit code is 1 if anything is not
as it should be.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from licrt.runtime import Codec
from licrt.runtime.models import EMBEDDED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PHOTOGRAPH = Path(__file__).parents[1] / "examples" / "photo.webp"
LIC_RUN = [sys.executable, "-m", "licrt.runtime"]
OLD = b"what was there before"

# `lic-run`, which gets a signal before the step with some number that does something to files below a folder; or is
# killed by the system in the middle of writing, when a file reaches some size.
DYING = """
import os, resource, signal, sys
folder, number, step, size, *arguments = sys.argv[1:]
left = int(step)
def watch(event, arguments):
    global left
    if event in ("open", "os.link", "os.rename", "os.remove", "os.mkdir", "os.rmdir") and folder in str(arguments):
        left -= 1
        if left < 0:
            left = 1 << 30
            os.kill(os.getpid(), int(number))
if left >= 0:
    sys.addaudithook(watch)
if int(size) >= 0:
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))
sys.argv = ["lic-run", *arguments]
from licrt.runtime.__main__ import main
main()
"""


@dataclass(frozen=True)
class Work:
    """A command whose result is `target` below a folder of its own; `old` is whether there is something to replace."""

    name: str
    arguments: tuple[str, ...]
    target: str
    old: bool = False

    def prepare(self, folder: Path) -> None:
        """Make the folder as it is before the command."""
        shutil.rmtree(folder, ignore_errors=True)
        target = folder / self.target
        target.parent.mkdir(parents=True)
        if not self.old:
            return
        if self.name.startswith("models"):  # half a model, which the whole one replaces
            shutil.copytree(EMBEDDED / "default", target)
            text = (target / "manifest.json").read_text()
            begin = text.index('"synthesis": {')
            (target / "manifest.json").write_text(text[:begin] + text[text.index("},", begin) + 2 :])
        else:
            target.write_bytes(OLD)

    def command(self, folder: Path) -> list[str]:
        """Return its arguments for a folder."""
        return [argument.replace("FOLDER", str(folder)) for argument in self.arguments]


def contents(target: Path) -> object:
    """Return bytes, those of all files of a directory, or None where there is nothing."""
    if target.is_dir():
        return {path.name: path.read_bytes() for path in target.iterdir()}
    return target.read_bytes() if target.exists() else None


class Tally:
    """Counts what was left, and what should not have been."""

    def __init__(self) -> None:
        self.wrong: list[str] = []

    def judge(self, work: Work, folder: Path, old: object, new: object) -> Counter[str]:
        """Say what a target is now, and count temporary files beside it."""
        target = folder / work.target
        found = contents(target)
        state = "new" if found == new else "old" if found == old and work.old else "nothing"
        if state == "nothing" and found is not None:
            state = "WRONG"
            self.wrong.append(f"{work.name}: {work.target} is neither old nor new")
        result = Counter([state])
        for path in target.parent.iterdir():
            if path == target:
                continue
            hidden = path.name.startswith(".licrt-") and path.name.endswith(".tmp")
            result["temporary" if hidden else "WRONG"] += 1
            if not hidden:
                self.wrong.append(f"{work.name}: {path.name} was left behind")
        return result

    def expect(self, condition: bool, what: str) -> None:
        """Note what is not as it should be."""
        if not condition:
            self.wrong.append(what)


def works(inputs: Path) -> list[Work]:
    """Return every command that writes files, with and without something to replace."""
    picture, stream = str(inputs / "a.png"), str(inputs / "a.lci")
    model = str(EMBEDDED / "default")
    pairs = []
    for old in (False, True):
        force = ("-f",) if old else ()
        kind = "replacing" if old else "new"
        pairs += [
            Work(f"encode, {kind}", ("encode", picture, "-o", "FOLDER/out.lci", *force), "out.lci", old),
            Work(f"decode, {kind}", ("decode", stream, "-o", "FOLDER/out.tif", *force), "out.tif", old),
            Work(f"flatten, {kind}", ("flatten", model, "-o", "FOLDER/out.lcm", *force), "out.lcm", old),
            Work(f"models --add, {kind}", ("models", "--add", model), "licrt/models/licrt2026-mse", old),
        ]
    return pairs


def environment(folder: Path) -> dict[str, str]:
    """Return variables that make a folder the place where models are installed."""
    return {**os.environ, "XDG_DATA_HOME": str(folder)}


def finished(work: Work, folder: Path) -> tuple[object, object, float]:
    """Return what there is before and after a command that nothing happens to, and its seconds."""
    work.prepare(folder)
    old = contents(folder / work.target)
    begin = time.monotonic()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*LIC_RUN, *work.command(folder)], env=environment(folder), check=True, **quiet)
    return old, contents(folder / work.target), time.monotonic() - begin


def at_every_step(
    work: Work, folder: Path, tally: Tally, number: signal.Signals, old: object, new: object
) -> Iterator[Counter[str]]:
    """Send a signal before each step that touches the folder, until a run gets to its end; or kill while it writes."""
    steps = [(step, -1) for step in range(200)]
    largest = max(map(len, new.values())) if isinstance(new, dict) else len(new)  # type: ignore[arg-type]
    middles = [(-1, size) for size in (0, 1, largest // 2, largest - 1)] if number == signal.SIGKILL else []
    usual = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -signal.SIGKILL}[number]
    for step, size in [*middles, *steps]:
        work.prepare(folder)
        numbers = [str(int(value)) for value in (number, step, size)]
        command = [sys.executable, "-c", DYING, str(folder), *numbers, *work.command(folder)]
        done = subprocess.run(command, env=environment(folder), capture_output=True, check=False)
        died = done.returncode in (usual, -signal.SIGXFSZ)
        found = tally.judge(work, folder, old, new)
        what = f"{work.name}: {number.name} before step {step}"
        tally.expect(died or done.returncode == 0, f"{what} gave {done.returncode}: {done.stderr!r}")
        tally.expect(number == signal.SIGKILL or not found["temporary"], f"{what} left a temporary file behind")
        yield found
        if not died and step >= 0:
            return


def stopped(work: Work, folder: Path, number: signal.Signals, seconds: float) -> int:
    """Send a signal after some time; return the exit code."""
    work.prepare(folder)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*LIC_RUN, *work.command(folder)], env=environment(folder), **quiet) as process:
        time.sleep(seconds)
        process.send_signal(number)
        return process.wait()


def at_random_moments(
    work: Work, folder: Path, tally: Tally, number: signal.Signals, rounds: int, chance: random.Random
) -> Counter[str]:
    """Stop a command as often as asked; interrupts leave nothing but results."""
    old, new, seconds = finished(work, folder)
    result: Counter[str] = Counter()
    for _ in range(rounds):
        code = stopped(work, folder, number, chance.uniform(0, 1.2 * seconds))
        found = tally.judge(work, folder, old, new)
        result += found
        # While Python itself starts, an interrupt is a traceback of its own, and a request to end is what it always is.
        usual = {signal.SIGINT: (130, 1, -number), signal.SIGTERM: (143, -number), signal.SIGKILL: (-number,)}[number]
        tally.expect(code in (0, *usual), f"{work.name}: {number.name} gave {code}")
        if number != signal.SIGKILL:
            tally.expect(not found["temporary"], f"{work.name}: {number.name} left a temporary file behind")
    return result


def refused(
    tally: Tally, what: str, command: list[str], message: str, *, code: int = 6, feed: bytes = b"", **options: object
) -> None:
    """Run what cannot work: one line that says why, and the right exit code."""
    done = subprocess.run([*LIC_RUN, *command], input=feed, capture_output=True, check=False, **options)  # type: ignore[call-overload]
    lines = done.stderr.decode().splitlines()
    fine = done.returncode == code and len(lines) == 1 and message in lines[0]
    tally.expect(fine, f"{what}: exit code {done.returncode}, expected {code}; it said {lines}")
    print(f"{what:<44} exit code {done.returncode}   {lines[0] if lines else ''}")


def full_disk(works: list[Work], tally: Tally, root: Path) -> None:
    """Write to a disk of too few pages, if this user may mount one, or with a limit on the size of files."""
    disk = root / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        for work in works:
            folder = disk / "folder"
            if work.old and work.name.startswith("models"):
                continue  # half a model is too large for the disk
            work.prepare(folder)
            limit: dict[str, object] = {} if mounted else {"preexec_fn": limit_files}
            message = "No space left on device" if mounted else "File too large"
            what = f"{work.name}: {'full disk' if mounted else 'limit on the size of files'}"
            refused(tally, what, work.command(folder), message, env=environment(folder), **limit)
            found = tally.judge(work, folder, OLD if work.old else None, object())
            tally.expect(not found["temporary"], f"{what}: a temporary file was left behind")
            tally.expect(found["old" if work.old else "nothing"] == 1, f"{what}: the old file is gone")
    finally:
        if mounted:
            subprocess.run(["umount", str(disk)], check=True)


def limit_files() -> None:
    """Let this process write 4 KiB to a file."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def drop_override() -> None:
    """Make permissions of files count for root, too: prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)."""
    if os.getuid() == 0 and ctypes.CDLL(None).prctl(24, 1, 0, 0, 0):
        raise OSError("cannot drop a capability")


def meanwhile(tally: Tally, what: str, folder: Path, change: Callable[[], object], message: str) -> None:
    """Change something after `lic-run encode` has begun, while it waits for its picture."""
    target = folder / "out.lci"
    command = [*LIC_RUN, "encode", "-v", "-", "-o", str(target)]
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, preexec_fn=drop_override, **pipes) as process:
        assert process.stdin
        assert process.stderr
        process.stderr.readline()  # "model …": the target was found to be good
        change()
        process.stdin.write(PHOTOGRAPH.read_bytes())
        process.stdin.close()
        lines = [line for line in process.stderr.read().decode().splitlines() if not line.startswith("  ")]
    fine = process.returncode == 6 and len(lines) == 1 and message in lines[0]
    tally.expect(fine, f"{what}: exit code {process.returncode}; it said {lines}")
    print(f"{what:<44} exit code {process.returncode}   {lines[0] if lines else ''}")
    tally.expect(not folder.exists() or not list(folder.iterdir()), f"{what}: something was left behind")


def losses(tally: Tally, root: Path, inputs: Path) -> None:
    """Take directories, permissions and inputs away."""
    folder = root / "gone"
    folder.mkdir()
    meanwhile(tally, "directory removed", folder, lambda: shutil.rmtree(folder), "there is no directory")
    folder.mkdir()
    meanwhile(tally, "permission lost", folder, lambda: folder.chmod(0o555), "no permission")
    for command in ("encode", "decode"):
        out = ["-o", str(inputs / "out.png")]
        code = 3 if command == "decode" else 6
        half = (inputs / ("a.lci" if command == "decode" else "a.png")).read_bytes()[:1000]
        refused(tally, f"{command}: error while reading", [command, "/proc/self/mem", *out], "Input/output error")
        refused(tally, f"{command}: pipe that ends early", [command, "-", *out], "cut short", code=code, feed=half)
    refused(tally, "info: error while reading", ["info", "/proc/self/mem"], "Input/output error")


def main() -> int:
    """Print a table of what was tried and what was left."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100, help="random moments for each command and signal")
    parser.add_argument("--only", default="", help="commands whose name begins so; otherwise all")
    parser.add_argument("--signals", nargs="+", default=["SIGKILL", "SIGINT", "SIGTERM"])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it, and would their children
    chance, tally, total = random.Random(options.seed), Tally(), Counter[str]()
    with tempfile.TemporaryDirectory() as temporary:
        root, inputs = Path(temporary), Path(temporary) / "inputs"
        inputs.mkdir()
        with Image.open(PHOTOGRAPH) as photograph:
            photograph.convert("RGB").save(inputs / "a.png")
            (inputs / "a.lci").write_bytes(Codec.load(threads=1).encode(np.asarray(photograph.convert("RGB"))))
        todo = [work for work in works(inputs) if work.name.startswith(options.only)]
        print(f"{'':<44} {'runs':>6} {'old':>6} {'new':>6} {'nothing':>8} {'temporary':>10} {'wrong':>6}")
        for work in todo:
            old, new, _ = finished(work, root / "folder")
            for number in map(signal.Signals.__getitem__, options.signals):
                steps = sum(at_every_step(work, root / "folder", tally, number, old, new), Counter[str]())
                total += show(f"{work.name}: {number.name}, every step", steps)
                left = at_random_moments(work, root / "folder", tally, number, options.rounds, chance)
                total += show(f"{work.name}: {number.name}, any moment", left)
        show("all", total)
        full_disk(todo, tally, root)
        losses(tally, root, inputs)
    for line in tally.wrong:
        print(f"WRONG {line}")
    print(f"{len(tally.wrong)} wrong")
    return 1 if tally.wrong else 0


def show(name: str, found: Counter[str]) -> Counter[str]:
    """Print a row, and return what is in it."""
    runs = found["old"] + found["new"] + found["nothing"] + found["WRONG"]
    print(
        f"{name:<44} {runs:>6} {found['old']:>6} {found['new']:>6} {found['nothing']:>8} {found['temporary']:>10} "
        f"{found['WRONG']:>6}",
        flush=True,
    )
    return found


if __name__ == "__main__":
    sys.exit(main())
