"""The whole of a run on photos: faces, transfers, figures, examples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data.files import sha256, write_json
from data.images import sheet, write_image
from data.weights import resolve
from evaluation.judge import judge_of, open_setup
from evaluation.metrics.perceptual import load_perceptual, perceptual_files
from evaluation.photos.frechet import check_inception, frechet
from evaluation.photos.measure import METRICS, by_gap, measure, summarised
from evaluation.photos.people import draw_pairs, find_people
from evaluation.photos.pictures import MADE, folder_of, make_pictures, read_pictures, read_points
from evaluation.provenance import programs_sha256, provenance
from faces import load_embedder, load_parser
from hairnet import load_network
from hairnet.photo.composite import Blend, Strands

EACH = 3  # examples of the best, of the middle, of the worst
SHOWN = {"face": "face", "hair": "hair", "generated": "network's picture", "blended": "result"}


@dataclass(frozen=True)
class Settings:
    """The flags of the command; its help says what they are."""

    images: Path
    pairs: int | None
    network: str
    generator: str | None
    embedder: str
    hair_embedder: str
    parser: str
    perceptual: str
    inception: Path | None
    blend: Blend
    strands: Strands
    seed: int
    out: Path
    device: str | None
    force: bool


def judged(settings: Settings) -> dict[str, Any]:
    """Makes the transfers that are missing, measures all; returns what it writes to photos.json."""
    setup = open_setup(settings.network, settings.generator, settings.embedder, 1.0, settings.device,
                       settings.hair_embedder, settings.force)  # fmt: skip
    if settings.inception is not None:
        check_inception(settings.inception)
    device = setup.device
    network = load_network(setup.network, device, setup.generator)
    parser, embedder = load_parser(settings.parser, device), load_embedder(setup.embedder, device)
    hair = None if setup.hair is None else load_embedder(setup.hair, device)
    seen_by = perceptual_files(settings.perceptual)
    perceptual = load_perceptual(seen_by, device)
    people, left_out = find_people(settings.images)
    pairs = draw_pairs(len(people), settings.pairs or len(people), settings.seed)
    files = {
        "generator": setup.generator,
        "network": setup.network,
        "parser": resolve(settings.parser, "parser"),
        "face scorer": setup.embedder,
        "hair scorer": setup.hair,
        "perceptual": seen_by[0],
        **{f"perceptual, part {k}": path for k, path in enumerate(seen_by[1:], 2)},
        "inception": settings.inception,
    }
    facts = {
        "photos": [sha256(person.path) for person in people],
        "pairs": pairs,
        "blend": settings.blend,
        "strands": settings.strands,
        "torch": str(torch.__version__),
        "programs": programs_sha256("photos/people.py", "photos/pictures.py"),
        **{name: sha256(path) for name in ("generator", "network", "parser") if (path := files[name]) is not None},
    }
    folder = folder_of(settings.out, facts)
    make_pictures(folder, people, pairs, network, parser, settings.blend, settings.strands)
    pictures = {name: read_pictures(folder, name, len(pairs)) for name in MADE}
    points, rows = read_points(folder, len(pairs)), np.array([face for face, _ in pairs])
    figures, unfound = measure(pictures, points, rows, embedder, hair, parser, perceptual)
    methods = ("generated", "blended") if settings.inception is not None else ()
    report = {
        "photos": len(people) + len(left_out),
        "left_out": left_out,
        "pairs": len(pairs),
        "seed": settings.seed,
        "blend": settings.blend,
        "strands": settings.strands,
        "judge": judge_of(embedder.title, setup.embedder, setup),
        "hair_judge": None if hair is None or setup.hair is None else judge_of(hair.title, setup.hair, setup, "hair"),
        "perceptual": perceptual.title,
        "undetected": unfound,
        "metrics": {
            name: dict(zip(("unit", "better", "means"), about, strict=True)) for name, about in METRICS.items()
        },
        "figures": summarised(figures, np.ones(len(pairs), bool), settings.seed),
        "by_yaw_gap": by_gap(figures, points, settings.seed),
        "frechet": {
            name: frechet(folder / "face", folder / name, len(pairs), settings.inception, device)
            for name in methods
            if settings.inception is not None
        },  # fmt: skip
        "pictures": str(folder),
        "provenance": provenance(files),
    }
    write_json(settings.out / "photos.json", report)
    write_image(examples(pictures, figures["blended"]), settings.out / "photos.png")
    return report


def examples(pictures: dict[str, np.ndarray], figures: dict[str, np.ndarray]) -> Any:
    """Best, median and worst by the hair's and the rest's agreement: one row of four pictures each."""
    score = np.nan_to_num(figures["identity"] + figures["hair_iou"], nan=-9)
    order = np.argsort(-score, kind="stable")
    each = min(EACH, max(1, len(order) // 3))
    middle = (len(order) - each) // 2
    groups = {"best": order[:each], "median": order[middle : middle + each], "worst": order[-each:][::-1]}
    shown: dict[int, str] = {}
    for name, rows in groups.items():
        for row in rows.tolist():
            shown.setdefault(row, name)
    images, captions = [], []
    for row, name in shown.items():
        images += [pictures[column][row] for column in SHOWN]
        captions += [f"{name}: {SHOWN['face']}", SHOWN["hair"], SHOWN["generated"],
                     f"identity {figures['identity'][row]:.2f}, hair IoU {figures['hair_iou'][row]:.2f}"]  # fmt: skip
    return sheet(np.stack(images), len(SHOWN), captions)


def told(report: dict[str, Any]) -> str:
    """The figures as text."""
    methods = list(next(iter(report["figures"].values())))
    lines = [f"{report['pairs']} transfers between {report['photos']} photos, {len(report['left_out'])} left out"]
    lines += [f"  left out: {sentence}" for sentence in report["left_out"]]
    lines.append(f"judge: {report['judge']['title']}; perceptual: {report['perceptual']}")
    lines.append(f"{'':18}" + "".join(f"{name:>26}" for name in methods))
    for metric, parts in report["figures"].items():
        lines.append(f"{metric:18}" + "".join(f"{_cell(parts[name]):>26}" for name in methods))
    for name, found in report["frechet"].items():
        lines.append(f"{name}: FID {found['fid']:.2f}, KID {found['kid']:.4f} of {found['pictures']} pictures")
    lost = ", ".join(f"{count} {name}" for name, count in report["undetected"].items())
    return "\n".join([*lines, f"no face was found in {lost}; all were measured"])


def _cell(figure: dict[str, Any] | None) -> str:
    if figure is None:
        return "-"
    low, high = figure["ci95"]
    return f"{figure['mean']:.3f} ({low:.3f} - {high:.3f})"
