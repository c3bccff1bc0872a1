"""A retrieval report as text: one line per question, intervals beside the shares."""

from __future__ import annotations

from typing import Any

IDENTITY = {
    "transfer": "face donor of the transfer",
    "blended": "... with the face pasted back",
    "reconstruction": "... of the reconstruction",
    "own_picture": "... of its own picture",
    "hair_donor": "hair donor of the transfer",
}
HAIR = {
    "transfer": "hair donor of the transfer",
    "no_transfer": "... of the untouched face",
    "reconstruction": "own hair of a reconstruction",
    "own_picture": "... of its own picture",
    "face_donor": "old hair of the transfer",
}


def table(report: dict[str, Any]) -> str:
    """The report's main figures."""
    judge = report["judge"]
    conditions = report["conditions"]
    lines = [f"gallery {report['gallery']}, {report['queries']} queries, psi {conditions['psi']:g}"]
    if conditions["corrections"]:
        lines[0] += f", {conditions['corrections']} corrections"
    lines += ["", f"who is it? by {judge['title']}{used(judge)}", *rows(report, IDENTITY, report["chance"])]
    lines += ["rank-1 by gallery size: " + ", ".join(decades(report["rank_1_by_gallery_size"]))]
    lines += ["rank-1 by yaw between the donors: " + ", ".join(map(gap, report["rank_1_by_yaw_gap"]))]
    lines += ["who is it, if in the gallery at all: " + ", ".join(map(alarm, report["open_set"]))]
    if report["hair"]:
        judge = report["hair"]["judge"]
        lines += ["", f"whose hair? by {judge['title']}{used(judge)}", *rows(report["hair"], HAIR, report["chance"])]
    lost = report["undetected"]
    among = [f"{lost[name]} of {report['queries']} {name.replace('_', ' ')}" for name in ("face_donors", "transfers")]
    if lost["gallery"] is not None:
        among.append(f"{lost['gallery']} of {report['gallery']} in the gallery")
    return "\n".join([*lines, "", "no face was found in " + ", ".join(among) + "; all were ranked"])


def used(judge: dict[str, Any]) -> str:
    """A warning where the judge is not independent, or where nobody knows."""
    if judge["trained_with"] is None:
        return " - UNKNOWN whether the network was trained with it"
    return " - NOT INDEPENDENT: the network was trained with it" if judge["trained_with"] else ""


def rows(part: dict[str, Any], words: dict[str, str], chance: dict[str, float]) -> list[str]:
    """The table's head and one line per question."""
    lines = [f"{'':29}rank-1 (95 % interval)      rank-10   mean rank   median"]
    for name, text in words.items():
        row = part[name]
        low, high = (100 * x for x in row["rank_1_ci95"])
        share = f"{100 * row['rank_1']:6.2f} % ({low:.2f} - {high:.2f})"
        rest = f"{100 * row['rank_10']:7.2f} %{row['mean_rank']:12.2f}{row['median_rank']:9.1f}"
        lines.append(f"{text:29}{share:26}{rest}")
    guess = [f"{100 * chance[name]:.2g} %" for name in ("rank_1", "rank_10")]
    ranks = f"{chance['mean_rank']:12.1f}{chance['median_rank']:9.1f}"
    return [*lines, f"{'chance':29}{guess[0]:>8}{'':18}{guess[1]:>9}{ranks}"]


def decades(points: list[dict[str, Any]]) -> list[str]:
    """The points of the curve at 100, 1000, ... and at its end."""
    shown = [p for p in points[:-1] if str(p["gallery"]).strip("0") == "1"] + points[-1:]
    return [f"{100 * p['rank_1']:.1f} % of {p['gallery']}" for p in shown]


def gap(bucket: dict[str, Any]) -> str:
    """One bucket in words."""
    low, high = bucket["degrees"] or (None, None)
    words = "not found" if low is None else f"{low}-{high} deg" if high else f"over {low} deg"
    share = f"{100 * bucket['rank_1']:.1f} %" if bucket["queries"] else "no query"
    return f"{words} {share} ({bucket['queries']})"


def alarm(point: dict[str, Any]) -> str:
    """One point of the open question in words."""
    return f"{100 * point['tpir']:.1f} % found at {100 * point['fpir']:g} % false alarms"
