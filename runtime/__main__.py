"""The program `lic-run`, also `python -m licrt.runtime`."""

from __future__ import annotations

import signal

from licrt.runtime.interrupts import LeavingAtOnce, Terminated, end_tidily_when_asked, leave


def main() -> None:
    """Run `lic-run` with the arguments of the process."""
    try:
        end_tidily_when_asked()
        with LeavingAtOnce():
            from licrt.runtime.cli import main as command
        command(prog_name="lic-run")
    except Terminated:  # in the moments between
        leave(signal.SIGTERM)
    except KeyboardInterrupt:
        leave()


if __name__ == "__main__":
    main()
