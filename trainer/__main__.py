"""``python -m licrt.trainer`` is ``train-model``."""

from licrt.trainer.cli import main

main(prog_name="train-model")
