"""What export cost, measured: graphs against torch, integers against floats, the native engine against numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from licrt.export import context_reference, float_path, integer_reference
from licrt.export.calibration import Photo, to_tensor
from licrt.runtime import coder
from licrt.runtime._native import ContextModel as NativeContext
from licrt.runtime._native import Network as NativeNetwork
from licrt.runtime.backends import open_backend
from licrt.runtime.context import to_blob as context_blob
from licrt.runtime.entropy import EntropyModel, available_kernels, lanes_for
from licrt.runtime.errors import ModelError
from licrt.runtime.integer import to_blob
from licrt.runtime.latents import MAX_SYMBOL, to_float

if TYPE_CHECKING:
    from collections.abc import Sequence

    from licrt.export.float_model import FloatModel, HyperPrior
    from licrt.export.integers import Integers
    from licrt.export.tables import Tables

RATE_LIMIT_PERCENT = 0.5
PSNR_LIMIT_DB = 0.02
# Wider integers cost little time, so export stops at the first widths this good (docs/adr/0002-widths.md).
RATE_TARGET_PERCENT = 0.1
PSNR_TARGET_DB = 0.01
CHANGED_TARGET_PERCENT = 0.25
GRAPH_TOLERANCE = 1e-5

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Cost:
    """Integer path against float path on photographs.

    Attributes:
        float_bytes, integer_bytes: coded bytes over all photographs.
        psnr_losses_db: of each photograph; positive is worse.
        changed_percent: latents off by more than half a step, because a symbol rounded to another number; PSNR follows
            their number, up or down.
    """

    float_bytes: int
    integer_bytes: int
    psnr_losses_db: tuple[float, ...]
    changed_percent: float

    @property
    def psnr_loss_db(self) -> float:
        """Mean PSNR loss over the photographs."""
        return float(np.mean(self.psnr_losses_db))

    @property
    def rate_percent(self) -> float:
        """Extra rate of the integer path in percent of the float path's; negative where it is smaller."""
        return 100.0 * (self.integer_bytes / self.float_bytes - 1)

    @property
    def passes(self) -> bool:
        """Whether both limits hold."""
        return self.rate_percent <= RATE_LIMIT_PERCENT and self.psnr_loss_db <= PSNR_LIMIT_DB

    @property
    def good(self) -> bool:
        """Whether every single photograph comes out like the float model's; luck in either direction is none."""
        return (
            self.rate_percent <= RATE_TARGET_PERCENT
            and self.changed_percent <= CHANGED_TARGET_PERCENT
            and max(map(abs, self.psnr_losses_db)) <= PSNR_TARGET_DB
        )


@dataclass(frozen=True)
class Sample:
    """One photograph through the float model: what the widths do not change, and what floats make of it.

    Attributes:
        pixels: uint8 `[height, width, 3]`.
        point: rate point that it is coded at.
        latent, hyper_latent: float32, before quantisation.
        y_hat: float32, the latent that a float decoder would see.
        float_bytes, float_mse: of the float path.
    """

    pixels: Photo
    point: int
    latent: Float
    hyper_latent: Float
    y_hat: Float
    float_bytes: int
    float_mse: float


@torch.inference_mode()
def samples(model: FloatModel, photos: Sequence[Photo]) -> list[Sample]:
    """Run the float model of a hyper-prior codec over photographs, coding with float medians, indexes and means.

    Variable-rate models code each photograph at another point, from the highest rate to the lowest.
    """
    hyper = hyper_of(model)
    points = np.linspace(hyper.points - 1, 0, len(photos)).round().astype(int).tolist()
    result = []
    for photo, point in zip(photos, points, strict=True):
        latent = model.analysis(to_tensor(photo))
        coded = float_path.code(model, latent, point)
        hyper_symbols = model.hyper_symbols(latent).numpy()[0]
        z, y_hat = hyper.latent(latent).numpy()[0], coded.y_hat.numpy()
        channels = np.broadcast_to(np.arange(len(z), dtype=np.int32)[:, None, None], z.shape)
        size = len(_coded(coded.symbols.numpy(), coded.indexes.numpy().astype(np.int32), hyper.gaussian))
        size += len(_coded(hyper_symbols, channels, model.prior))
        result.append(Sample(photo, point, latent.numpy()[0], z, y_hat, size, _mse(model.synthesis, y_hat, photo)))
    return result


@torch.inference_mode()
def cost(model: FloatModel, integers: Integers, photographs: Sequence[Sample]) -> Cost:
    """Code the samples as the runtime does, with integers, and compare with the float path."""
    entropy = _entropy_model(model, integers)
    integer_bytes, changed, count = 0, 0, 0
    psnr_loss: list[float] = []
    for sample in photographs:
        payload, hyper_payload, fixed = entropy.encode(sample.latent, sample.hyper_latent, 1, sample.point)
        integer_bytes += len(payload.data) + (len(hyper_payload.data) if hyper_payload else 0)
        y_hat = to_float(fixed, integers.mean_fraction)
        changed, count = changed + int((np.abs(y_hat - sample.y_hat) > 0.5).sum()), count + y_hat.size
        psnr_loss.append(float(10 * np.log10(_mse(model.synthesis, y_hat, sample.pixels) / sample.float_mse)))
    float_bytes = sum(sample.float_bytes for sample in photographs)
    return Cost(float_bytes, integer_bytes, tuple(psnr_loss), 100 * changed / count)


def graph_error(module: nn.Module, graph: bytes, arrays: Sequence[Float], role: str) -> float:
    """Return the largest difference between torch and ONNX Runtime on some inputs, relative to the largest output.

    Raises:
        ModelError: it is beyond 1e-5.
    """
    session = open_backend("cpu", 1).load(graph, role)
    errors = []
    for array in arrays:
        with torch.inference_mode():
            expected = module(torch.from_numpy(array)).numpy()
        actual = session.run(array)
        if actual.shape != expected.shape:
            raise ModelError(
                f"the exported {role} turns {list(array.shape)} into {list(actual.shape)}, torch into "
                f"{list(expected.shape)}; expected a network of any height and width"
            )
        errors.append(float(np.abs(actual - expected).max() / max(np.abs(expected).max(), 1e-6)))
    if not max(errors) <= GRAPH_TOLERANCE:
        raise ModelError(
            f"the exported {role} differs from torch by {max(errors):.2g} of its range; at most {GRAPH_TOLERANCE} is "
            "right"
        )
    return max(errors)


def check_tile(graph: bytes, halo: int, array: Float, strides: tuple[int, int], role: str) -> None:
    """Run a graph on a piece of its input and on the whole; the middle must agree.

    Args:
        graph: the graph.
        halo: samples of its input that a tile sees on each side.
        array: some input, `[1, channels, height, width]`; it is repeated until it is large enough.
        strides: samples of the input, and of the output, per latent sample.
        role: for the message.

    Raises:
        ModelError: the tile differs by more than 1e-5 of the range.
    """
    stride, outputs = strides
    around = -(-halo // stride)
    begin, end, size = around + 1, around + 2, 2 * around + 3  # in latent samples: the middle one of a tile inside
    repeats = [-(-size * stride // side) for side in array.shape[2:]]
    whole = np.ascontiguousarray(np.tile(array, (1, 1, *repeats))[..., : size * stride, : size * stride])
    session = open_backend("cpu", 1).load(graph, role)
    wanted = slice(begin * outputs, end * outputs)
    expected = session.run(whole)
    tile = np.ascontiguousarray(whole[..., stride : (size - 1) * stride, stride : (size - 1) * stride])
    inner = slice(around * outputs, (around + 1) * outputs)
    found = session.run(tile)[..., inner, inner]
    error = np.abs(found - expected[..., wanted, wanted]).max() / max(np.abs(expected).max(), 1e-6)
    if not error <= GRAPH_TOLERANCE:
        raise ModelError(
            f"the exported {role} sees further than {halo} samples: a tile differs from the whole by {error:.2g} of "
            "its range. Please report the layers of this network"
        )


def check_native(integers: Integers, sample: Sample, hyper_stride: int) -> None:
    """Compare the native engine with the numpy reference, on every kernel of this machine and 1 and 2 threads.

    Raises:
        ModelError: a number differs.
    """
    symbols = np.rint(sample.hyper_latent[:, :2, :3]).astype(np.int32)
    height, width = 2 * hyper_stride - 1, 3 * hyper_stride
    last = integers.network.rate_points - 1
    expected: Sequence[npt.NDArray[np.generic]] = integer_reference.run(integers.network, symbols, height, width, last)
    size = expected[1].shape[1], expected[1].shape[2]
    coded: Sequence[npt.NDArray[np.generic]] = ()
    if integers.context:
        features, latent = expected[1].astype(np.int32), np.ascontiguousarray(sample.latent[:, :height, :width])
        height, width = latent.shape[1:]
        features = np.ascontiguousarray(features[:, :height, :width])
        point = integers.context.rate_points - 1
        coded = context_reference.encode(integers.context, features, latent, point)
    for cpu in available_kernels():
        network = NativeNetwork(to_blob(integers.network), cpu)
        context = NativeContext(context_blob(integers.context), cpu) if integers.context else None
        for threads in (1, 2):
            actual = [*network.run(symbols, *size, threads, last)]
            if context:
                actual += context.encode(features, latent, threads, point)
            if not all(np.array_equal(a, e) for a, e in zip(actual, (*expected, *coded), strict=True)):
                raise ModelError(f"the native {cpu} engine with {threads} threads differs from the numpy reference")


def hyper_of(model: FloatModel) -> HyperPrior:
    """Return the hyper-prior of a model that must have one."""
    if model.hyper is None:
        raise ModelError("a factorised model has no hyper-synthesis to check")
    return model.hyper


def _entropy_model(model: FloatModel, integers: Integers) -> EntropyModel:
    return EntropyModel(
        prior=_native(model.prior),
        medians=integers.network.input_offset,
        median_fraction=integers.network.input_shift,
        network=NativeNetwork(to_blob(integers.network)),
        gaussian=_native(hyper_of(model).gaussian),
        latent_channels=0,  # this and the stride are for decoders
        hyper_stride=1,
        mean_fraction=integers.mean_fraction,
        context=NativeContext(context_blob(integers.context)) if integers.context else None,
        rates=integers.rates,
    )


def _coded(symbols: Float, indexes: Int, tables: Tables) -> bytes:
    clipped = np.clip(symbols, -MAX_SYMBOL, MAX_SYMBOL).astype(np.int32)
    return coder.encode(clipped, np.ascontiguousarray(indexes), _native(tables), lanes_for(symbols.size))


def _native(tables: Tables) -> coder.CdfTables:
    return coder.CdfTables(tables.cdf, tables.lengths, tables.offsets)


def _mse(synthesis: nn.Module, y_hat: Float, photo: Photo) -> float:
    picture = synthesis(torch.from_numpy(np.ascontiguousarray(y_hat, np.float32))[None])
    pixels = torch.round(picture.clamp(0, 1) * 255)[0].permute(1, 2, 0).numpy()
    return float(np.mean((pixels - photo.astype(np.float32)) ** 2)) + 1e-9
