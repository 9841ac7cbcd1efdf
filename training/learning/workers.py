"""Worker processes: one thread each, gradients averaged over gloo (CPU) or nccl (GPU).

On a CPU, n processes of one thread train faster than one process of n threads (physics, observation and the prior are
batched within a process, so nothing is left to share). Under `torchrun` the processes are already there and this file
only joins their group; otherwise `launch` starts them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


@dataclass(frozen=True)
class Worker:
    """Which of how many processes this is."""

    rank: int
    world: int

    @property
    def leads(self) -> bool:
        """Whether this process writes logs and checkpoints."""
        return self.rank == 0

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Return the mean of `values` over all workers; every worker must call."""
        if self.world > 1:
            dist.all_reduce(values)
            values /= self.world
        return values

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any worker; every worker must call."""
        return bool(self.mean(torch.tensor([float(flag)])).item() > 0)


def under_torchrun() -> bool:
    """Whether torchrun (or another launcher that sets its variables) started this process."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def available_cores() -> int:
    """Cores this process may run on (its affinity, not the machine's count)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def launch(processes: int, work: Callable[..., None], *arguments: object) -> None:
    """Call `work(worker, *arguments)` in `processes` processes (0: one a core) and wait for all of them.

    Under torchrun it is called once, here, as the rank that torchrun gave. An exception in any worker ends all and is
    raised here.
    """
    if under_torchrun():
        _join(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), None, work, arguments)
        return
    count = processes or available_cores()
    if count == 1:
        _join(0, 1, None, work, arguments)
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mp.spawn(_join, args=(count, f"tcp://127.0.0.1:{port}", work, arguments), nprocs=count)


def _join(
    rank: int, world: int, address: str | None, work: Callable[..., None], arguments: tuple[object, ...]
) -> None:
    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group("gloo", init_method=address, rank=rank, world_size=world)
    try:
        work(Worker(rank, world), *arguments)
    finally:
        if world > 1:
            dist.destroy_process_group()
