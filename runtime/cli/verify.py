"""`lic-run verify`."""

from __future__ import annotations

import time
import zlib
from itertools import product
from typing import TYPE_CHECKING

import click

from licrt.runtime.cli import options
from licrt.runtime.container import read_stream
from licrt.runtime.errors import MismatchError
from licrt.runtime.files import read_stream_file

if TYPE_CHECKING:
    from licrt.runtime.codec import Codec


@click.command("verify", short_help="Compare the latents of all paths with the encoder's.")
@click.argument("file", metavar="FILE")
@options.decoder_model
@options.max_pixels
@options.threads
def command(file: str, model: str | None, max_pixels: int, threads: int | None) -> None:
    """Decode the latents of a stream on every path that this machine has, and compare them with the encoder's.

    Paths are the native kernels (scalar and SIMD), each with one thread and with several, and, where the model was
    exported for accelerators, the hyper-synthesis on the inference engine. Exit code 4 if any differs.
    """
    from licrt.runtime.backends import default_threads
    from licrt.runtime.carried import CARRIED
    from licrt.runtime.codec import Codec

    data = read_stream_file(file, max_pixels)
    stream = read_stream(data)
    codec = Codec.load(model or stream.model_id.hex(), "auto", threads)
    counts = sorted({1, threads or max(2, default_threads())})
    click.echo(f"model {codec.info.name} ({codec.info.id}), latents of the encoder {stream.latent_crc:08x}")
    paths = codec.entropy_paths()
    native = product((path for path in paths if path != CARRIED), counts)
    runs = [(path, count, f"{path}, {count} thread{'s' if count > 1 else ''}") for path, count in native]
    if CARRIED in paths:  # whose engine has its own threads
        runs.append((CARRIED, max(counts), f"{CARRIED}, {codec.engine['provider']}"))
    results = [_decodes(codec, data, *run) for run in runs]
    if not all(results):
        raise MismatchError(
            f"{results.count(False)} of {len(results)} paths give other latents than the encoder had. "
            "Please report this with the output of lic-run doctor"
        )
    click.echo(f"all {len(results)} paths agree")


def _decodes(codec: Codec, data: bytes, path: str, threads: int, label: str) -> bool:
    """Print and return whether a path gives the encoder's latents, which `decode_latents` compares by their CRC-32."""
    begin = time.perf_counter()
    try:
        latents = codec.decode_latents(data, path=path, threads=threads)
    except MismatchError:
        verdict, same = "DIFFERENT", False
    else:
        verdict, same = f"{zlib.crc32(latents.astype('<i4').tobytes()):08x}", True
    click.echo(f"{label:<32} {verdict:<10} {1e3 * (time.perf_counter() - begin):8.1f} ms")
    return same
