"""A block transform of pictures, written into convolutions: where the training of a fast model starts from."""

from __future__ import annotations

import math

import torch
from torch import Tensor

BLOCK = 8  # pixels

# Orthonormal: a gray axis, and two that are 0 on gray.
COLOURS = ((1, 1, 1), (1, 0, -1), (1, -2, 1))
CHROMA_RANK = 3.0  # a chroma frequency counts like a luma frequency so many times as high


def block_transform(channels: int) -> Tensor:
    """The first functions of an 8x8 DCT of luma and chroma: [channels, 3, 8, 8], orthonormal, low frequencies first.

    Ahmed, Natarajan and Rao, "Discrete cosine transform", IEEE Transactions on Computers 1974.

    >>> basis = block_transform(192).flatten(1)
    >>> torch.allclose(basis @ basis.T, torch.eye(192), atol=1e-5)
    True
    """
    position = torch.arange(BLOCK, dtype=torch.float64) + 0.5
    rows = torch.cos(math.pi / BLOCK * torch.arange(BLOCK)[:, None] * position) * math.sqrt(2 / BLOCK)
    rows[0] /= math.sqrt(2)
    colours = torch.tensor(COLOURS, dtype=torch.float64)
    colours = colours / colours.norm(dim=1, keepdim=True)
    functions = [torch.einsum("c,h,w->chw", colours[colour], rows[v], rows[u]) for colour, v, u in _ranked()]
    return torch.stack(functions[:channels]).float()


def merging_transform(channels: int, inputs: int) -> Tensor:
    """Haar functions of 2x2 neighbours of the block transform's channels: [channels, inputs, 2, 2], orthonormal.

    Those that are left out have the highest frequencies.

    >>> basis = merging_transform(16, 4).flatten(1)
    >>> torch.allclose(basis @ basis.T, torch.eye(16))
    True
    """
    basis = torch.zeros(channels, inputs, 2, 2)
    for row, (_, number, dv, du) in enumerate(_merged(inputs)[:channels]):
        signs = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
        basis[row, number] = torch.outer(signs[dv], signs[du]) / 2
    return basis


def merged_amplitudes(channels: int, inputs: int) -> Tensor:
    """Typical magnitude of each of these functions' coefficients, for pixels in 0…1: [channels].

    A power of the frequency that was fitted to photographs, which gave 3.3 times it; less, because what surrounds a
    block tells most of what is large in it.
    """
    ranks = torch.tensor([rank for rank, *_ in _merged(inputs)[:channels]])
    return 2.0 * ranks**-1.53


def _merged(inputs: int) -> list[tuple[float, int, int, int]]:
    """(rank, channel of the block transform, vertical, horizontal difference) of all merged functions, lowest first."""
    # Within odd frequencies of a block, the difference of two neighbours is the lower of the two new frequencies.
    found = []
    for number, (colour, v, u) in enumerate(_ranked()[:inputs]):
        for dv in (0, 1):
            for du in (0, 1):
                rank = _rank(colour, 2 * v + (dv ^ (v & 1)), 2 * u + (du ^ (u & 1)))
                found.append((rank, number, dv, du))
    return sorted(found)


def _ranked() -> list[tuple[int, int, int]]:
    """(colour, vertical, horizontal frequency) of all functions, the ones with most energy in pictures first."""
    every = [(colour, v, u) for colour in range(len(COLOURS)) for v in range(BLOCK) for u in range(BLOCK)]
    return sorted(every, key=lambda each: (_rank(*each), each))


def _rank(colour: int, v: int, u: int) -> float:
    return math.hypot(v + 0.5, u + 0.5) * (CHROMA_RANK if colour else 1.0)
