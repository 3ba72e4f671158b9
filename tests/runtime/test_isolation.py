"""Nothing in a bundle or a stream makes Python run, load or open anything else: its audit events are the witness."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import json, sys
from pathlib import Path
import numpy as np
from licrt.runtime import Codec

def cycle(folder):
    codec = Codec.load(folder, "cpu", threads=1)  # "auto" would look for a driver
    data = codec.encode(np.full((20, 30, 3), 99, np.uint8))
    codec.decode(data)
    codec.decode_latents(data)

folder = sys.argv[1]
cycle(folder)  # loads all modules
events = []
listening = True

def listen(event, arguments):
    if listening:
        events.append([event, str(arguments[0]) if arguments else ""])

sys.addaudithook(listen)
cycle(folder)
listening = False
print(json.dumps(events))
"""
# What events mean: https://docs.python.org/3/library/audit_events.html
HARMLESS = {"object.__getattr__", "object.__setattr__", "sys._getframe", "gc.get_objects", "time.sleep", "os.listdir"}


def test_a_codec_opens_the_files_of_its_bundle_and_does_nothing_else() -> None:
    from licrt.runtime.models import EMBEDDED

    folder = str(EMBEDDED / "default")
    command = [sys.executable, "-c", PROGRAM, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    events = json.loads(done.stdout)
    opened = {argument for event, argument in events if event == "open"}
    files = {path.name for path in (EMBEDDED / "default").iterdir()}
    assert opened >= {f"{folder}/{name}" for name in files if name.endswith((".json", ".safetensors", ".onnx"))}
    elsewhere = {name for name in opened if not name.startswith((folder, "/proc/", "/sys/"))}
    assert {name for name in elsewhere if not name.isdigit()} == set()  # digits are descriptors of what was opened
    assert {event for event, _ in events} - HARMLESS == {"open"}
