"""The report's sections on retrieval: who is it, whose hair is it, and the pictures behind the ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evaluation.report import html, plots

OPEN_SET = (
    "TPIR: the share found first, with a score above the threshold that lets only the share FPIR of strangers pass."
)
HEAD = ["", "rank-1", "rank-5", "rank-10", "mean rank", "median rank"]
IDENTITY = {
    "transfer": "transfer → its face donor",
    "blended": "… with the donor’s inner face pasted back",
    "reconstruction": "reconstruction (face and hair from one picture)",
    "own_picture": "the donor’s own picture (ceiling)",
    "hair_donor": "transfer → its hair donor (leak: should be chance)",
}
HAIR = {
    "transfer": "transfer → its hair donor’s hair",
    "no_transfer": "untouched face → the hair donor’s hair (baseline)",
    "reconstruction": "reconstruction → its own hair",
    "own_picture": "the hair donor’s own picture (ceiling)",
    "face_donor": "transfer → its face donor’s old hair (should be low)",
}


def cards(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The figures to know first."""
    row, among = found["transfer"], f"of {found['gallery']:,} faces"
    low, high = (percent(x) for x in row["rank_1_ci95"])
    first = [
        (percent(row["rank_1"]), f"of transfers find their face donor first {among} ({low} – {high})"),
        (number(row["mean_rank"]), f"mean rank of the face donor, median {number(row['median_rank'])}"),
        (number(found["hair_donor"]["median_rank"]), "median rank of the hair donor as a person: "
         f"chance is {number(found['chance']['median_rank'])}"),
    ]  # fmt: skip
    if found["hair"]:
        hair, none = found["hair"]["transfer"], found["hair"]["no_transfer"]
        words = f"rank of the donor’s hair, median; without a transfer {number(none['median_rank'])}"
        first.append((number(hair["median_rank"]), words))
    return first


def identity_section(found: dict[str, Any]) -> str:
    """Who is it?"""
    judge = found["judge"]
    shown = [
        ("transfer", "main", found["cmc"]["transfer"]),
        ("face pasted back", "fourth", found["cmc"]["blended"]),
        ("hair donor", "second", found["cmc"]["hair_donor"]),
    ]
    figures = [
        html.plot(plots.cmc_plot(shown, found["gallery"]), "How often the donor is among the first k of the gallery."),
        html.plot(
            plots.size_plot([("transfer", "main", found["rank_1_by_gallery_size"])]),
            "Rank-1 as the gallery grows, averaged over all smaller galleries that hold the donor.",
        ),
    ]
    if found["separation"]:
        distance = found["separation"]["d_prime"]
        words = f"Cosines to the face donor and to {found['separation']['pairs_of_strangers']:,} pairs of strangers"
        figures.append(html.plot(plots.histogram(found["separation"]), f"{words}; d′ {number(distance)}."))
    return html.section(
        "Is it still the same person?",
        html.paragraph(
            f"{found['queries']:,} transfers, each between two of {found['gallery']:,} generated faces. The judge "
            "ranks the whole gallery by similarity to the transfer; the table says where the donor stands. Ties count "
            "against the donor. Shares and means with 95 % intervals."
        ),
        html.paragraph(f"Judge: {judge['title']}.", "soft"),
        dependence(judge),
        rank_table(found, IDENTITY, found["chance"]),
        html.plots(*figures),
        html.beside(
            "<h3>By yaw between the donors</h3>"
            + html.table(["degrees", "queries", "rank-1"], map(gap_row, found["rank_1_by_yaw_gap"]), None),
            "<h3>If the person may not be in the gallery</h3>"
            + html.table(["FPIR", "threshold", "TPIR"], map(open_row, found["open_set"]), None)
            + html.paragraph(OPEN_SET, "soft"),
        ),
        html.paragraph(undetected(found), "soft"),
    )


def hair_section(found: dict[str, Any]) -> str:
    """Whose hair is it? Empty where hair was not judged."""
    part = found["hair"]
    if not part:
        return ""
    shown = [
        ("transfer", "main", part["cmc"]["transfer"]),
        ("no transfer", "third", part["cmc"]["no_transfer"]),
        ("old hair", "second", part["cmc"]["face_donor"]),
    ]
    return html.section(
        "Is it the other one’s hair?",
        html.paragraph(
            "The same gallery, ranked by a hair descriptor: where does the hair donor stand? Beside it the untouched "
            "face picture, which is what a method reaches that does nothing."
        ),
        html.paragraph(f"Judge: {part['judge']['title']}.", "soft"),
        dependence(part["judge"]),
        rank_table(part, HAIR, found["chance"]),
        html.plots(
            html.plot(plots.cmc_plot(shown, found["gallery"]), "How often that hair is among the first k."),
            html.plot(
                plots.size_plot([("transfer", "main", part["rank_1_by_gallery_size"])]), "Rank-1 as the gallery grows."
            ),
        ),
    )


def picture_section(folder: Path) -> str:
    """Best, median and worst."""
    shown = html.picture(
        folder / "retrieval.png",
        "Best, median and worst transfers by the face donor’s rank: face donor, hair donor, transfer, the same with "
        "the inner face pasted back, the gallery’s nearest person and, where hair is judged, its nearest hair.",
    )
    return html.section("Best, median, worst", shown) if shown else ""


def rank_table(part: dict[str, Any], words: dict[str, str], chance: dict[str, float]) -> str:
    """One row per question, chance last."""
    rows = []
    for name, text in words.items():
        row = part[name]
        shares = [share(row, f"rank_{k}") for k in (1, 5, 10)]
        ranks = [
            html.interval(number(row[f"{k}_rank"]), *map(number, row[f"{k}_rank_ci95"])) for k in ("mean", "median")
        ]
        rows.append([text, *shares, *ranks])
    floor = [percent(chance[f"rank_{k}"]) for k in (1, 5, 10)]
    rows.append(["chance (floor)", *floor, number(chance["mean_rank"]), number(chance["median_rank"])])
    return html.table(HEAD, rows)


def dependence(judge: dict[str, Any]) -> str:
    """A warning where the judge had a part in the training, or where nobody knows."""
    if judge["trained_with"] is None:
        return html.paragraph(
            "Unknown whether this network’s training used this judge: its file does not tell.", "warn"
        )
    if not judge["trained_with"]:
        return ""
    return html.paragraph("Not independent: a loss of this network’s training used this judge, so it flatters.", "warn")


def undetected(found: dict[str, Any]) -> str:
    """How many faces the detector missed."""
    lost = found["undetected"]
    parts = [f"{lost[name]} of {found['queries']:,} {words}" for name, words in
             (("face_donors", "face donors"), ("hair_donors", "hair donors"), ("transfers", "transfers"))]  # fmt: skip
    if lost["gallery"] is not None:
        parts.append(f"{lost['gallery']:,} of {found['gallery']:,} in the gallery")
    return f"The detector found no face in {', '.join(parts)}. None was left out: all were ranked."


def gap_row(bucket: dict[str, Any]) -> list[str]:
    """One bucket of yaw gaps."""
    low, high = bucket["degrees"] or (None, None)
    words = "not known" if low is None else f"{low} – {high}°" if high is not None else f"over {low}°"
    return [words, f"{bucket['queries']:,}", share(bucket, "rank_1") if bucket["queries"] else "–"]


def open_row(point: dict[str, Any]) -> list[str]:
    """One working point of the open question."""
    return [percent(point["fpir"]), f"{point['threshold']:.3f}", share(point, "tpir")]


def share(row: dict[str, Any], name: str) -> html.Markup:
    """A share with its interval, in percent."""
    low, high = (percent(x).removesuffix(" %") for x in row[f"{name}_ci95"])
    return html.interval(percent(row[name]), low, high)


def percent(share: float) -> str:
    """0.9834 -> 98.3 %; shares below a tenth of a percent keep one digit that says something."""
    value = 100 * share
    return f"{value:.1f} %" if value >= 0.1 or value == 0 else f"{value:.1g} %"


def number(value: float | None) -> str:
    """A rank or a distance, with as many digits as say something."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
