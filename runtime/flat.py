"""The exact half of a bundle as one flat file, for programs without JSON (docs/bitstream.md, section 7).

Nothing reads it here: `examples/c/model.c` does.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from licrt.runtime import context, integer
from licrt.runtime.exact import load_exact_half
from licrt.runtime.integer import padded, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from licrt.runtime.bundle import Bundle
    from licrt.runtime.exact import ExactHalf, Tables

MAGIC = b"\x89LCM\r\n\x1a\n"
VERSION = 1


def flatten(bundle: Bundle) -> bytes:
    """Return what decoding a bundle's latents takes, as one file. Equal models give equal bytes.

    Args:
        bundle: any bundle, or half of one; graphs are left out.

    Raises:
        ModelError: as `load_exact_half`, or tables break the coder's rules.

    >>> from licrt.runtime import models
    >>> from licrt.runtime.bundle import load_bundle
    >>> bundle = load_bundle(models.find("default"))
    >>> data = flatten(bundle)
    >>> data[1:4], data[12:28].hex() == bundle.id
    (b'LCM', True)
    """
    half = load_exact_half(bundle)
    for tables in (half.prior, half.hyper.gaussian if half.hyper else half.prior):
        tables.native()  # or raises
    return flat_bytes(bundle, half)


def flat_bytes(bundle: Bundle, half: ExactHalf) -> bytes:
    """Return the file of a bundle whose exact half is loaded already."""
    network, model, rates, gaussian = b"", b"", None, None
    if half.hyper is not None:
        gaussian = half.hyper.gaussian
        network = integer.to_blob(half.hyper.network)
        if half.hyper.context is not None:
            model = context.to_blob(half.hyper.context)  # which holds its rates
        else:
            rates = half.hyper.rates
    parts = [
        MAGIC,
        words(VERSION),
        bytes.fromhex(bundle.id),
        words(bundle.stride, bundle.latent_channels, bundle.hyper_channels, bundle.hyper_stride, bundle.mean_fraction),
        words(bundle.rate_points, int(half.prior.lengths.sum())),
        words(len(gaussian.lengths), int(gaussian.lengths.sum())) if gaussian else words(0, 0),
        words(len(network), len(model), rates is not None),
        *_arrays(half.prior),
    ]
    if gaussian is None:
        parts.append(_plain(half.medians))
    else:
        parts.extend(_arrays(gaussian))
    if rates is not None:
        parts += [_plain(rates.multiplier), _plain(rates.shift), padded(rates.offset)]
    body = b"".join((*parts, network, model))
    return body + words(zlib.crc32(body))


def _arrays(tables: Tables) -> Iterator[bytes]:
    """Yield lengths, offsets, and the rows one after the other."""
    yield _plain(tables.lengths)
    yield _plain(tables.offsets)
    yield _plain(tables.cdf[np.arange(tables.cdf.shape[1]) < tables.lengths[:, None]])


def _plain(array: np.ndarray[Any, Any]) -> bytes:
    """Serialise numbers of at most 32 bits as 32 bits each."""
    return array.astype("<i4").tobytes()
