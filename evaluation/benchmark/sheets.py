"""Pictures of a run: a method's best, median and worst results, and all methods side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from data.images import sheet
from evaluation.benchmark.figures import rows_of
from evaluation.benchmark.triples import Triple
from evaluation.benchmark.work import Scored, rows_of_files

BY = "perceptual_whole"  # what is best and worst
OF_EACH = 4  # triples shown of the best, the middle and the worst
SIDE = 128  # px a picture is shown at, at least
INPUTS = ("face", "hair", "truth")


def extremes(scored: Scored, triples: list[Triple], pictures: list[Path]) -> Image.Image:
    """The best four triples, the middle four and the worst four: face, hair, result, truth of each, two in a row."""
    distance = scored.scores[BY]
    order = np.argsort(distance, kind="stable")
    count = min(OF_EACH, max(1, len(order) // 3))
    middle = max(0, (len(order) - count) // 2)
    groups = {"best": order[:count], "median": order[middle : middle + count], "worst": order[-count:]}
    rows = np.concatenate(list(groups.values()))
    shown = rows_of_files(pictures, rows, INPUTS)
    results = scored.results(rows)
    images = np.stack([shown["face"], shown["hair"], results, shown["truth"]], 1)
    captions = []
    for row, name in zip(rows, [name for name, part in groups.items() for _ in part], strict=True):
        triple = triples[row]
        captions += [f"{name}: {triple.number}", triple.kind, f"distance {distance[row]:.2f}", "truth"]
    columns = 8 if len(rows) % 2 == 0 else 4
    return sheet(images.reshape(-1, *images.shape[2:]), columns, captions, _scale(images))


def side_by_side(methods: list[Scored], triples: list[Triple], pictures: list[Path]) -> Image.Image:
    """The first triple of every bucket: face, hair, truth, and what each method made of them; two in a row."""
    buckets = {name: rows[0] for name, rows in rows_of(triples).items() if name != "turned"}
    rows = np.array(list(buckets.values()))
    shown = rows_of_files(pictures, rows, INPUTS)
    others = [scored for scored in methods if scored.title != "truth"]
    images = np.stack([shown[name] for name in INPUTS] + [scored.results(rows) for scored in others], 1)
    captions = []
    for bucket in buckets:
        captions += [f"face ({bucket})", "hair", "truth", *[scored.title for scored in others]]
    columns = images.shape[1] * (2 if len(rows) % 2 == 0 else 1)
    return sheet(images.reshape(-1, *images.shape[2:]), columns, captions, _scale(images))


def _scale(images: np.ndarray) -> int:
    return max(1, SIDE // images.shape[-2])
