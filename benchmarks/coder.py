"""Speed of the entropy coder against CompressAI's, on symbols like those of a Kodak picture.

    python benchmarks/coder.py --compressai DIR   # a site-packages with compressai, or the folder of its ans*.so

Both coders run in this process, one after the other in every round; reported are medians of the rounds and the medians
of the ratios within a round. CompressAI's coder takes lists; making them from arrays counts, as it does in CompressAI.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import importlib.util
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np

from licrt.runtime.coder import CdfTables, decode, encode
from licrt.runtime.timing import turns

LANES = (1, 2, 4)


def gaussian_tables(scales: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """cdf, lengths and offsets in CompressAI's layout: one table per scale, tails of 0.5e-9, precision 16."""
    normal = statistics.NormalDist()
    rows = []
    for scale in scales:
        centre = int(np.ceil(scale * -normal.inv_cdf(0.5e-9)))
        edges = (np.arange(2 * centre + 2) - centre - 0.5) / scale
        mass = np.diff([normal.cdf(edge) for edge in edges])
        frequency = 1 + np.floor(mass * (65536 - mass.size - 1)).astype(np.int64)
        frequency[centre] += 65536 - 1 - frequency.sum()
        rows.append(np.concatenate([[0], np.cumsum(frequency), [65536]]))
    cdf = np.zeros((len(rows), max(row.size for row in rows)), np.int32)
    for row, values in zip(cdf, rows, strict=True):
        row[: values.size] = values
    lengths = np.array([row.size for row in rows], np.int32)
    return cdf, lengths, -(lengths - 3) // 2


def latent(scales: np.ndarray, mean_log_scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Symbols and table indexes of a 192 x 32 x 48 latent whose scale varies between channels and along rows."""
    rng = np.random.default_rng(20)
    log_scale = rng.normal(mean_log_scale, 1.5, (192, 1, 1)) + np.zeros((192, 32, 48))
    drift = rng.normal(0, 0.25, log_scale.shape)
    for x in range(1, 48):
        drift[..., x] += 0.9 * drift[..., x - 1]
    scale = np.exp(log_scale + drift)
    symbols = np.rint(rng.normal(0, scale)).astype(np.int32)
    return symbols, np.minimum(np.searchsorted(scales, scale), scales.size - 1).astype(np.int32)


def load_ans(where: Path) -> Any:
    """CompressAI's extension module, without the package around it."""
    found = [where] if where.is_file() else sorted(where.rglob("ans*.so"))
    if not found:
        sys.exit(f"no ans*.so below {where}; run: pip download --no-deps compressai==1.2.8, and unzip it there")
    loader = importlib.machinery.ExtensionFileLoader("ans", str(found[0]))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("ans", loader))
    loader.exec_module(module)
    return module


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compressai", type=Path, help="ans*.so of CompressAI, or a folder above it")
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--log-scale", type=float, default=-1.9, help="mean of log(scale) over channels")
    options = parser.parse_args()

    scales = np.exp(np.linspace(np.log(0.11), np.log(256), 64))
    arrays = gaussian_tables(scales)
    cdf, lengths, offsets = arrays
    symbols, indexes = latent(scales, options.log_scale)
    tables = CdfTables(*arrays)

    runs: dict[str, Any] = {}
    for lanes in LANES:
        data = encode(symbols, indexes, tables, lanes)
        assert np.array_equal(decode(data, indexes, tables, lanes), symbols)
        print(f"lanes {lanes}: {len(data)} bytes, {8 * len(data) / symbols.size:.3f} bit/symbol")
        runs[f"encode {lanes}"] = lambda lanes=lanes: encode(symbols, indexes, tables, lanes)
        runs[f"decode {lanes}"] = lambda lanes=lanes, data=data: decode(data, indexes, tables, lanes)
    if options.compressai:
        ans = load_ans(options.compressai)
        lists = cdf.tolist(), lengths.tolist(), offsets.tolist()
        encoder, decoder = ans.RansEncoder(), ans.RansDecoder()

        def theirs(coder: Any, first: Any) -> Any:
            return coder(first, indexes.ravel().tolist(), *lists)

        data = theirs(encoder.encode_with_indexes, symbols.ravel().tolist())
        assert data == encode(symbols, indexes, tables, lanes=1)
        runs["encode CompressAI"] = lambda: theirs(encoder.encode_with_indexes, symbols.ravel().tolist())
        runs["decode CompressAI"] = lambda: np.array(theirs(decoder.decode_with_indexes, data), np.int32)

    rounds = turns(runs, options.rounds)
    for name in runs:
        time_ms = 1e3 * statistics.median(row[name] for row in rounds)
        line = f"{name:18} {time_ms:8.3f} ms {symbols.size / time_ms / 1e3:8.1f} Msymbol/s"
        reference = f"{name.split()[0]} CompressAI"
        if reference in runs and name != reference:
            line += f" {statistics.median(row[reference] / row[name] for row in rounds):6.1f} x CompressAI"
        print(line)


if __name__ == "__main__":
    main()
