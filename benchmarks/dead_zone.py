"""What an encoder gains that prefers smaller symbols: rate-distortion optimised quantisation, measured on real bytes.

    .venv/bin/python benchmarks/dead_zone.py default --lambda 0.013 kodak/kodim0*.png

A decoder takes any symbols, so an encoder may round a residual r towards 0 where the bits saved are worth the error.
Three kinds of rule, each with a few strengths:

- `zero d`: symbol 0 while |r| < 1/2 + d, otherwise the nearest; the classical dead zone.
- `towards d`: rounds at 1/2 + d instead of 1/2, whatever the symbol.
- `rdo k`: of the symbols next to r and one more towards 0, that with the least (r - s')² + k · bits(s), where s' is
  what s is reconstructed as, and bits are from the symbol's own table: a dead zone for each table index.

The table gives, against rounding to the nearest: bytes of the whole file, PSNR, and with --lambda the rate at equal
Lagrangian, ΔJ / R with J = bpp + λ · 255² · MSE, which is what the change is worth in rate. Variable-rate models are
measured at all qualities given by -q; from four on there is a BD-rate too. --offsets puts every reconstruction where
the mean of its residuals is, for each table, as a decoder with trained offsets does. Models without a context model
only: those see their own reconstructions.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from licrt.evaluation import bd
from licrt.runtime import Codec, models
from licrt.runtime.bundle import load_bundle
from licrt.runtime.entropy import EntropyModel, _coded, _predict
from licrt.runtime.exact import Tables, load_exact_half
from licrt.runtime.latents import dequantise, to_float
from licrt.runtime.picture import read_picture
from licrt.runtime.rate import Rate

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.int32]
Rule = Callable[[Float, Int], Int]
MOST = 40  # larger symbols are rounded to the nearest


@dataclasses.dataclass(frozen=True)
class Latents:
    """What an encoder has of one picture before it chooses symbols, and the bytes of everything else in the file."""

    rgb: npt.NDArray[np.uint8]
    residual: Float
    indexes: Int
    means: Int
    other_bytes: int


def main() -> None:
    """Code every picture by every rule and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--lambda", dest="weight", type=float, help="of the training, times 255² MSE")
    parser.add_argument("-q", "--quality", default="", metavar="Q,Q,…", help="of a variable-rate model")
    parser.add_argument("--offsets", action="store_true", help="reconstruct at the mean of the residuals")
    parser.add_argument("-j", "--threads", type=int, default=1)
    arguments = parser.parse_args()
    qualities = [int(quality) for quality in arguments.quality.split(",") if quality] or [None]
    bundle = load_bundle(models.find(arguments.model))
    codec = Codec.load(bundle.directory, threads=arguments.threads)
    hyper = load_exact_half(bundle).hyper
    if hyper is None or hyper.context is not None:
        parser.error("needs a model with a hyper-prior and without a context model")
    bits = symbol_bits(hyper.gaussian)
    names = rules_of(bits, np.zeros(len(bits)))
    pictures = [read_picture(path.read_bytes()).rgb for path in arguments.pictures]
    found = {name: np.empty((len(qualities), len(pictures), 2)) for name in names}
    for row, quality in enumerate(qualities):
        point = Rate(quality).point(bundle)
        latents = [latents_of(codec, rgb, point) for rgb in pictures]
        if arguments.offsets:
            codec._entropy = with_offsets(codec._entropy, latents, point)
        for name, rule in rules_of(bits, offsets_of(codec._entropy, point, len(bits))).items():
            for column, each in enumerate(latents):
                found[name][row, column] = cost(codec, each, rule(each.residual, each.indexes), point)
    print(f"{len(pictures)} pictures, model {bundle.name}, qualities {qualities}, lambda {arguments.weight}")
    print("| rule | bytes | PSNR | rate at equal J | BD-rate |\n|---|---|---|---|---|")
    plain = found["nearest"]
    for name, each in found.items():
        rate, error = each[..., 0] / plain[..., 0], each[..., 1] / plain[..., 1]
        lagrangian = delta = "-"
        if arguments.weight:
            change = each - plain
            change = (change[..., 0] + arguments.weight * 255**2 * change[..., 1]) / plain[..., 0]
            lagrangian = f"{100 * change.mean():+.2f} %"
        if len(qualities) > 3:
            delta = f"{bd.bd_rate(curve(each), curve(plain)):+.2f} %"
        psnr = -10 * np.log10(error).mean()
        print(f"| {name} | {100 * (rate.mean() - 1):+.2f} % | {psnr:+.3f} dB | {lagrangian} | {delta} |")


def curve(found: npt.NDArray[np.float64]) -> bd.Points:
    """Return the mean rate and PSNR over pictures of `[qualities, pictures, 2]`, as BD-rates take them."""
    return bd.points("", found[..., 0].mean(axis=1), (-10 * np.log10(found[..., 1])).mean(axis=1))


def offsets_of(entropy: EntropyModel, point: int, tables: int) -> npt.NDArray[np.float64]:
    """Return what is added to the magnitude of a symbol that is not 0, in symbols, for each table."""
    return entropy.rates.offset[point] / int(entropy.rates.multiplier[point]) if entropy.rates else np.zeros(tables)


def with_offsets(entropy: EntropyModel, latents: Sequence[Latents], point: int) -> EntropyModel:
    """Replace the reconstruction offsets of a rate point by the means of |residual| - |symbol| where it is not 0."""
    if entropy.rates is None:
        raise SystemExit("--offsets needs a variable-rate model")
    offset = entropy.rates.offset.copy()
    total, count = np.zeros(offset.shape[1]), np.zeros(offset.shape[1])
    for each in latents:
        symbols = nearest(each.residual, each.indexes)
        coded = symbols != 0
        missed = np.abs(each.residual[coded]) - np.abs(symbols[coded])
        total += np.bincount(each.indexes[coded], missed, len(total))
        count += np.bincount(each.indexes[coded], minlength=len(total))
    offset[point] = np.rint(int(entropy.rates.multiplier[point]) * total / np.maximum(count, 1))
    return dataclasses.replace(entropy, rates=dataclasses.replace(entropy.rates, offset=offset))


def latents_of(codec: Codec, rgb: npt.NDArray[np.uint8], point: int) -> Latents:
    """Run the encoder up to the residuals, scaled by the gain of the rate point."""
    entropy, threads = codec._entropy, codec._threads
    latent = codec._transforms.analyse(rgb)
    z = codec._transforms.hyper_analyse(latent, entropy.hyper_shape(*latent.shape[1:]))
    hyper, symbols = entropy._encode_prior(z)
    indexes, means = _predict(entropy.network, symbols, latent.shape[1], latent.shape[2], threads, point)
    residual = latent - to_float(means, entropy.mean_fraction) if len(means) else latent
    if entropy.rates is not None:
        shift = int(entropy.rates.shift[point]) + entropy.mean_fraction
        residual = residual * np.float32(np.ldexp(1.0 / int(entropy.rates.multiplier[point]), shift))
    return Latents(rgb, residual, indexes, means, len(hyper.data) + 64)


def cost(codec: Codec, latents: Latents, symbols: Int, point: int) -> tuple[float, float]:
    """Return bits per pixel of the file, and mean squared error of its picture with pixels in 0…1."""
    entropy = codec._entropy
    size = len(_coded(symbols, latents.indexes, entropy.gaussian).data) + latents.other_bytes
    y_hat = dequantise(symbols.copy(), latents.indexes, latents.means, entropy.mean_fraction, entropy.rates, point)
    decoded = np.empty_like(latents.rgb)
    codec._transforms.synthesise(y_hat, decoded)
    error = np.square(decoded.astype(np.float64) - latents.rgb).mean() / 255**2
    return 8 * size / (latents.rgb.shape[0] * latents.rgb.shape[1]), float(error)


def symbol_bits(tables: Tables) -> Float:
    """Return the bits of symbols from -MOST to MOST in each table, `[tables, 2 MOST + 1]`, escapes included."""
    bits = np.empty((len(tables.lengths), 2 * MOST + 1), np.float32)
    for row, (cdf, length, offset) in enumerate(zip(tables.cdf, tables.lengths, tables.offsets, strict=True)):
        share = np.diff(cdf[:length]) / 65536.0
        for symbol in range(-MOST, MOST + 1):
            place = symbol - offset
            inside = 0 <= place < length - 2
            bits[row, symbol + MOST] = -np.log2(share[place]) if inside else 12 - np.log2(share[-1])
    return bits


def rules_of(bits: Float, offsets: npt.NDArray[np.float64]) -> dict[str, Rule]:
    """Return the rules that are compared, by name; `offsets` are those of the reconstruction, for each table."""
    rules: dict[str, Rule] = {"nearest": nearest}
    for delta in (0.02, 0.05, 0.1):
        rules[f"zero {delta}"] = lambda r, i, d=delta: np.where(np.abs(r) < 0.5 + d, 0, nearest(r, i))
        rules[f"towards {delta}"] = lambda r, _, d=delta: _signed(np.floor(np.abs(r) + 0.5 - d), r)
    for weight in (0.003, 0.01, 0.02, 0.03, 0.045, 0.06):
        rules[f"rdo {weight}"] = lambda r, i, k=weight: optimised(r, i, k * bits, offsets.astype(np.float32))
    return rules


def nearest(residual: Float, indexes: Int) -> Int:
    """Round to the nearest."""
    del indexes
    return np.rint(residual).astype(np.int32)


def optimised(residual: Float, indexes: Int, price: Float, offsets: Float) -> Int:
    """Choose the magnitude with the least squared error plus price; `price` is `[tables, 2 MOST + 1]`."""
    magnitude, sign = np.abs(residual), np.where(residual < 0, -1, 1)
    flat, start, offset = price.ravel(), indexes * price.shape[1] + MOST, offsets[indexes]
    near = magnitude < MOST - 1
    best = np.rint(magnitude).astype(np.int32)
    least = np.full(residual.shape, np.inf, np.float32)
    for step in (1, 0, -1):
        tried = np.maximum(np.floor(magnitude).astype(np.int32) + step, 0)
        total = (
            np.square(magnitude - tried - np.where(tried, offset, 0)) + flat[start + np.where(near, sign * tried, 0)]
        )
        better = near & (total < least)
        best, least = np.where(better, tried, best), np.where(better, total, least)
    return (sign * best).astype(np.int32)


def _signed(magnitude: Float, like: Float) -> Int:
    return (np.sign(like) * magnitude).astype(np.int32)


if __name__ == "__main__":
    main()
