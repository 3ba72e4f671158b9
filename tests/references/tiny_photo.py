"""Pictures made from a seed."""

from __future__ import annotations

import numpy as np


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth random colours with some noise, uint8 [height, width, 3]."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = [
        np.sin(rows[..., None] * rng.uniform(0.02, 0.3, 3) + columns[..., None] * rng.uniform(0.02, 0.3, 3) + phase)
        for phase in rng.uniform(0, 6, 4)
    ]
    return np.clip(128 + 40 * sum(waves) + rng.normal(0, 8, (height, width, 3)), 0, 255).astype(np.uint8)
