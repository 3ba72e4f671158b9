"""Keys of the entropy bottleneck as CompressAI once wrote them."""

from __future__ import annotations


def first_generation(key: str) -> str:
    """Key of the published files."""
    for now, then in (("matrices.", "_matrices."), ("biases.", "_biases."), ("factors.", "_factors.")):
        key = key.replace(now, then)
    return key


def second_generation(key: str) -> str:
    """Key of CompressAI up to 1.2.6, as after its own renaming of the first."""
    for now, then in (("matrices.", "_matrix"), ("biases.", "_bias"), ("factors.", "_factor")):
        key = key.replace(now, then)
    return key
