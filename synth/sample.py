"""Faces from noise: seeds in, shards of (seed, w, image) out (data/shards.py says what a shard is).

    python -m synth.sample --generator builtin --seeds 0-4095 --out runs/demo/faces            all cores, or all GPUs
    torchrun --nproc-per-node 8 -m synth.sample --generator ffhq.pkl --seeds 0-999999 --out ... more GPUs, more machines

The shard files are the only coordination. Shard k owns the seeds [k S, (k+1) S) of those asked for, whoever makes it; a
complete one is skipped, so the same command again goes on where it was stopped. Workers are processes of one thread, so
that their number does not change a bit of the shards.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import time
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any, Literal

import torch

from data import archive
from data.command import parse_seeds, run, sentence
from data.files import check_file_place, check_folder_place, sweep_temporaries, write_json
from data.progress import Progress
from data.shards import MAX_SHARD_SIZE, check_same, read_arrays, read_attrs, shard_index, shard_paths
from data.workers import MALLOC, deaf_to_ctrl_c
from data.world import cores, device_of, settle, world_size
from synth.generator import load_generator, precision_error
from synth.seeds import check_psi, latents
from synth.shard import Sampling, make_shard

ERROR_FACES = 4  # of these, how far another dtype is from fp32


def main(
    *,
    generator: str = "builtin",
    seeds: str,
    out: Path,
    psi: float = 1.0,
    noise: Literal["const", "none"] = "const",
    image_size: int | None = None,
    shard_size: int = 4096,
    workers: int | None = None,
    micro_batch: int = 16,
    dtype: Literal["fp32", "fp16", "bf16"] = "fp32",
    label: int | None = None,
    compile: bool = False,
    device: str | None = None,
    export_zip: Path | None = None,
) -> None:
    """Samples faces into shards: out/shard-00000.h5 with seed, w and image of each.

    Stopped at any moment, the same command goes on with the shards that are missing. Under torchrun every process makes
    its share of the shards; the figures in out/sample.json are then those of the first process.

    Args:
        generator: "builtin" or a file (python -m synth.inspect FILE tells whether it is read)
        seeds: numbers and ranges, both ends included: 0-99999 or 0-99,200
        out: folder of the shards; it may hold complete ones of the same making
        psi: truncation towards the mean w: 1 none, 0 always the mean face; -2 to 2
        noise: the stored noise of each layer, or none
        image_size: side of the stored images in pixels, area-averaged from the generator's; left out: the generator's
        shard_size: seeds per shard, 1 to 1000000; it decides which file owns a seed
        workers: processes of one thread each; left out: one per core, or one per GPU
        micro_batch: images per pass, 1 to 1024; another one may change last bits
        dtype: fp32, fp16 as an NVIDIA file says, bf16 fast; the error of the last two is measured and printed
        label: class of a class-conditional generator, from 0
        compile: torch.compile first, 1 minute or so per worker; for GPUs, as fp32 on a CPU is slower by it; may change
            last bits
        device: cpu, cuda or cuda:1; left out: every GPU if there is one
        export_zip: also write all faces of the folder as a zip in the layout of NVIDIA's dataset_tool
    """
    if export_zip is not None:
        _check_zip(export_zip, image_size)
    figures = sample(
        generator,
        parse_seeds(seeds, "--seeds"),
        out,
        psi=psi,
        noise=noise,
        image_size=image_size,
        shard_size=shard_size,
        workers=workers,
        micro_batch=micro_batch,
        dtype=dtype,
        label=label,
        compile=compile,
        device=device,
    )
    if _rank() == 0:
        if figures["made"] or not (out / "sample.json").exists():  # else what was measured stays
            write_json(out / "sample.json", figures)
        if error := figures["dtype_error"]:
            print(f"{dtype} is within {error['largest']:.1e} of fp32 (rms {error['rms']:.1e}, of [-1, 1], first faces)")
        print(f"{figures['made']} images made, {figures['found']} were there, in {out}")
        if export_zip is not None:
            archive.export_zip(out, export_zip)
            print(f"{export_zip}: all images of {out}")


def sample(
    generator: str,
    seeds: list[int],
    out: str | Path,
    *,
    psi: float = 1.0,
    noise: str = "const",
    image_size: int | None = None,
    shard_size: int = 4096,
    workers: int | None = None,
    micro_batch: int = 16,
    dtype: str = "fp32",
    label: int | None = None,
    compile: bool = False,
    device: str | None = None,
) -> dict[str, Any]:
    """Makes the shards of `seeds` in `out` (arguments as in `main`); returns the figures of this process.

    Raises ValueError before any work when a flag is out of range or `out` holds shards of another making.
    """
    out = Path(out)
    check_folder_place(out)
    check_psi(psi)
    _check_range("--shard-size", shard_size, 1, MAX_SHARD_SIZE)
    _check_range("--micro-batch", micro_batch, 1, 1024)
    _check_range("--workers", workers, 1, 1024)
    devices = _devices(device, workers)
    G = load_generator(generator, device="cpu", dtype=dtype)
    _check_range("--image-size", image_size, 1, G.resolution, f" (the side of what {generator} makes)")
    assert G.sha256 is not None, "a loaded generator knows the sha256 of its file"
    z = latents(sorted(seeds)[:ERROR_FACES], G.z_dim)
    _check_label(label, G.mapping.c_dim, generator)
    ws = G.mapping(z, psi=psi, label=label)
    size = image_size or G.resolution
    sampling = Sampling(generator, psi, noise, size, shard_size, micro_batch, G.sha256, dtype, label, compile)

    wanted: dict[int, list[int]] = {}
    for seed in sorted(seeds):
        wanted.setdefault(seed // shard_size, []).append(seed)
    missing = _missing(out, sampling, wanted)
    _check_space(out, sampling, sum(len(wanted[index]) for index in missing))
    # Shared by position among all shards, not among the missing ones: processes may look while others are writing.
    own = sorted(wanted)[_rank() :: world_size()]
    todo = {index: wanted[index] for index in own if index in missing}

    error = precision_error(G.to(devices[0]), ws.to(devices[0]), noise) if todo and dtype != "fp32" else None
    started = time.monotonic()
    made = sum(map(len, todo.values()))
    if todo:
        sweep_temporaries(out)
        _run_workers(sampling, out, todo, devices[: len(todo)])
    seconds = time.monotonic() - started
    found = sum(len(wanted[index]) for index in own) - made
    rate = made / seconds if made else None
    figures = {"made": made, "found": found, "seconds": seconds, "images_per_second": rate}
    return {**figures, "processes": world_size(), "devices": devices, "dtype_error": error}


def _run_workers(sampling: Sampling, out: Path, todo: dict[int, list[int]], devices: list[str]) -> None:
    """Makes the shards in one spawned process per device, shows their progress, passes on their errors."""
    context = multiprocessing.get_context("spawn")
    progress, errors = context.Value("q", 0), context.SimpleQueue()
    shares = [{index: todo[index] for index in list(todo)[k :: len(devices)]} for k in range(len(devices))]
    processes = [
        context.Process(target=_work, args=(sampling, out, share, device, progress, errors), daemon=True)
        for share, device in zip(shares, devices, strict=True)
    ]
    for name, value in MALLOC.items():
        os.environ.setdefault(name, value)
    try:
        with deaf_to_ctrl_c():
            for process in processes:
                process.start()
        with Progress(total=sum(map(len, todo.values())), unit="images", disable=_rank() > 0) as bar:
            while any(process.is_alive() for process in processes):
                processes[0].join(0.2)
                bar.update(progress.value - bar.n)
                _raise_failure(processes, errors)
            bar.update(progress.value - bar.n)
        _raise_failure(processes, errors)
    finally:
        running = [process for process in processes if process.pid is not None]
        for process in running:
            process.terminate()
        for process in running:
            process.join()


def _work(
    sampling: Sampling, out: Path, share: dict[int, list[int]], device: str, progress: Any, errors: SimpleQueue
) -> None:
    """One worker: a process of one thread that makes its share of the shards."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # this way no temporary file stays behind
    parent = multiprocessing.parent_process()

    def done(count: int) -> None:
        if parent is None or os.getppid() != parent.pid:
            sys.exit(1)  # the parent was killed, and the same command may be running again
        with progress.get_lock():
            progress.value += count

    try:
        settle()
        G = load_generator(sampling.generator, device=device, dtype=sampling.dtype)
        with torch.inference_mode():
            if sampling.compiled:
                G.synthesis.compile(dynamic=False)
            if G.sha256 != sampling.generator_sha256:
                raise ValueError(f"{sampling.generator} changed while the command was starting: run it again")
            for index, seeds in share.items():
                make_shard(G, sampling, out, index, seeds, done)
    except (ValueError, OSError) as error:
        errors.put(sentence(error))
        sys.exit(1)


def _raise_failure(processes: list[Any], errors: SimpleQueue) -> None:
    codes = [process.exitcode for process in processes]
    if any(codes):
        if not errors.empty():
            raise OSError(errors.get())
        raise ChildProcessError(f"a worker ended with code {max(codes, key=abs)}: run the command again to go on")


def _missing(out: Path, sampling: Sampling, wanted: dict[int, list[int]]) -> set[int]:
    """The shards that are not there yet; ValueError when one that is there was made otherwise."""
    expected = sampling.attrs([0], "cpu")
    missing = set(wanted)
    for path in shard_paths(out):
        check_same(read_attrs(path), expected, path)
        index = shard_index(path)
        if index in missing:
            absent = len(set(wanted[index]) - set(read_arrays(path, ["seed"])["seed"].tolist()))
            if absent:
                raise ValueError(f"{path} lacks {absent} of the seeds asked for: delete it or give another --out")
            missing.remove(index)
    return missing


def _devices(device: str | None, workers: int | None) -> list[str]:
    """One entry per worker process."""
    local, count = int(os.environ.get("LOCAL_RANK", 0)), int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    if device_of(device).type == "cpu":
        return ["cpu"] * (workers or max(1, cores() // count))
    if workers is not None:
        raise ValueError("--workers is for the CPU, a GPU has one process: leave it out or give --device cpu")
    if device is not None and torch.device(device).index is not None:
        return [device]
    gpus = torch.cuda.device_count()
    return [f"cuda:{k}" for k in range(gpus)][local % gpus :: count]


def _check_range(flag: str, value: int | None, low: int, high: int, reason: str = "") -> None:
    if value is not None and not low <= value <= high:
        raise ValueError(f"{flag} is {low} to {high}{reason}, not {value}")


def _check_label(label: int | None, classes: int, generator: str) -> None:
    if classes == 0 and label is not None:
        raise ValueError(f"--label is {label}, but {generator} has no classes: leave it out")
    if classes and (label is None or not 0 <= label < classes):
        given = "missing" if label is None else str(label)
        raise ValueError(f"--label is {given}, but {generator} has {classes} classes: give one from 0 to {classes - 1}")


def _check_zip(path: Path, image_size: int | None) -> None:
    """Before any sampling, and so that no file of another kind is overwritten."""
    if world_size() > 1:
        raise ValueError("--export-zip waits for all shards: run the command again with it, without torchrun, after")
    if path.suffix.lower() != ".zip":
        raise ValueError(f"--export-zip {path} is not a name for a zip: end it in .zip")
    if image_size is not None and image_size & (image_size - 1):  # a generator's own size is a power of two
        raise ValueError(
            f"--image-size is {image_size}, but --export-zip takes powers of two: give one, or leave it out"
        )
    check_file_place(path, "--export-zip")


def _check_space(out: Path, sampling: Sampling, images: int) -> None:
    needed = images * 3 * sampling.image_size**2
    folder = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ValueError(f"--out {out} has {free / 1e9:.1f} GB free and {needed / 1e9:.1f} GB are needed: make room")


def _rank() -> int:
    return int(os.environ.get("RANK", 0))


if __name__ == "__main__":
    run(main)
