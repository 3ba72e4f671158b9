"""Decodes the golden stream, which an x86-64 machine encoded, and compares with what that machine decoded. Prints JSON.

The latents must be the same integers; pixels come from a float network, and may differ by one level.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from licrt.runtime import Codec, read_info

stream, picture = Path(sys.argv[1]), Path(sys.argv[2])
data = stream.read_bytes()
codec = Codec.load("default")
latents = codec.decode_latents(data).astype("<i4")
with Image.open(picture) as image:
    expected = np.asarray(image.convert("RGB"), np.int16)
difference = np.abs(codec.decode(data) - expected)
crc = {"encoder": f"{read_info(data).latent_crc:08x}", "here": f"{zlib.crc32(latents.tobytes()):08x}"}
report = {
    "latent_crc": crc,
    "latent_sha256": hashlib.sha256(latents.tobytes()).hexdigest(),
    "samples": difference.size,
    "samples_that_differ": int(np.count_nonzero(difference)),
    "largest_difference": int(difference.max()),
    "engine": dict(codec.engine),
}
print(json.dumps(report))
sys.exit(crc["encoder"] != crc["here"] or report["largest_difference"] > 1)
