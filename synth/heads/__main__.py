"""Render heads into a folder: `python -m synth.heads --seeds 0-99 --out DIR [--size 256] [--labels true]`."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from data.command import parse_seeds, run
from data.images import read_image, sheet, write_image
from synth.heads.folder import complete, make, picture_path
from synth.heads.render import check_size

ON_SHEET = 100  # pictures that the contact sheet shows at most
SHEET_SIDE = 128


def main(*, seeds: str, out: Path, size: int = 256, labels: bool = False) -> None:
    """Renders the heads of some seeds as PNG files with a contact sheet; files that are complete are kept.

    Args:
        seeds: numbers and ranges, such as 0-99,200
        out: folder of the pictures, made if it is missing
        size: side of the pictures in pixels, 16 to 1024
        labels: true also writes label maps (8-bit grey, CelebAMask-HQ order)
    """
    check_size(size)
    wanted = parse_seeds(seeds)
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out} is a file: name a folder.")
    out.mkdir(parents=True, exist_ok=True)
    missing = [seed for seed in wanted if not complete(out, seed, size, labels)]
    with tqdm(total=len(wanted), initial=len(wanted) - len(missing), unit="head") as bar:
        _render_all(missing, partial(make, out=out, size=size, labels=labels), bar)
    shown = [_thumbnail(picture_path(out, seed), size) for seed in wanted[:ON_SHEET]]
    write_image(sheet(np.stack(shown), columns=min(10, len(shown))), out / "sheet.png")


def _render_all(seeds: list[int], work: partial[int], bar: tqdm) -> None:
    """One process per core; a few heads are rendered right here, since starting processes takes longer."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores == 1 or len(seeds) <= 8:
        for seed in seeds:
            work(seed)
            bar.update()
        return
    pool = ProcessPoolExecutor(
        min(cores, len(seeds)),
        get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        for done in as_completed([pool.submit(work, seed) for seed in seeds]):
            done.result()
            bar.update()
    except BrokenProcessPool as error:
        raise OSError("a rendering process was killed: run the command again, it keeps what is complete.") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _thumbnail(path: Path, size: int) -> np.ndarray:
    side = min(SHEET_SIDE, size)
    return np.asarray(read_image(path).resize((side, side), Image.Resampling.BOX))


if __name__ == "__main__":
    run(main)
