"""What one environment makes of the conformance streams, as JSON on the standard output.

    python conformance/observe.py [--kernels avx2] [--threads 2] [--graph-optimisation basic] [FOLDER ...]
    python conformance/observe.py --encode FOLDER

The second form encodes the source pictures into a new folder, for others to decode. Needs nothing but the runtime and
its inference engine. README.md says what a folder of streams holds and what is hashed; the default is `streams`, and
with it come the files of `refused`.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import platform
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MODELS, STREAMS, REFUSED, PICTURES = (HERE / name for name in ("models", "streams", "refused", "pictures"))
LEVELS = ("disabled", "basic", "extended", "all")
QUALITIES = (0, 37, 100)  # that variable-rate models encode at
VERSION = 1  # of the folders' layout

Entry = dict[str, Any]
Load = Callable[[str], Any]


@dataclass(frozen=True)
class Options:
    """How to decode and encode."""

    kernels: str | None
    threads: int
    level: str


def main() -> None:
    """Observe what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="streams to decode")
    parser.add_argument("--kernels", help="native kernels; the fastest unless told")
    parser.add_argument("--threads", type=int, choices=range(1, 256), metavar="N", default=1)
    parser.add_argument("--graph-optimisation", choices=LEVELS, default="all", help="of ONNX Runtime")
    parser.add_argument("--encode", type=Path, metavar="FOLDER", help="encode the source pictures into a new folder")
    arguments = parser.parse_args()
    options = Options(arguments.kernels, arguments.threads, arguments.graph_optimisation)
    if arguments.encode:
        write_expected(arguments.encode, encode_pictures(options, arguments.encode))
        return
    json.dump(observe(options, arguments.folders or [STREAMS]), sys.stdout, indent=1)
    print()


def observe(options: Options, folders: Sequence[Path]) -> dict[str, Any]:
    """Decode folders of streams; what a lane gives (`lanes/__init__.py`).

    Returns:
        ``environment``; ``streams``, by folder and then by ``ARCH/NAME``, an entry each as in ``expected.json``, with
        ``pixels``, the largest difference to the reference picture; and with the conformance streams ``refused``.
    """
    load = loader(options)
    seen: dict[str, Entry] = {}
    streams = {folder.name: dict(decode_folder(folder, load, seen)) for folder in folders}
    observation = {"environment": environment(options), "streams": streams}
    if STREAMS in [folder.resolve() for folder in folders]:
        observation["refused"] = dict(decode_refused())
    return observation


def loader(options: Options) -> Load:
    """Return what loads a codec by architecture, once."""
    if options.kernels:
        os.environ["LICRT_CPU"] = options.kernels
    os.environ["LICRT_MODEL_PATH"] = str(MODELS)
    from licrt.runtime import Codec
    from licrt.runtime.backends.onnxruntime_cpu import OnnxRuntimeCpu
    from licrt.runtime.bundle import load_bundle

    codecs: dict[str, Codec] = {}

    def load(arch: str) -> Codec:
        if arch not in codecs:
            backend = OnnxRuntimeCpu(options.threads, options.level)
            codecs[arch] = Codec(load_bundle(MODELS / arch), backend, options.threads)
        return codecs[arch]

    return load


def decode_folder(folder: Path, load: Load, seen: dict[str, Entry]) -> Iterator[tuple[str, Entry]]:
    """Yield what each stream of a folder decodes to; equal streams are decoded once, and kept in `seen`."""
    import numpy as np
    from PIL import Image

    for name, expected in read_expected(folder).items():
        arch = name.partition("/")[0]
        data = (folder / f"{name}.lci").read_bytes()
        stream = hashlib.sha256(data).hexdigest()
        if stream not in seen:
            seen[stream] = decode(load(arch), data)
        entry = dict(seen[stream])
        rgb = entry.pop("rgb", None)
        if rgb is not None:
            with Image.open(folder / arch / expected["picture"]) as reference:
                entry["pixels"] = int(np.abs(np.asarray(reference.convert("RGB"), np.int16) - rgb).max())
        yield name, {"stream": stream, **entry}


def decode(codec: Any, data: bytes) -> Entry:
    """Decode one stream, twice: to symbols, and to the picture, which is left as int16 in ``rgb``."""
    import numpy as np

    from licrt.runtime import read_info
    from licrt.runtime.errors import LicrtError

    try:
        info, symbols, image = read_info(data), codec.decode_symbols(data), codec.decode_image(data)
    except LicrtError as error:
        return {"error": f"{type(error).__name__}: {error}"}
    entry: Entry = {"width": info.width, "height": info.height, "rate_point": info.rate_point}
    entry["latent_crc"] = f"{info.latent_crc:08x}"
    if symbols.hyper is not None:
        entry["hyper_symbols"] = digest(symbols.hyper)
    for name, array in (("symbols", symbols.latent), ("indexes", symbols.indexes), ("latents", symbols.y_hat)):
        entry[name] = digest(array)
    for name in ("alpha", "icc", "exif"):
        if getattr(image, name) is not None:
            entry[name] = hashlib.sha256(getattr(image, name)).hexdigest()
    return {**entry, "rgb": image.rgb.astype(np.int16)}


def digest(array: Any) -> Entry:
    """Return count, SHA-256 and CRC-32 of numbers as 32-bit two's complement, little-endian, in C order.

    >>> import numpy
    >>> digest(numpy.array([[1, -2]], numpy.int32))["crc32"]
    'e2c97c3f'
    """
    import numpy as np

    data = np.ascontiguousarray(array, "<i4").tobytes()
    return {
        "count": len(data) // 4,
        "sha256": hashlib.sha256(data).hexdigest(),
        "crc32": f"{zlib.crc32(data):08x}",
    }


def decode_refused() -> Iterator[tuple[str, Entry]]:
    """Yield what `lic-run decode` does with each file that must be refused: exit code, lines said, output left."""
    from licrt.runtime.cli import main as lic_run

    expected = json.loads((REFUSED / "expected.json").read_text())["files"]
    with tempfile.TemporaryDirectory() as folder:
        for name, entry in expected.items():
            output = Path(folder) / f"{name}.png"
            model = ["-m", str(MODELS / entry["model"])] if entry["model"] else []
            said = io.StringIO()
            try:
                with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
                    lic_run(["decode", str(REFUSED / name), *model, "-o", str(output)], prog_name="lic-run")
                code: Any = 0
            except SystemExit as error:
                code = error.code
            yield name, {"exit_code": code or 0, "lines": said.getvalue().count("\n"), "output": output.exists()}


def encode_pictures(options: Options, folder: Path) -> dict[str, Entry]:
    """Encode every source picture with every model; decode the streams, too, for the reference pictures.

    Returns:
        An entry for each stream, in which ``latents`` are those that the encoder had.
    """
    import numpy as np
    from PIL import Image

    load, entries = loader(options), {}
    for arch in sorted(path.name for path in MODELS.iterdir()):
        (folder / arch).mkdir(parents=True)
        codec = load(arch)
        for path in sorted(PICTURES.rglob("*.png")):
            with Image.open(path) as image:
                rgb = np.asarray(image.convert("RGB"))
            for quality in QUALITIES if codec.info.rate_points > 1 and path.parent == PICTURES else (None,):
                name = path.stem if quality is None else f"{path.stem}-q{quality}"
                data, y_hat = codec.encode_with_latents(rgb, quality=quality)
                (folder / arch / f"{name}.lci").write_bytes(data)
                Image.fromarray(codec.decode(data)).save(folder / arch / f"{name}.png")
                entries[f"{arch}/{name}"] = {
                    "stream": hashlib.sha256(data).hexdigest(),
                    "picture": f"{name}.png",
                    "width": rgb.shape[1],
                    "height": rgb.shape[0],
                    "latents": digest(y_hat),
                }
    return entries


def read_expected(folder: Path) -> dict[str, Entry]:
    """Return the entries of a folder of streams."""
    expected = json.loads((folder / "expected.json").read_text())
    if expected["version"] != VERSION:
        raise SystemExit(f"{folder} is of version {expected['version']}, expected {VERSION}")
    entries: dict[str, Entry] = expected["streams"]
    return entries


def write_expected(folder: Path, entries: dict[str, Entry]) -> None:
    """Write the entries of a folder of streams."""
    (folder / "expected.json").write_text(json.dumps({"version": VERSION, "streams": entries}, indent=1) + "\n")


def expected_errors() -> type[Exception]:
    """Return the base of what the runtime raises."""
    from licrt.runtime.errors import LicrtError

    return LicrtError


def environment(options: Options) -> dict[str, str | int]:
    """Return what the observation was made with."""
    import numpy as np
    import onnxruntime

    from licrt import runtime
    from licrt.runtime.entropy import available_kernels

    return {
        "licrt": runtime.__version__,
        "machine": platform.machine(),
        "byte_order": sys.byteorder,
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "onnxruntime": onnxruntime.__version__,
        "kernels": options.kernels or available_kernels()[-1],
        "threads": options.threads,
        "graph_optimisation": options.level,
    }


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:
        sys.exit(f"observe.py: {error}. It needs the runtime and an engine: pip install 'licrt[cpu]'")
    except Exception as error:
        if os.environ.get("LICRT_DEBUG") == "1" or not isinstance(error, (OSError, expected_errors())):
            raise
        sys.exit(f"observe.py: {error}")
