"""One self-contained HTML page from the results of an evaluation.

python -m evaluation.retrieval --out runs/evaluation/retrieval
python -m evaluation.benchmark --out runs/evaluation/benchmark
python -m evaluation.report runs/evaluation                          writes runs/evaluation/report.html
"""

from __future__ import annotations

from pathlib import Path

from data.command import run
from data.files import atomic_path, check_file_place
from evaluation.report.build import report


def main(folder: Path, *, out: Path | None = None, title: str = "Hairstyle transfer") -> None:
    """Makes one HTML page of what lies in a folder: tables, plots, pictures, and where each figure comes from.

    Args:
        folder: holds what the other commands of `evaluation` wrote: retrieval/retrieval.json, benchmark/, photos/,
            scorer.json, as many of them as there are
        out: the page; left out: report.html in that folder
        title: the page's title
    """
    target = out or folder / "report.html"
    if target.suffix not in (".html", ".htm"):
        raise ValueError(f"--out {target} is not a name for a page: end it in .html")
    check_file_place(target)
    text = report(folder, title)
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(f"{target} ({len(text) / 1e6:.1f} MB)")


if __name__ == "__main__":
    run(main)
