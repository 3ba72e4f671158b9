"""What stands in for an accelerator where there is none: ONNX Runtime on the CPU, by a clock in which it is fast."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING
from unittest.mock import patch

from licrt.runtime import carried
from licrt.runtime.backends.onnxruntime_cpu import OnnxRuntimeCpu

if TYPE_CHECKING:
    from collections.abc import Iterator

# A size that comes for the first time is not tried, the second time it is tested, and from then on it is used.
TIMES_UNTIL_USED = 3


class Accelerator(OnnxRuntimeCpu):
    """Runs the float-carried hyper-synthesis when decoding, as accelerators do."""

    accelerated = True


@contextmanager
def always_faster() -> Iterator[None]:
    """Let every hyper-synthesis that passes its test be used, whatever time it takes."""
    times = (float(10 * test + second) for test in count() for second in (0, 2, 4, 5))  # 2 against 1
    with patch.object(carried, "perf_counter", lambda: next(times)):
        yield
