"""What directions.fit reports: tables for the terminal, and a page that needs no other file.

The leakage matrix says what else changes when one attribute changes by one of its SD: other attributes in their SD,
and the likeness to the face before, by the descriptors of identity and hair.
"""

from __future__ import annotations

import base64
import html
import io
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from data.files import atomic_path, read_json
from directions.likeness import DESCRIPTORS

REPORT, PAGE = "report.json", "report.html"
WIDTH = 10  # inches of a figure

STYLE = """body { font: 15px/1.5 sans-serif; max-width: 1000px; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0 }
td, th { padding: .2em .8em; border-bottom: 1px solid #ddd; text-align: left }
img { max-width: 100%; display: block; margin: 1em 0 }"""

ABOUT = """Accuracy, AUC and R² are of all held-out faces (one seed in five), with 95 % bootstrap intervals over faces;
shuffled is the accuracy with shuffled labels. Reach is where the measured value still rises along the direction; edit
error is the mean distance between the value asked and the value measured after rendering, by the mean curve alone.
Stability is the mean cosine between the edit vectors of random halves of the faces (least of all couples in brackets);
distance is
how far one SD of the attribute leads the code away, in SD of the codes (Mahalanobis). Way is the edit vector: of three,
the one that leaks least on training faces."""

WAYS = """Ways to change one attribute by one SD, on the same held-out faces. normal: the SVM's (InterFaceGAN);
whitened: an SVM's on whitened codes; covariance: the covariance of the codes times the normal; regression: times the
slope of a ridge regression; conditional: covariance with the other attributes held fixed, also in other spaces. Leak is
the root mean square over all others, in their SD; random steps are as long, or change as much of the picture."""

LEAKS = """One row per direction: what else changes when its attribute rises by one SD. Attributes in their own SD, with
held-fixed ones near 0 by construction of the edit; identity and hair as the cosine between the descriptors of the
faces before and after (in brackets: between strangers)."""


def table(report: dict[str, Any]) -> str:
    """One line per direction."""
    summaries = _summaries(report)
    rows = [["direction", *next(iter(summaries.values()), {})]]
    rows += [[name, *summary.values()] for name, summary in summaries.items()]
    return aligned(rows)


def matrix(report: dict[str, Any]) -> str:
    """The leakage matrix as text."""
    rows = [["per SD of", *report["units"], *DESCRIPTORS]]
    for name, figures in report["directions"].items():
        rows.append([name, *(f"{_leak(report, name, other):+.2f}" for other in report["units"]), *_likeness(figures)])
    return aligned(rows)


def write_report(folder: Path) -> None:
    """Writes report.html from report.json and the pictures beside it, and every plot as a PNG of its own too.

    Plots are named plot-leakage.png, plot-curve-NAME.png and plot-leaks-NAME.png, which no attribute can be called, so
    they never take the place of an attribute's strip, NAME.png. Those of an earlier report are deleted.
    """
    report = read_json(folder / REPORT)
    if "units" not in report:
        raise ValueError(f"{folder / REPORT} is of an earlier version: run `python -m directions.fit` again")
    drawn: set[Path] = set()

    def plot(figure: Figure, name: str) -> str:
        path = folder / f"plot-{name}.png"
        drawn.add(path)
        return _plot(figure, path)

    space = report.get("space", "W")
    parts = [f"<h1>Directions in {html.escape(space)}</h1><p>{report['faces']:,} faces, psi {report['psi']:g}.</p>"]
    if report["directions"]:
        parts += [_html_table(report), f"<p>{ABOUT}</p>"]
        parts += [f"<h2>Leakage</h2><p>{LEAKS}</p>", plot(heat_map(report), "leakage")]
    for name, figures in report["directions"].items():
        curve = calibration_plot(name, report["units"][name], figures)
        parts += [f"<h2>{html.escape(name)}</h2>", plot(curve, f"curve-{name}")]
        parts += [_image((folder / f"{name}.png").read_bytes())]
    for path in sorted(folder.glob("compare-*.json")):
        parts += [f"<h2>Ways to change {html.escape(path.stem[8:])}</h2><p>{WAYS}</p>"]
        parts += [plot(comparison_plot(read_json(path)), f"leaks-{path.stem[8:]}")]
        if path.with_suffix(".png").is_file():
            parts += [_image(path.with_suffix(".png").read_bytes())]
    for name, reason in report["failed"].items():
        parts.append(f"<p>No direction for {html.escape(name)}: {html.escape(reason)}.</p>")
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Directions</title><style>{STYLE}</style>'
    with atomic_path(folder / PAGE) as temporary:
        temporary.write_text(f"{head}<body>{''.join(parts)}</body></html>", encoding="utf-8")
    for path in set(folder.glob("plot-*.png")) - drawn:
        path.unlink()


def heat_map(report: dict[str, Any]) -> Figure:
    """The leakage matrix; blue falls, red rises with the attribute of the row."""
    names = list(report["directions"])
    others = [[_leak(report, name, other) for other in report["units"]] for name in names]
    figure = Figure(figsize=(WIDTH, 1.5 + 0.5 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(np.array(others, float), cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    for y, name in enumerate(names):
        for x, value in enumerate(others[y]):
            axes.text(
                x,
                y,
                "–" if np.isnan(value) else f"{value:+.2f}",
                ha="center",
                va="center",
                color="white" if abs(value) > 0.6 else "black",
            )
        for x, text in enumerate(_likeness(report["directions"][name]), len(report["units"])):
            axes.text(x, y, text.replace(" ", "\n"), ha="center", va="center", fontsize=8)
    labels = [*report["units"], *DESCRIPTORS]
    axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.set_xticks(range(len(labels)), [label.replace("_", "\n") for label in labels], fontsize=8)
    axes.set_yticks(range(len(names)), names)
    return figure


def calibration_plot(name: str, unit: str, figures: dict[str, Any]) -> Figure:
    """Measured value at the places of the score; the reach of edits in bold."""
    scores, response = (np.array(figures[key], float) for key in ("scores", "response"))
    inside = np.array(figures["within_reach"], bool)
    figure = Figure(figsize=(WIDTH / 2, WIDTH / 3), layout="constrained")
    axes = figure.subplots()
    axes.plot(scores, response, "o--", color="0.6", label="measured")
    axes.plot(scores[inside], response[inside], "o-", color="C0", label="reach of edits")
    axes.axline((float(scores[inside][0]),) * 2, slope=1, color="0.8", linewidth=1, label="linear")
    axes.set_xlabel("score (linear regression on w)")
    axes.set_ylabel(f"{name}, {unit}")
    axes.legend(frameon=False)
    return figure


def comparison_plot(figures: dict[str, Any]) -> Figure:
    """Leakage, likeness of person and hair, and distance of every way that has them, all at equal effect."""
    names = [way for way, found in figures.items() if "failed" not in found]
    panels = {
        "RMS leak, SD": [figures[way].get("leak_rms") for way in names],
        "edit error": [figures[way].get("edit_mae") for way in names],
        **{f"{one}, cosine": [figures[way]["likeness"][one]["cosine"] for way in names] for one in DESCRIPTORS},
    }
    figure = Figure(figsize=(WIDTH, 1 + 0.3 * len(names)), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True)
    for axis, (title, values) in zip(axes, panels.items(), strict=True):
        numbers = np.array([np.nan if value is None else value for value in values], float)
        axis.barh(range(len(names)), np.nan_to_num(numbers), color="#9ecae1")
        for y, value in enumerate(numbers):
            axis.text(0, y, "" if np.isnan(value) else f" {value:.2f}", va="center", fontsize=8)
        axis.set_title(title, fontsize=9)
    axes[0].set_yticks(range(len(names)), names, fontsize=8)
    axes[0].invert_yaxis()
    return figure


def _summaries(report: dict[str, Any]) -> dict[str, dict[str, str]]:
    """{direction: {heading: text}} of the table."""
    return {name: _summary(figures) for name, figures in report["directions"].items()}


def _summary(figures: dict[str, Any]) -> dict[str, str]:
    (low, high), stability = figures["reach"], figures.get("stability")  # none of a vector from elsewhere
    return {
        "accuracy": _interval(figures, "accuracy"),
        "shuffled": f"{figures['accuracy_shuffled']:.2f}",
        "AUC": _interval(figures, "auc"),
        "R2": _interval(figures, "ridge_r2"),
        "stability": "{cosine:.3f} ({least:.3f})".format(**stability) if stability else "-",
        "reach": f"{low:+.0f} to {high:+.0f}",
        "edit error": f"{figures['edit_mae']:.1f}",
        "distance": f"{figures['distance_per_sd']:.1f}",
        "leak": f"{figures['leak_rms']:.2f}",
        "way": figures["way"] + (" (turned round)" if figures.get("turned") else ""),
    }


def _interval(figures: dict[str, Any], name: str) -> str:
    low, high = figures[f"{name}_95"]
    return f"{figures[name]:.3f} ({low:.3f}-{high:.3f})"


def _likeness(figures: dict[str, Any]) -> list[str]:
    found = [figures["likeness"][name] for name in DESCRIPTORS]
    return [f"{one['cosine']:.2f} ({one['strangers']:.2f})" for one in found]


def _leak(report: dict[str, Any], name: str, other: str) -> float:
    """SD of `other` per SD of the direction's attribute; NaN where too little was measured."""
    if other == name:
        return 1.0
    slope = report["directions"][name]["leakage"][other]["slope"]
    return float("nan") if slope is None else slope


def aligned(rows: list[list[str]]) -> str:
    """Rows of cells as text with straight columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(text.ljust(n) for text, n in zip(row, widths, strict=True)).rstrip() for row in rows)


def _html_table(report: dict[str, Any]) -> str:
    summaries = _summaries(report)
    head = "".join(f"<th>{name}</th>" for name in ("", *next(iter(summaries.values()))))
    rows = (
        f"<tr><th>{html.escape(name)}</th>" + "".join(f"<td>{html.escape(text)}</td>" for text in summary.values())
        for name, summary in summaries.items()
    )
    return f"<table><tr>{head}</tr>{'</tr>'.join(rows)}</tr></table>"


def _plot(figure: Figure, path: Path) -> str:
    """The figure as it stands in the page; also written to `path`."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getvalue())
    return _image(buffer.getvalue())


def _image(png: bytes) -> str:
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(png).decode()}">'
