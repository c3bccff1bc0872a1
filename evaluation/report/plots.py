"""The plots of a report, as SVG text: the same figures give the same bytes."""

from __future__ import annotations

import io
from typing import Any

import matplotlib
from matplotlib.figure import Figure

COLOURS = {"main": "#2457c5", "second": "#d9730d", "third": "#7a8190", "fourth": "#1a8f6f"}
INK, GRID = "#333a45", "#e3e6ec"
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Inter", "Segoe UI", "Helvetica Neue", "Arial", "DejaVu Sans"],
    "font.size": 10,
    "axes.edgecolor": "#b9bfca",
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "hairnet",
}
Series = list[tuple[str, str, list[dict[str, Any]]]]  # (words, colour, points)


def cmc_plot(series: Series, chance: int) -> str:
    """Shares of mates among the first k, k logarithmic. points: k, share, share_ci95; chance: gallery size."""
    figure, axes = _axes("among the first k", "share found", percent=True)
    for words, colour, points in series:
        ks = [p["k"] for p in points]
        axes.plot(ks, [p["share"] for p in points], color=COLOURS[colour], lw=2, label=words)
        low, high = zip(*(p["share_ci95"] for p in points), strict=True)
        axes.fill_between(ks, low, high, color=COLOURS[colour], alpha=0.15, lw=0)
    ks = [p["k"] for p in series[0][2]]
    axes.plot(ks, [min(1, k / chance) for k in ks], color="#b9bfca", lw=1.2, ls=(0, (4, 3)), label="chance")
    _logarithmic(axes, ks[0], ks[-1])
    return _svg(figure, axes)


def size_plot(series: Series) -> str:
    """Rank-1 shares as the gallery grows. points: gallery, rank_1, rank_1_ci95."""
    figure, axes = _axes("faces in the gallery", "rank-1", percent=True)
    for words, colour, points in series:
        sizes = [p["gallery"] for p in points]
        axes.plot(sizes, [p["rank_1"] for p in points], color=COLOURS[colour], lw=2, marker="o", ms=3.5, label=words)
        low, high = zip(*(p["rank_1_ci95"] for p in points), strict=True)
        axes.fill_between(sizes, low, high, color=COLOURS[colour], alpha=0.15, lw=0)
    sizes = [p["gallery"] for p in series[0][2]]
    axes.plot(sizes, [1 / size for size in sizes], color="#b9bfca", lw=1.2, ls=(0, (4, 3)), label="chance")
    _logarithmic(axes, sizes[0], sizes[-1])
    return _svg(figure, axes)


def histogram(found: dict[str, Any]) -> str:
    """Cosines of transfers to their face donors, and to strangers. found: as `scores.separation` makes it."""
    figure, axes = _axes("cosine", "share of pairs")
    edges = found["edges"]
    shown = [k for k, parts in enumerate(zip(found["genuine"], found["strangers"], strict=True)) if max(parts) > 0]
    for words, colour, name in (("strangers", "third", "strangers"), ("face donor", "main", "genuine")):
        axes.stairs(found[name], edges, fill=True, color=COLOURS[colour], alpha=0.35, label=words)
        axes.stairs(found[name], edges, color=COLOURS[colour], lw=1.2)
    axes.set_xlim(edges[shown[0]] - 0.05, edges[shown[-1] + 1] + 0.05)
    axes.set_yticks([])
    return _svg(figure, axes)


def _axes(x: str, y: str, percent: bool = False) -> tuple[Figure, Any]:
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.2, 3.0), layout="constrained")
        axes = figure.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GRID, lw=0.8)
    axes.set_axisbelow(True)
    if percent:
        axes.set_ylim(-0.02, 1.02)
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    return figure, axes


def _logarithmic(axes: Any, low: int, high: int) -> None:
    """A logarithmic x axis whose ticks are plain numbers: 1, 10, 100, 1k."""
    axes.set_xscale("log")
    decades = [10**n for n in range(12) if low <= 10**n <= high / 2]
    ticks = sorted({low, *decades, high})
    axes.set_xticks(ticks, [_short(tick) for tick in ticks])
    axes.minorticks_off()


def _short(number: int) -> str:
    """2000 -> 2k, 1500000 -> 1.5M."""
    for unit, letter in ((1_000_000, "M"), (1000, "k")):
        if number >= unit:
            return f"{number / unit:g}{letter}"
    return str(number)


def _svg(figure: Figure, axes: Any) -> str:
    axes.legend(frameon=False, fontsize=9)
    text = io.StringIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(text, format="svg", metadata={"Date": None}, transparent=True)
    return text.getvalue()
