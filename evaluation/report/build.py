"""From a folder of results to the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.files import read_json
from evaluation.report import benchmark, html, photos, retrieval


def report(folder: Path, title: str) -> str:
    """The page's text; ValueError where the folder holds no results."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder: run python -m evaluation.retrieval --out {folder}/retrieval first")
    sections, first, origins = [], [], []
    found = read_json(place) if (place := folder / "retrieval" / "retrieval.json").is_file() else None
    if found is not None:
        check(found, ("provenance", "cmc", "transfer"), place)
        sections += [retrieval.identity_section(found), retrieval.hair_section(found)]
        sections.append(retrieval.picture_section(folder / "retrieval"))
        first += retrieval.cards(found)
        origins.append(
            origin("Retrieval", found["provenance"], f"seed {found['seed']}, gallery from seed {found['first_seed']:,}")
        )
    if shown := benchmark.section(folder / "benchmark"):
        sections.append(shown)
        origins += benchmark_origins(folder / "benchmark")
    if (place := folder / "photos" / "photos.json").is_file():
        content = read_json(place)
        check(content, ("provenance", "figures"), place)
        sections.append(photos.section(content, folder / "photos"))
        origins.append(origin("Photos", content["provenance"], f"seed {content['seed']}"))
    if (place := folder / "scorer.json").is_file():
        content = read_json(place)
        check(content, ("provenance", "rank_1", "auc"), place)
        sections.append(scorer_section(content))
        origins.append(origin("Scorer", content["provenance"], "no random numbers"))
    if not origins:
        raise ValueError(
            f"{folder} holds no results (retrieval/, benchmark/, photos/, scorer.json): give the folder "
            f"above your results, or run python -m evaluation.retrieval --out {folder}/retrieval first"
        )
    lead = html.paragraph("Every figure with its interval, its controls and the command that made it.", "soft")
    return html.page(
        title, lead + html.cards(first), [*sections, html.section("Where the figures come from", *origins)]
    )


def check(content: Any, names: tuple[str, ...], path: Path) -> None:
    """ValueError unless a file holds what this version writes."""
    if not isinstance(content, dict) or any(name not in content for name in names):
        raise ValueError(f"{path} is not a result of this version: run the command that made it again")


def scorer_section(found: dict[str, Any]) -> str:
    """What a face network says of people who are known."""
    row = [found["title"], f"{found['photos']} of {found['people']}", str(found["undetected"]),
           retrieval.share(found, "rank_1"), f"{found['auc']:.4f}",
           retrieval.percent(found["true_accepts"])]  # fmt: skip
    return html.section(
        "Does the face network know people?",
        html.paragraph("Photos of known people: each is looked for among all others, and all pairs are compared."),
        html.table(
            ["", "photos of people", "no face found", "rank-1", "AUC", "true accepts at 0.1 % false"], [row], None
        ),
    )


def benchmark_origins(folder: Path) -> list[str]:
    """The origin of each method's figures."""
    parts = []
    for name, found in benchmark.methods_in(folder).items():
        digests = {
            role: {"file": role, "sha256": digest} for role, digest in found.get("weights_sha256", {}).items() if digest
        }
        told = {"command": found.get("command", ""), "versions": found.get("versions", {}), "weights": digests}
        sums = [f"list {str(found.get('list_sha256'))[:16]}", f"pictures {str(found.get('pictures_sha256'))[:16]}"]
        parts.append(origin(f"Benchmark, {name}", told, f"seed {found.get('seed')}, sha256 of " + ", ".join(sums)))
    return parts


def origin(title: str, told: dict[str, Any], seeds: str) -> str:
    """A command, its seeds, versions and weights."""
    versions = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
    rows = [[role, file["file"], html.Markup(f"<code>{html.escape(file['sha256'])}</code>")]
            for role, file in told["weights"].items()]  # fmt: skip
    return (
        f"<h3>{html.escape(title)}</h3>"
        + html.preformatted(told["command"])
        + html.paragraph(f"{seeds}; {versions}", "soft")
        + (html.table(["network", "file", "sha256"], rows, None) if rows else "")
    )
