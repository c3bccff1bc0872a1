"""What a shard of sampled faces contains, and how one is made.

Synthesis always runs a whole micro-batch, the last one padded: together with one thread per process this makes the same
seed the same picture, bit for bit on one machine, in any shard and order. (Batch sizes and thread counts change the
order of sums, and with it pixels.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import interpolate

from data.command import format_seeds
from data.images import to_pixels
from data.shards import Array, shard_path, write_arrays
from synth.networks import Generator
from synth.seeds import latents

DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}


@dataclass(frozen=True)
class Sampling:
    """What decides the content of the shards, and nothing else."""

    generator: str  # "builtin" or a path
    psi: float  # truncation: 1 none, 0 always the mean face
    noise: str  # "const" or "none"
    image_size: int  # pixels per side
    shard_size: int  # seeds per shard
    micro_batch: int  # images per pass
    generator_sha256: str
    dtype: str = "fp32"  # of the synthesis, see load_generator
    label: int | None = None  # class, for a conditional generator
    compiled: bool = False  # the synthesis by torch.compile

    def attrs(self, seeds: list[int], device: str) -> dict[str, Any]:
        """The attributes of a shard: nothing that differs between two runs that make it (time, host, workers)."""
        name = self.generator if self.generator == "builtin" else Path(self.generator).name
        command = f"python -m synth.sample --generator {name} --seeds {format_seeds(seeds)}"
        for flag in ("psi", "noise", "image_size", "shard_size", "micro_batch", "dtype"):
            command += f" --{flag.replace('_', '-')} {getattr(self, flag)}"
        label = {}
        if self.label is not None:
            command += f" --label {self.label}"
            label = {"label": self.label}
        if self.compiled:
            command += " --compile"
        return {
            **label,
            "generator_sha256": self.generator_sha256,
            "psi": float(self.psi),
            "noise": self.noise,
            "image_size": self.image_size,
            "shard_size": self.shard_size,
            "micro_batch": self.micro_batch,
            "dtype": DTYPES[self.dtype],
            "compiled": self.compiled,
            "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else "cpu",
            "command": command,
            **{f"version_{package}": _version(package) for package in ("hairnet", "torch", "numpy", "h5py")},
        }


def make_shard(
    G: Generator, sampling: Sampling, out: Path, index: int, seeds: list[int], done: Callable[[int], None]
) -> None:
    """Writes one shard; `done(n)` is called after every n images, and done(0) while there are none yet."""
    device = G.w_avg.device
    padded = np.asarray(seeds + seeds[-1:] * (-len(seeds) % sampling.micro_batch)).reshape(-1, sampling.micro_batch)
    w = torch.empty(*padded.shape, G.w_dim, device=device)  # not ws: of a million faces at 1024 px they take 37 GB
    for rows, batch in zip(w, padded, strict=True):
        z = latents(batch.tolist(), G.z_dim).to(device)
        rows.copy_(G.mapping(z, psi=sampling.psi, label=sampling.label)[:, 0])
        done(0)

    def pictures() -> Iterator[torch.Tensor]:
        for rows in w:
            x = G.synthesis(rows[:, None].repeat(1, G.num_ws, 1), noise=sampling.noise)
            if sampling.image_size != x.shape[-1]:
                x = interpolate(x, size=(sampling.image_size, sampling.image_size), mode="area")
            yield to_pixels(x)

    def images() -> Iterator[np.ndarray]:
        left = len(seeds)
        for batch in _fetched(pictures()):
            yield batch[:left]
            done(min(left, len(batch)))
            left -= len(batch)

    shape = (len(seeds), sampling.image_size, sampling.image_size, 3)
    arrays: dict[str, Array] = {
        "seed": np.asarray(seeds, np.int64),
        "w": w.flatten(0, 1)[: len(seeds)].cpu().numpy(),
        "image": (shape, np.uint8, images()),
    }
    write_arrays(shard_path(out, index), arrays, sampling.attrs(seeds, str(device)))


def _fetched(batches: Iterable[torch.Tensor]) -> Iterator[np.ndarray]:
    """Tensors of any device as arrays, one behind: a GPU makes the next batch while this one is copied and written."""
    waiting: tuple[torch.Tensor, torch.cuda.Event | None] | None = None
    for batch in batches:
        host = batch.to("cpu", non_blocking=True)
        event = torch.cuda.current_stream(batch.device).record_event() if batch.is_cuda else None
        if waiting is not None:
            yield _landed(*waiting)
        waiting = host, event
    if waiting is not None:
        yield _landed(*waiting)


def _landed(host: torch.Tensor, event: torch.cuda.Event | None) -> np.ndarray:
    if event is not None:
        event.synchronize()
    return host.numpy()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"
