"""PyTorch models of learned image compression: layers, entropy models, architectures, checkpoints, training.

Names and state dicts are CompressAI's, so its checkpoints load (:func:`licrt.trainer.checkpoint.load_checkpoint`) and
models trained here load there. Nothing is imported until it is asked for: ``train-model --help`` needs no torch.
"""
