"""Streams of bundles as the plain file that tests/runtime/native/decode.c reads: what decoding takes of a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from licrt.runtime import container, context, integer
from licrt.runtime.bundle import Bundle, load_bundle, load_tensors
from licrt.runtime.container import Stream, read_stream
from licrt.runtime.description import context_from, network_from, rates_from
from licrt.runtime.integer import words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from licrt.runtime.tensors import Tensors


def exchange_file(directory: Path, streams: Sequence[bytes]) -> bytes:
    """The file of some streams of one bundle; its layout is in tests/runtime/native/exchange.h."""
    bundle = load_bundle(directory)
    tensors = load_tensors(bundle)
    return words(len(streams)) + b"".join(_stream(bundle, tensors, read_stream(data)) for data in streams)


def _stream(bundle: Bundle, tensors: Tensors, stream: Stream) -> bytes:
    entropy, point = bundle.manifest["entropy"], stream.rate_point
    prior_shape, prior = _tables(tensors, "prior")
    latent_shape, latent, medians = (0, 0), b"", b""
    network, model, rate, offsets = b"", b"", (0, 0), b""
    if "hyper_synthesis" in entropy:
        latent_shape, latent = _tables(tensors, "gaussian")
        network = integer.to_blob(network_from(entropy["hyper_synthesis"], tensors, "hyper_synthesis"))
        rates = rates_from(entropy["rates"], tensors, latent_shape[0]) if "rates" in entropy else None
        if "context" in entropy:
            parts = context_from(entropy["context"], tensors, bundle.latent_channels, bundle.mean_fraction, rates)
            model = context.to_blob(parts)
        elif rates is not None:
            rate = (int(rates.multiplier[point]), int(rates.shift[point]))
            offsets = rates.offset[point].astype("<i8").tobytes()
    else:
        medians = tensors["prior.median"].astype("<i4").tobytes()

    sections = {section.type: section for section in stream.sections}
    none = container.Section(container.HYPER_LATENT, 0, b"")
    z, y = sections.get(container.HYPER_LATENT, none), sections[container.LATENT]
    size = [-(-side // bundle.stride) for side in (stream.height, stream.width)]
    hyper_size = [-(-side // bundle.hyper_stride) if bundle.hyper_stride else 0 for side in size]
    header = words(
        bundle.hyper_channels, *hyper_size, bundle.latent_channels, *size, bundle.mean_fraction, point, *rate,
        *prior_shape, *latent_shape, len(network), len(model), len(z.body), z.lanes, len(y.body), y.lanes,
        stream.latent_crc,
    )  # fmt: skip
    return b"".join((header, prior, latent, medians, offsets, network, model, z.body, y.body))


def _tables(tensors: Tensors, name: str) -> tuple[tuple[int, int], bytes]:
    """Number and length of the rows, which are padded to be of one length, and the bytes of the tables."""
    lengths = tensors[f"{name}.lengths"]
    cdf = np.zeros((len(lengths), lengths.max()), np.int32)
    cdf[np.arange(cdf.shape[1]) < lengths[:, None]] = tensors[f"{name}.cdf"]
    arrays = (cdf, lengths, tensors[f"{name}.offsets"])
    return (len(cdf), cdf.shape[1]), b"".join(array.astype("<i4").tobytes() for array in arrays)
