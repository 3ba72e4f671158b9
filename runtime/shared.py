"""Codecs that stay loaded, for callers that have nowhere to keep one: functions, and plugins of other libraries."""

from __future__ import annotations

import os
import threading
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from licrt.runtime import models
from licrt.runtime.backends import default_threads, open_backend
from licrt.runtime.bundle import Bundle, load_bundle
from licrt.runtime.codec import Codec, Rgb
from licrt.runtime.container import MAX_PIXELS, read_info

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIMIT = 4


def shared_codec(model: str | Path = models.DEFAULT, device: str = "auto", threads: int | None = None) -> Codec:
    """Return a codec that all callers in this process share; arguments and errors are those of `Codec.load`.

    The last `LIMIT` codecs stay loaded. What a name stands for is looked up anew every time, so a bundle that was
    exported again is loaded again.

    >>> shared_codec("default", threads=1) is shared_codec("default", threads=1)
    True
    """
    return _loader(os.getpid())(load_bundle(models.find(model)), device, threads or default_threads())


def decode(
    data: bytes,
    device: str = "auto",
    threads: int | None = None,
    *,
    out: Rgb | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Rgb:
    """Decode a stream with whichever installed model it names, which stays loaded.

    Args:
        data: a stream, all of it.
        device, threads: as `Codec.load` takes them.
        out, max_pixels: as `Codec.decode_image` takes them.

    Raises:
        As `Codec.load` and `Codec.decode_image`.
    """
    model = read_info(data, max_pixels).model_id.hex()
    return shared_codec(model, device, threads).decode(data, out=out, max_pixels=max_pixels)


@cache
def _loader(_process: int) -> Callable[[Bundle, str, int], Codec]:
    """Return what loads the codecs of one process, each of them once.

    A process that was forked must neither wait for a lock that a thread of its parent held, nor use or free sessions
    whose threads stayed there: it starts with nothing, and its parent's codecs stay where they are.
    """
    lock = threading.Lock()

    @lru_cache(maxsize=LIMIT)
    def load(bundle: Bundle, device: str, threads: int) -> Codec:
        return Codec(bundle, open_backend(device, threads, target=bundle.target), threads)

    def load_once(bundle: Bundle, device: str, threads: int) -> Codec:
        with lock:  # else threads that come together would all load
            return load(bundle, device, threads)

    return load_once
