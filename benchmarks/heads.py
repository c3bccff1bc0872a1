"""What the renderer of heads promises: faces that a detector finds, poses, speed, labels; on seeds used nowhere else.

    python -m benchmarks.heads                  # all figures, some minutes on two cores
    python -m benchmarks.heads --count 40       # rough ones

Detection is facenet-pytorch's MTCNN as it comes, on pictures as they are rendered. "Independent" heads draw every
factor evenly from [0, 1] without a crowd's ties: half of them wear a beanie, half glasses, half have dyed hair.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from pathlib import Path

import numpy as np
import torch
from facenet_pytorch import MTCNN

from data.command import run
from data.files import write_json
from synth.heads import FACTOR_NAMES, LABEL_NAMES, Head, render, render_poses
from synth.heads.factors import GROUPS
from synth.heads.render import majority

FIRST = 30_000_000  # first seed: no set for training reaches it
FOUND = 0.95  # MTCNN's probability from which a face counts as found
POSES = [(-30.0, 5.0), (-10.0, -5.0), (15.0, 8.0), (40.0, 0.0)]  # yaw, pitch in degrees


def independent(seed: int) -> Head:
    """A head whose factors are all drawn evenly and on their own."""
    stream = random.Random(f"independent heads/{seed}")
    drawn = {}
    for group, names in FACTOR_NAMES.items():
        values = {name: stream.random() for name in names}
        drawn[group] = GROUPS[group](**values, noise=stream.getrandbits(31))
    return Head(**drawn)


def detection(heads: list[Head], size: int) -> tuple[float, float]:
    """Share of heads with a face found at p >= FOUND; correlation of the nose's offset with the true yaw."""
    detector = MTCNN(keep_all=True, device=torch.device("cpu"))
    found, offsets, yaws = 0, [], []
    for head in heads:
        picture = render(head, size)
        _, probabilities, points = detector.detect(picture.image, landmarks=True)
        if points is None:
            continue
        best = int(np.argmax(probabilities))
        found += probabilities[best] >= FOUND
        left, right, nose = points[best][:3]
        along = right - left
        offsets.append(float((nose - (left + right) / 2) @ along / max(1e-6, along @ along)))
        yaws.append(picture.yaw)
    return found / len(heads), float(np.corrcoef(offsets, yaws)[0, 1])


def speed(count: int, size: int) -> dict[str, float]:
    """Images per second with one process per core, and seconds of one core per image."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    tasks = [(FIRST + seed, size) for seed in range(count)]
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        pool.map(_render_one, tasks[: 2 * cores], chunksize=1)  # processes are up and warm
        start = time.perf_counter()
        cpu = sum(pool.imap_unordered(_render_one, tasks))
        wall = time.perf_counter() - start
    return {"images/s": count / wall, "cores": cores, "core seconds per image": cpu / count}


def _render_one(task: tuple[int, int]) -> float:
    start = time.process_time()
    render(Head.sample(task[0]), task[1])
    return time.process_time() - start


def poses(count: int, size: int) -> dict[int, float]:
    """Time of two, three and four poses of a head together, over that of one."""
    spent = dict.fromkeys(range(1, len(POSES) + 1), 0.0)
    render(Head.sample(FIRST), size)  # what is computed once per process
    for seed in range(FIRST, FIRST + count):
        for number in spent:
            start = time.process_time()
            render_poses(Head.sample(seed), POSES[:number], size)
            spent[number] += time.process_time() - start
    return {number: seconds / spent[1] for number, seconds in spent.items() if number > 1}


def labels(count: int) -> tuple[float, dict[str, float]]:
    """Pixel agreement of 256 px labels, reduced as the renderer reduces its samples, with 128 px labels; and the share
    of heads at 128 px that show each label."""
    agreement, seen = [], np.zeros(len(LABEL_NAMES))
    for seed in range(FIRST, FIRST + count):
        head = Head.sample(seed)
        small = render(head, 128).labels
        reduced = majority(torch.from_numpy(render(head, 256).labels).long(), 2)
        agreement.append((small == reduced).mean())
        seen += np.bincount(small.reshape(-1), minlength=len(LABEL_NAMES)) > 0
    return float(np.mean(agreement)), dict(zip(LABEL_NAMES, (seen / count).tolist(), strict=True))


def main(*, count: int = 400, out: Path = Path("runs/benchmarks/heads.json")) -> None:
    """Prints every figure of the renderer.

    Args:
        count: heads per figure of detection, at least 10; the other figures take a quarter of them
        out: the same figures as JSON
    """
    if count < 10:
        raise ValueError(f"--count is {count}: it must be at least 10.")
    torch.set_num_threads(1)
    seeds = range(FIRST, FIRST + count)
    figures: dict[str, object] = {}

    def show(name: str, value: object, text: str) -> None:
        figures[name] = value
        print(f"{name:<58}{text}", flush=True)

    for size in (128, 256):
        for kind, draw in (("independent", independent), ("sampled", Head.sample)):
            rate, correlation = detection([draw(seed) for seed in seeds], size)
            show(f"{kind} heads, {size} px: found at p >= {FOUND}", rate, f"{100 * rate:.1f} %")
            show(f"{kind} heads, {size} px: nose offset and true yaw", correlation, f"r = {correlation:.3f}")
    for size in (128, 256):
        pace = speed(max(10, count // 4), size)
        text = f"{pace['images/s']:.1f} on {pace['cores']} cores, {pace['core seconds per image']:.3f} s of one core"
        show(f"{size} px: images per second", pace, text)
        for number, ratio in poses(max(10, count // 16), size).items():
            show(f"{size} px: {number} poses of one head cost as much as", ratio, f"{ratio:.2f} of one")
    agreement, shown = labels(max(10, count // 4))
    show("256 px labels reduced, and 128 px labels: equal pixels", agreement, f"{100 * agreement:.2f} %")
    show("labels that occur", shown, f"{sum(share > 0 for share in shown.values())} of {len(LABEL_NAMES)}")
    for name, share in shown.items():
        print(f"    {name:<12}in {100 * share:.0f} % of the heads")
    write_json(out, figures)


if __name__ == "__main__":
    run(main)
