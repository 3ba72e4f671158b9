"""Export: a trained checkpoint becomes a bundle that the runtime decodes without a training stack.

    from licrt.export import Labels, Parts, export_bundle

Names load on first use, so that importing this package costs nothing: ``export-model --help`` needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from licrt.export.bundle import Labels, export_bundle
    from licrt.export.parts import Parts, parts_of
    from licrt.trainer.models.context import ContextGroup

__all__ = ["ContextGroup", "Labels", "Parts", "export_bundle", "parts_of"]

_HOME = {
    "ContextGroup": "licrt.trainer.models.context",
    "Labels": "licrt.export.bundle",
    "Parts": "licrt.export.parts",
    "export_bundle": "licrt.export.bundle",
    "parts_of": "licrt.export.parts",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
