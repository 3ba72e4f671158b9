"""Loads changed bundles, encodes and decodes with them, and tells what became of each (docs/hostile-input.md).

    python hostile/bundles.py MODEL … --count 6000             # the native core under sanitizers
    python hostile/bundles.py MODEL … --count 6000 --plain     # as installed, with 4 GiB of memory
    python hostile/bundles.py MODEL … --one SEED [--save DIR]  # one bundle again

Hashes and the model id always fit, as far as there is something to hash. What a changed bundle may do: be refused with
an error of licrt, or work, and then decode what it encoded. Where it has a float-carried hyper-synthesis, an
accelerator decodes, too, to the same latents: whatever that graph does, the native engine has the last word.
"""

from __future__ import annotations

import resource
import tempfile
import time
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import memory
import native
from campaign import Campaign

if TYPE_CHECKING:
    import numpy as np
    from drafts import Draft

ACCELERATED = "own stream on an accelerator"
ERRORS_BUT_OF_MEMORY = ("MismatchError", "FormatError", "ModelError", "BackendError")
MEMORY_BYTES = 4 << 30
_SIDE = 40


def wrong(record: dict[str, Any]) -> str | None:
    """Say what is wrong with an outcome, if anything."""
    refused = {"own stream": ("MismatchError", "FormatError"), ACCELERATED: ERRORS_BUT_OF_MEMORY}
    if record["outcome"] in refused.get(record["reached"], ()):
        return f"it does not decode what it encoded: {record['detail']}"
    return None


def prepare(models: list[str]) -> list[Path]:
    """Limit the memory of this process, and return the directories of the bundles."""
    from licrt.runtime.models import find

    if not native.sanitised():  # they need all addresses that there are, and have a limit of their own
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    return [find(model) for model in models]


def hostile(directory: Path, seed: int) -> tuple[str, str, Draft]:
    """Return which part of a bundle is changed, how, and the result."""
    import drafts
    import graph_mutations
    import manifest_mutations
    import tensor_mutations

    draft, random = drafts.read(directory), Random(seed)
    parts = {"manifest": manifest_mutations, "tensors": tensor_mutations, "graphs": graph_mutations}
    part = list(parts)[seed % 3]
    change = random.choice(parts[part].MUTATIONS)
    change(random, draft)
    return part, change.__name__, draft


def save(bundles: list[Path], seed: int, folder: Path) -> None:
    """Write a hostile bundle to a new directory."""
    import drafts

    folder.mkdir()
    drafts.write(hostile(_one_of(bundles, seed), seed)[2], folder)


def attempt(bundles: list[Path], seed: int) -> dict[str, Any]:
    """Load a hostile bundle and work with it as far as it goes, and tell what came of it."""
    import drafts

    whole = _one_of(bundles, seed)
    part, mutation, draft = hostile(whole, seed)
    with tempfile.TemporaryDirectory() as folder:
        drafts.write(draft, Path(folder))
        return {"seed": seed, "part": part, "mutation": mutation, **tried(Path(folder), _stream_of(whole))}


def tried(folder: Path, stream: bytes) -> dict[str, Any]:
    """Work with a bundle, and return the rest of a record."""
    from licrt.runtime.errors import LicrtError

    stages: list[str] = []
    outcome, detail = "works", ""
    peak = None if native.sanitised() else memory.Peak()
    begin = time.process_time()
    try:
        use(folder, stream, stages)
    except LicrtError as error:
        outcome, detail = type(error).__name__, str(error)
    except BaseException as error:  # whatever it is, it must not come out of the runtime
        outcome, detail = f"escaped {type(error).__name__}", str(error)
    return {
        "outcome": outcome,
        "reached": stages[-1],
        "seconds": round(time.process_time() - begin, 4),
        "grown": peak and peak.grown(),
        "detail": detail[:500],
    }


def use(folder: Path, stream: bytes, stages: list[str]) -> None:
    """Do with a bundle what anybody does: describe it, encode with it, and decode its own and another's stream."""
    from licrt.runtime import Codec
    from licrt.runtime.bundle import load_bundle
    from licrt.runtime.carried import CARRIED
    from licrt.runtime.errors import LicrtError
    from licrt.runtime.flat import flatten
    from licrt.runtime.models import describe

    stages.append("load")
    codec = Codec.load(folder, threads=1)
    describe(load_bundle(folder))
    stages.append("flatten")
    flatten(load_bundle(folder))
    stages.append("encode")
    refused = None
    try:
        own = codec.encode(_picture())
    except LicrtError as error:  # its decoder is tried all the same
        refused = error
    else:
        stages.append("own stream")
        codec.decode_image(own)
        if CARRIED in codec.entropy_paths():
            stages.append(ACCELERATED)
            _accelerated(folder, own, codec.decode_latents(own))
    stages.append("another's stream" if refused is None else "another's stream after no encode")
    codec.decode_image(_addressed(stream, codec.info.id))
    if refused is not None:
        raise refused


def _accelerated(folder: Path, stream: bytes, latents: np.ndarray) -> None:
    """Decode latents by the hyper-synthesis for accelerators until it is used, or no longer is."""
    import numpy as np
    from accelerator import TIMES_UNTIL_USED, Accelerator, always_faster

    from licrt.runtime import Codec
    from licrt.runtime.bundle import load_bundle

    with always_faster():
        codec = Codec(load_bundle(folder), Accelerator(threads=1), threads=1)
        for _ in range(TIMES_UNTIL_USED):
            if not np.array_equal(codec.decode_latents(stream), latents):
                raise AssertionError("an accelerator decodes other latents, and nothing notices")


def _one_of(bundles: list[Path], seed: int) -> Path:
    """Return the bundle that a seed begins with; three seeds in a row, which change each part, share one."""
    return bundles[seed // 3 % len(bundles)]


@cache
def _stream_of(bundle: Path) -> bytes:
    """Return a stream that was made with a whole bundle; only when needed, since workers begin again and again."""
    from licrt.runtime import Codec

    return Codec.load(bundle, threads=1).encode(_picture())


def _picture() -> np.ndarray:
    import numpy as np

    rows, columns = np.mgrid[:_SIDE, : _SIDE + 9]
    return np.stack([rows * 5, columns * 4, (rows * columns) % 256], axis=-1).astype(np.uint8)


def _addressed(stream: bytes, model: str) -> bytes:
    """Return a stream that names another model, with a header CRC that fits."""
    from seal import seal

    return seal(stream[:24] + bytes.fromhex(model) + stream[40:])


CAMPAIGN = Campaign(
    text=__doc__,
    file=__file__,
    count=6000,
    groups=("part", "mutation"),
    together=True,
    cpu_seconds=10,
    wall_seconds=120,
    prepare=prepare,
    attempt=attempt,
    save=save,
    wrong=wrong,
)

if __name__ == "__main__":
    CAMPAIGN.main()
