"""``python -m licrt.trainer.data``."""

from licrt.trainer.data.cli import main

if __name__ == "__main__":
    main(prog_name="python -m licrt.trainer.data")
