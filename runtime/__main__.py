"""The program `lic-run`, also `python -m licrt.runtime`."""

from __future__ import annotations

from licrt.runtime.interrupts import LeavingAtOnce, leave


def main() -> None:
    """Run `lic-run` with the arguments of the process."""
    try:
        with LeavingAtOnce():
            from licrt.runtime.cli import main as command
        command(prog_name="lic-run")
    except KeyboardInterrupt:  # in the moment between the two
        leave()


if __name__ == "__main__":
    main()
