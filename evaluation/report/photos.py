"""The report's section on transfers between real photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evaluation.report import html
from evaluation.report.benchmark import cell, means
from evaluation.report.retrieval import dependence

METHODS = ("untouched", "generated", "blended")
WATCHED = ("identity", "hair_iou")


def section(found: dict[str, Any], folder: Path) -> str:
    """Figures of all pairs, by yaw gap, FID where it was computed, examples."""
    rows = [
        [means(name, about), *[cell(found["figures"][name].get(method)) for method in METHODS]]
        for name, about in found["metrics"].items() if name in found["figures"]
    ]  # fmt: skip
    gaps = []
    for bucket in found["by_yaw_gap"]:
        low, high = bucket["degrees"]
        words = f"over {low}°" if high is None else f"{low} – {high}°"
        figures = [cell(bucket["figures"].get(name, {}).get("blended")) for name in WATCHED]
        gaps.append([words, str(bucket["pairs"]), *figures])
    apart = [[name, str(row["pictures"]), f"{row['fid']:.2f}", f"{row['kid']:.4f}"]
             for name, row in found["frechet"].items()]  # fmt: skip
    left = f"{len(found['left_out'])} of {found['photos']:,} photos were left out. " if found["left_out"] else ""
    lost = ", ".join(f"{count} {name}" for name, count in found["undetected"].items())
    return html.section(
        "On real photos",
        html.paragraph(
            f"{found['pairs']:,} transfers between photos. “Untouched” is the face photo itself: perfect in what "
            "should stay, and the floor in hair. “Generated” is the network’s picture alone, "
            "“blended” the finished photo."
        ),
        html.paragraph(f"Judge: {found['judge']['title']}; perceptual distance: {found['perceptual']}.", "soft"),
        dependence(found["judge"]),
        html.table(["", *METHODS], rows, None),
        html.table(
            [
                "yaw between the donors",
                "pairs",
                *[f"{means(name, found['metrics'][name])}, blended" for name in WATCHED],
            ],
            gaps,
            None,
        ),
        html.table(["against the face photos", "pictures", "FID", "KID"], apart, None) if apart else "",
        html.paragraph(f"{left}No face was found in {lost} pictures; all were measured.", "soft"),
        html.picture(folder / "photos.png", "Best, median and worst by identity and hair IoU."),
    )
