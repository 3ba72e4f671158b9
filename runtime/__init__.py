"""Encode and decode pictures with learned codecs, without a training stack.

    from licrt.runtime import Codec, available_models, read_info, decode

Names load on first use, so that importing this package costs nothing: ``lic-run --help`` needs no numpy.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing takes as long to load as all that is needed to answer an interrupt
if TYPE_CHECKING:
    from licrt.runtime.codec import Codec
    from licrt.runtime.container import read_info
    from licrt.runtime.models import available_models
    from licrt.runtime.shared import decode

__all__ = ["Codec", "__version__", "available_models", "decode", "read_info"]

__version__ = "0.1.0"

_HOME = {"Codec": "codec", "decode": "shared", "read_info": "container", "available_models": "models"}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
