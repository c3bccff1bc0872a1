"""One process is a world of size 1; torchrun makes it larger, on one machine or several that share a file system."""

from __future__ import annotations

import os

import torch.distributed as dist


def join_world() -> tuple[int, int]:
    """Joins the processes that torchrun has started, if any. Returns (rank, world size)."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        dist.init_process_group("gloo")
    return place()


def place() -> tuple[int, int]:
    """(rank, world size) of this process."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def meet() -> None:
    """Waits until all processes are here."""
    if dist.is_initialized():
        dist.barrier()


def leave_world() -> None:
    """Takes leave of the others; nothing to do in a world of size 1."""
    if dist.is_initialized():
        dist.destroy_process_group()


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
