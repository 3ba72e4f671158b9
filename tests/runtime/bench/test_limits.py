"""The probe of the machine's limits."""

from __future__ import annotations

import os
import signal
from contextlib import closing

import pytest

from licrt.runtime.bench.limits import Probe
from licrt.runtime.errors import BackendError


def test_rates_are_those_of_a_machine() -> None:
    with closing(Probe(1)) as probe:
        limits = probe.measure()
        assert 1e8 < probe.product_rate() < 1e14
        assert 1e8 < probe.measure().flop_rate < 1e14
    assert 1e8 < limits.flop_rate < 1e14
    assert 1e7 < limits.byte_rate < 1e13


def test_a_probe_that_was_killed_says_so() -> None:
    with closing(Probe(1)) as probe:
        os.kill(probe._process.pid, signal.SIGKILL)
        with pytest.raises(BackendError, match="leave --roofline out"):
            probe.measure()
