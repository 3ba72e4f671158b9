"""Why an engine cannot be used: all that is wrong at once, so that nobody mends one thing to hear of the next."""

from __future__ import annotations

from licrt.runtime.errors import BackendError


class UnusableError(BackendError):
    """An engine or a device cannot be used.

    >>> UnusableError("no driver", "no onnxruntime")
    UnusableError('no driver; no onnxruntime')
    """

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons
