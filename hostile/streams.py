"""Decodes changed streams of a model, many thousands of them, and tells what became of each (docs/hostile-input.md).

    python hostile/streams.py MODEL … --count 20000            # the native core under sanitizers
    python hostile/streams.py MODEL … --count 20000 --plain    # as installed; memory can be measured then
    python hostile/streams.py MODEL --one SEED [--save FILE]   # one stream again

A seed is all that a stream depends on, beside the model and the picture. Half of the streams stay as they were changed,
a quarter gets the checksums of header and payload made right, a quarter that of the latents, too. What a changed stream
may do: be refused with an error of licrt, or give the picture it had. Another picture is allowed in the last quarter.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import memory
import native
from campaign import Campaign

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from stream_mutations import Valid

    from licrt.runtime import Codec

CHANGED, SEALED, LATENTS = "as changed", "header, payload", "header, payload, latents"
CPU_SECONDS = 2.0
CHECKSUMS = (CHANGED, SEALED, CHANGED, LATENTS)  # of seeds modulo 4
# Height, width, lanes of the coder, and whether there is alpha, ICC and EXIF.
PICTURES = ((33, 50, 1, False), (33, 50, 1, False), (48, 65, 2, True), (16, 16, 4, False), (97, 80, 4, False))


@dataclass(frozen=True)
class Target:
    """A model under attack: its codec, valid streams, and what these decode to."""

    codec: Codec
    valid: Valid
    pictures: list[np.ndarray]


def wrong(record: dict[str, Any]) -> str | None:
    """Say what is wrong with an outcome, if anything."""
    outcome, checksums = record["outcome"], record["checksums"]
    if outcome == "different" and checksums != LATENTS:
        return f"another picture with checksums {checksums}"
    if outcome == "MismatchError" and checksums == LATENTS:
        return "scalar kernels decode other latents than those in use"
    if record["grown"] is not None and record["grown"] > record["allowed"]:
        return f"it took {record['grown']} KiB, allowed are {record['allowed']}"
    if record["seconds"] > CPU_SECONDS:
        return f"it took {record['seconds']} s of processor time"
    return None


def prepare(models: list[str]) -> Target:
    """Load a model, and encode crops of a photograph with it, as different as streams can be."""
    from stream_mutations import Valid

    from licrt.runtime import Codec
    from licrt.runtime.bundle import load_bundle
    from licrt.runtime.entropy import load_entropy_model
    from licrt.runtime.models import find

    codec = Codec.load(models[0], threads=2)
    bundle = load_bundle(find(models[0]))
    streams = list(_streams(codec))
    pictures = [codec.decode(stream) for stream in streams]
    return Target(codec, Valid(streams, load_entropy_model(bundle, "scalar"), bundle.stride), pictures)


def _streams(codec: Codec) -> Iterator[bytes]:
    import numpy as np
    from PIL import Image

    from licrt.runtime.picture.alpha import write_alpha

    with Image.open(native.ROOT / "examples" / "photo.webp") as file:
        photo = np.asarray(file.convert("RGB"))
    for number, (height, width, lanes, metadata) in enumerate(PICTURES):
        rgb = photo[90 * number + 100 :, 90 * number + 150 :][:height, :width]
        quality = None if codec.info.rate_points == 1 else (50, 50, 0, 100, 25)[number]
        alpha, icc, exif = (write_alpha(rgb[..., 1]), bytes(60), b"II*\0" + bytes(40)) if metadata else (None,) * 3
        with patch("licrt.runtime.entropy.lanes_for", lambda count, lanes=lanes: lanes):
            yield codec.encode(rgb, quality=quality, alpha=alpha, icc=icc, exif=exif)


def hostile(valid: Valid, seed: int) -> tuple[str, bytes, str]:
    """Return the mutation, the hostile stream, and which checksums are right."""
    from seal import seal, seal_latents
    from stream_mutations import mutate

    random, checksums = Random(seed), CHECKSUMS[seed % 4]
    stream = valid.streams[0]
    while stream in valid.streams:
        mutation, stream = mutate(random, valid)
        if checksums != CHANGED:
            stream = seal(stream)
    if checksums == LATENTS:
        stream = seal_latents(stream, valid.entropy, valid.stride)
    return mutation, stream, checksums


def attempt(target: Target, seed: int) -> dict[str, Any]:
    """Decode one hostile stream, and tell what came of it."""
    from licrt.runtime.errors import LicrtError
    from licrt.runtime.picture.alpha import read_alpha

    mutation, stream, checksums = hostile(target.valid, seed)
    stages: list[str] = []
    detail = ""
    peak = None if native.sanitised() else memory.Peak()
    begin = time.process_time()
    try:
        image = target.codec.decode_image(stream, on_stage=lambda stage, _: stages.append(stage))
        if image.alpha:
            read_alpha(image.alpha, (image.rgb.shape[1], image.rgb.shape[0]))
        outcome = compared(image.rgb, target.pictures)
    except LicrtError as error:
        outcome, detail = type(error).__name__, str(error)
    except BaseException as error:  # whatever it is, it must not come out of a decoder
        outcome, detail = f"escaped {type(error).__name__}", str(error)
    return {
        "seed": seed,
        "mutation": mutation,
        "checksums": checksums,
        "outcome": outcome,
        "reached": {0: "container", 1: "coder", 2: "synthesis"}.get(len(stages), "end"),
        "seconds": round(time.process_time() - begin, 4),
        "grown": peak and peak.grown(),
        "allowed": allowed(stream, target.valid),
        "detail": detail,
    }


def allowed(stream: bytes, valid: Valid) -> int:
    """Return how many KiB a stream may take: 64 MiB, and 12 bytes for each symbol of a picture of its size."""
    from licrt.runtime.container import read_info
    from licrt.runtime.errors import LicrtError

    try:
        info = read_info(stream)
    except LicrtError:  # refused before there is anything to take memory for
        return 1 << 16
    sides = -(-info.height // valid.stride), -(-info.width // valid.stride)
    hyper = math.prod(valid.entropy.hyper_shape(*sides)) if valid.entropy.hyper_stride else 0
    return (1 << 16) + 12 * (valid.entropy.latent_channels * math.prod(sides) + hyper) // 1024


def compared(rgb: np.ndarray, pictures: list[np.ndarray]) -> str:
    """Say whether a picture is one of the valid ones: all of it, or more or less of it at the right and bottom.

    No checksum but that of the header covers the size, and a size that gives the same latents is another crop.
    """
    outcome = "different"
    for valid in pictures:
        height, width = (min(sides) for sides in zip(rgb.shape[:2], valid.shape[:2], strict=True))
        if (rgb[:height, :width] == valid[:height, :width]).all():
            outcome = "same" if rgb.shape == valid.shape else "cropped"
            if outcome == "same":
                break
    return outcome


def save(target: Target, seed: int, path: Path) -> None:
    """Write a hostile stream to a file."""
    path.write_bytes(hostile(target.valid, seed)[1])


CAMPAIGN = Campaign(
    text=__doc__,
    file=__file__,
    count=20000,
    groups=("mutation", "checksums"),
    together=False,
    cpu_seconds=CPU_SECONDS,
    wall_seconds=60,
    prepare=prepare,
    attempt=attempt,
    save=save,
    wrong=wrong,
)

if __name__ == "__main__":
    CAMPAIGN.main()
