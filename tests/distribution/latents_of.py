"""Run in an environment that has a wheel: prints the latents of streams, what runs here, and what was loaded for it."""

import hashlib
import json
import sys
import zlib
from pathlib import Path

from licrt.runtime import Codec
from licrt.runtime.machine import versions

codec = Codec.load("default")
streams = {}
for name in sys.argv[1:]:
    latents = codec.decode_latents(Path(name).read_bytes()).astype("<i4").tobytes()
    streams[Path(name).name] = {"crc": f"{zlib.crc32(latents):08x}", "sha256": hashlib.sha256(latents).hexdigest()}
roots = {module.partition(".")[0] for module in sys.modules}
print(json.dumps({"streams": streams, "versions": versions(), "modules": sorted(roots)}))
