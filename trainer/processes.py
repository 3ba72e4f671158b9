"""One process that trains, or several that train one model together, as torchrun starts them.

Several are led by Lightning Fabric. One process needs nothing of it, and does without: importing it takes longer than
importing torch, and it brings ten packages.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch

from licrt.runtime.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn


class Processes:
    """What a process knows of the others that train the same model; this one is alone.

    Attributes:
        device: of this process.
        rank: its number, from zero; only number zero writes files.
        world: how many there are. Each takes its part of every batch.
    """

    rank = 0
    world = 1

    def __init__(self, device: torch.device) -> None:
        self.device = device

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def wrap(self, module: nn.Module, alike: Sequence[nn.Parameter]) -> nn.Module:
        """The same module, whose gradients will be means over the processes.

        Args:
            module: on the device of this process, with the same parameters in all.
            alike: parameters whose gradients are the same in all processes anyway.
        """
        del alike
        return module

    def mean(self, values: Tensor) -> Tensor:
        """Means over the processes of values that each has, of one shape."""
        return values

    def total(self, values: Tensor) -> Tensor:
        """Sums over the processes of values that each has, of one shape."""
        return values

    def join(self, rows: Tensor) -> Tensor:
        """The rows of all processes, in the order of their numbers; each has equally many."""
        return rows

    def leave(self) -> None:
        """Wait for the others to get here, and part from them."""


class FabricProcesses(Processes):
    """Several processes, on one machine or more, led by Lightning Fabric: gloo on CPUs, NCCL on GPUs."""

    def __init__(self, device: str, *, all_used: bool) -> None:
        from lightning_fabric import Fabric
        from lightning_fabric.plugins.environments import TorchElasticEnvironment
        from lightning_fabric.strategies import DDPStrategy

        here = int(os.environ["LOCAL_WORLD_SIZE"])
        world = int(os.environ["WORLD_SIZE"])
        self._fabric = Fabric(
            accelerator=device,
            devices=here,
            num_nodes=world // here,
            strategy=DDPStrategy(find_unused_parameters=not all_used),
            plugins=[TorchElasticEnvironment()],
        )
        self._fabric.launch()
        super().__init__(self._fabric.device)
        self.rank, self.world = self._fabric.global_rank, self._fabric.world_size

    def wrap(self, module: nn.Module, alike: Sequence[nn.Parameter]) -> nn.Module:
        """As :meth:`Processes.wrap`."""
        for parameter in alike:  # those without a gradient are left to themselves
            parameter.requires_grad_(False)
        wrapped = self._fabric.setup_module(module)
        for parameter in alike:
            parameter.requires_grad_(True)
        return wrapped

    def mean(self, values: Tensor) -> Tensor:
        """As :meth:`Processes.mean`."""
        return self._fabric.all_reduce(values.clone(), reduce_op="mean")

    def total(self, values: Tensor) -> Tensor:
        """As :meth:`Processes.total`."""
        return self._fabric.all_reduce(values.to(self.device, copy=True), reduce_op="sum").to(values.device)

    def join(self, rows: Tensor) -> Tensor:
        """As :meth:`Processes.join`."""
        return self._fabric.all_gather(rows.to(self.device)).flatten(0, 1).to(rows.device)

    def leave(self) -> None:
        """As :meth:`Processes.leave`."""
        self._fabric.barrier()
        torch.distributed.destroy_process_group()


def open_processes(device: str, *, all_used: bool) -> Processes:
    """The processes of this run: those that torchrun started, or this one alone.

    Args:
        device: ``auto``, or any device of torch; with several processes one without a number.
        all_used: whether every parameter has a gradient from every batch; finding out costs several processes time.

    Raises:
        BackendError: the device is not there, or Lightning Fabric is missing and several processes need it.
    """
    chosen = pick_device(device)
    world = os.environ.get("WORLD_SIZE", "1")
    if world == "1":
        return Processes(chosen)
    try:
        return FabricProcesses(chosen.type, all_used=all_used)
    except ModuleNotFoundError as error:
        raise BackendError(
            f"{world} processes need Lightning Fabric, and {error.name} is missing."
            " Run: pip install 'licrt[distributed]'"
        ) from error


def pick_device(name: str) -> torch.device:
    """The device of a name; ``auto`` is CUDA where there is one, else the CPU.

    Raises:
        BackendError: it is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # torch asserts where it was built without CUDA
        raise BackendError(f"no device {name!r}: {str(error).splitlines()[0]}. Pass device=cpu") from error
