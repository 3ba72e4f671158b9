"""CompressAI's half of trainer_parity.py: its models, loss and optimisers, with the settings of its examples/train.py.

Read by CompressAI's Python. A session: ``start`` a model, then take ``steps``.
"""

import time

import numpy as np
import torch
from compressai.losses import RateDistortionLoss
from compressai.optimizers import net_aux_optimizer
from oracle_models import model_from

# The one model of this process and what trains it.
_session = {}


def start(arch, lmbda, learning_rate, aux_learning_rate, clip_norm, threads, **arrays):
    """Begin with the state dict among the arrays."""
    torch.set_num_threads(threads)
    model = model_from(arch, arrays).train()
    rates = {"net": {"type": "Adam", "lr": learning_rate}, "aux": {"type": "Adam", "lr": aux_learning_rate}}
    optimizers = net_aux_optimizer(model, rates)
    _session.update(arch=arch, model=model, **optimizers, loss=RateDistortionLoss(lmbda), clip_norm=clip_norm)
    return {}


def steps(batches, seeds):
    """One update per batch [steps, batch, 3, height, width], noise from its seed: losses and processor seconds."""
    losses, seconds = [], []
    for batch, seed in zip(torch.from_numpy(batches), seeds, strict=True):
        begin = time.process_time()
        torch.manual_seed(seed)
        losses.append(_step(batch.float() / 255))
        seconds.append(time.process_time() - begin)
    return {"losses": np.array(losses), "seconds": np.array(seconds)}


def gradients(batch, seed, **arrays):
    """Gradients of the loss of one batch, at the weights among the arrays: no update."""
    model = model_from(_session["arch"], arrays).train()
    torch.manual_seed(seed)
    x = torch.from_numpy(batch).float() / 255
    _session["loss"](model(x), x)["loss"].backward()
    return {name: each.grad.numpy() for name, each in model.named_parameters() if each.grad is not None}


def _step(x):
    model, net, aux = _session["model"], _session["net"], _session["aux"]
    net.zero_grad()
    aux.zero_grad()
    losses = _session["loss"](model(x), x)
    losses["loss"].backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), _session["clip_norm"])
    net.step()
    aux_loss = model.aux_loss()
    aux_loss.backward()
    aux.step()
    return losses["loss"].item()


CALLS = {"start": start, "steps": steps, "gradients": gradients}
