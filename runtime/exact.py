"""The exact half of a bundle, read and checked: what turns symbols into latents, before anything is made to run.

`entropy.py` runs it; `flat.py` writes it down for programs in C.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from licrt.runtime import coder
from licrt.runtime.bundle import Bundle, load_tensors
from licrt.runtime.description import context_from, network_from, rates_from
from licrt.runtime.errors import ModelError
from licrt.runtime.tensors import Tensors, tensor

if TYPE_CHECKING:
    from licrt.runtime.context import ContextModel, Rates
    from licrt.runtime.integer import Network

Int = npt.NDArray[np.int32]

_MAX_OFFSET = 1 << 20
_MAX_MEAN_BITS = 22


@dataclass(frozen=True)
class Tables:
    """Frequency tables as `coder.CdfTables` takes them; `cdf` is `[tables, longest]`, 0 behind the end of a row."""

    cdf: Int
    lengths: Int
    offsets: Int

    def native(self) -> coder.CdfTables:
        """Return them laid out for the coder; raises ModelError where they break its rules."""
        return coder.CdfTables(self.cdf, self.lengths, self.offsets)


@dataclass(frozen=True)
class HyperPrior:
    """What models with a hyper-latent have beside its tables.

    Attributes:
        network: the hyper-synthesis, which gives indexes and means, or the features of a context model.
        gaussian: tables of the latent.
        context: predicts the latent from features and from what is decoded already; None without a context model.
        rates: of a variable-rate model; a context model knows them itself, too.
    """

    network: Network
    gaussian: Tables
    context: ContextModel | None
    rates: Rates | None


@dataclass(frozen=True)
class ExactHalf:
    """Tables, medians and integer networks of a bundle.

    Attributes:
        prior: tables of the hyper-latent, or of the latent itself in factorised models.
        medians: one fixed-point number per channel of the prior.
        hyper: None in factorised models.
    """

    prior: Tables
    medians: Int
    hyper: HyperPrior | None


def load_exact_half(bundle: Bundle) -> ExactHalf:
    """Load a bundle's integer half.

    Raises:
        ModelError: tensors are missing, inconsistent, or fail the overflow proof.
    """
    tensors = load_tensors(bundle)
    prior = _tables(tensors, "prior")
    medians = tensor(tensors, "prior.median", np.int32)
    channels = bundle.hyper_channels or bundle.latent_channels
    entropy = bundle.manifest["entropy"]
    hyper = [bool(value) for value in (bundle.hyper_channels, bundle.hyper_stride, entropy.get("hyper_synthesis"))]
    if medians.shape != (channels,) or prior.lengths.shape != (channels,):
        raise ModelError(f"model {bundle.name}: expected one median and one table per channel; export it again")
    if len(set(hyper)) != 1 or (("context" in entropy or "rates" in entropy) and not hyper[0]):
        raise ModelError(f"model {bundle.name}: hyper-latent and hyper-synthesis contradict; export it again")
    if np.abs(medians.astype(np.int64)).max() >= 1 << 22:
        raise ModelError(f"model {bundle.name}: a median is out of range; export it again")
    if not hyper[0]:
        return ExactHalf(prior, medians, None)
    gaussian = _tables(tensors, "gaussian")
    count = len(gaussian.lengths)
    network = network_from(entropy["hyper_synthesis"], tensors, "hyper_synthesis")
    rates = rates_from(entropy["rates"], tensors, count) if "rates" in entropy else None
    model = None
    if "context" in entropy:
        model = context_from(entropy["context"], tensors, bundle.latent_channels, bundle.mean_fraction, rates)
    if not np.array_equal(network.input_offset, medians) or not _fits(network, model, bundle, count):
        raise ModelError(f"model {bundle.name}: its integer networks do not fit its tables; export it again")
    return ExactHalf(prior, medians, HyperPrior(network, gaussian, model, rates))


def _fits(network: Network, model: ContextModel | None, bundle: Bundle, tables: int) -> bool:
    """Tell whether what networks give is what the latent needs, with means small enough for section 5."""
    if model is None:
        return (
            network.index_channels == bundle.latent_channels
            and network.mean_channels in (0, bundle.latent_channels)
            and network.layers[-1].output_bits <= _MAX_MEAN_BITS
            and network.thresholds.shape[2] + 1 == tables
            and network.rate_points == bundle.rate_points
        )
    return (
        network.index_channels == 0
        and network.mean_channels == model.feature_channels
        and network.layers[-1].output_bits <= model.bits
        and all(group.parameters[-1].output_bits <= _MAX_MEAN_BITS for group in model.groups)
        and model.table_count == tables
        and model.rate_points == bundle.rate_points
    )


def _tables(tensors: Tensors, name: str) -> Tables:
    """Rebuild the padded `[tables, longest]` array from rows stored one after the other."""
    rows, lengths, offsets = (tensor(tensors, f"{name}.{part}", np.int32) for part in ("cdf", "lengths", "offsets"))
    if not rows.ndim == lengths.ndim == offsets.ndim == 1 or len(lengths) != len(offsets):
        raise ModelError(f"the {name} tables are of the wrong kind; export the model again")
    ends = np.cumsum(lengths.astype(np.int64))
    if not len(lengths) or lengths.min() < 3 or lengths.max() > 1 << 16 or ends[-1] != len(rows):
        raise ModelError(f"the {name} tables have impossible lengths; export the model again")
    if offsets.min() < -_MAX_OFFSET or offsets.max() > _MAX_OFFSET:
        raise ModelError(f"the {name} tables have impossible offsets; export the model again")
    if len(lengths) * int(lengths.max()) > 1 << 26:
        raise ModelError(f"the {name} tables are too large; export the model again")
    cdf = np.zeros((len(lengths), int(lengths.max())), np.int32)
    cdf[np.arange(cdf.shape[1]) < lengths[:, None]] = rows
    return Tables(cdf, lengths, offsets)
