"""Where a process stands: its cores, its device, and the other processes that torchrun has started with it.

One process is a world of size 1; torchrun makes it larger, on one machine or several that share a file system.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def device_of(name: str | torch.device | None) -> torch.device:
    """The device that --device names, None: CUDA where there is one; ValueError when this machine does not have it.

    Under torchrun a CUDA device without a number is this process's own.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    try:
        device = torch.device(name or ("cuda" if gpus else "cpu"))
    except RuntimeError as error:
        raise ValueError(f"--device is {name}: it must be cpu, cuda or the number of one, such as cuda:1") from error
    if device.type == "cpu":
        if device.index is not None:
            raise ValueError(f"--device is {name}: it must be cpu, cuda or the number of one, such as cuda:1")
        return torch.device("cpu")
    if device.type != "cuda" or (device.index or 0) >= gpus:
        raise ValueError(f"--device is {name}, but this machine has {gpus} CUDA devices: give cpu, or leave it out")
    if device.index is None and world_size() > 1:
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % gpus)
    return device


def world_size() -> int:
    """How many processes torchrun has started, 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def join_world(backend: str = "gloo") -> tuple[int, int]:
    """Joins the processes that torchrun has started, if any. Returns (rank, world size)."""
    if world_size() > 1 and not dist.is_initialized():
        dist.init_process_group(backend)
    return place()


def place() -> tuple[int, int]:
    """(rank, world size) of this process."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def meet() -> None:
    """Waits until all processes are here."""
    if dist.is_initialized():
        dist.barrier()


def from_process(source: int, tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor of the process `source`, in all of them; the others give one of its shape and type.

    device: where tensors can be sent from: NCCL carries those of GPUs alone.
    """
    if not dist.is_initialized():
        return tensor
    sent = tensor.to(device).contiguous()  # processes send memory as it lies
    dist.broadcast(sent, source)
    return sent.to(tensor.device)


def leave_world() -> None:
    """Takes leave of the others; nothing to do in a world of size 1."""
    if dist.is_initialized():
        dist.destroy_process_group()


def settle() -> None:
    """Settings under which a seed gives the same bits in every process: one thread, float32, fixed kernels."""
    torch.set_num_threads(1)
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = False, True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch works on one core in here: the faster way for many small operations, where threads mostly wait."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def settled() -> Iterator[None]:
    """`settle` for a while, then the caller's own settings again."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, matmul.allow_tf32
    with one_thread():
        settle()
        try:
            yield
        finally:
            cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, matmul.allow_tf32 = before
