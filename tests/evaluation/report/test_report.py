"""The page: everything inside it, every figure's origin, nothing run that a result file may hold."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.files import sha256, write_json
from evaluation import figures, scores
from evaluation.questions import Answer
from evaluation.report import html, plots
from evaluation.report.build import report
from evaluation.report.retrieval import number, percent
from evaluation.retrieval import retrieval
from tests.evaluation.conftest import World


@pytest.fixture(scope="module")
def results(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    retrieval(20, 4, str(world.network), None, str(world.embedder), str(world.hair),
              out=folder / "retrieval", workers=1, device="cpu")  # fmt: skip
    return folder


def method(name: str, value: float) -> dict[str, Any]:
    figure = {"mean": value, "ci95": [value - 0.1, value + 0.1], "count": 5}
    part = {"triples": 5, "figures": {"identity": figure, "hair_iou": None}}
    return {
        "method": name,
        "command": f"python -m evaluation.benchmark --method {name}",
        "seed": 3,
        "versions": {"benchmark": 1},
        "weights_sha256": {"network": "ab" * 32, "generator": None},
        "list_sha256": "cd" * 32,
        "list_as_stated": True,
        "pictures_sha256": "ef" * 32,
        "pictures_as_stated": False,
        "metrics": {
            "identity": {"unit": "cosine", "better": "higher", "means": "x"},
            "hair_iou": {"unit": "", "better": "higher", "means": "y"},
        },
        "overall": part,
        "buckets": {"easy": part, "hat": part},
        "picture": "none.png",
    }


def test_the_page_needs_nothing_outside_it(results: Path) -> None:
    page = report(results, "A title")
    sources = re.findall(r'(?:src|href)="([^"]{0,40})', page)
    assert sources and all(source.startswith("data:image/") for source in sources)
    assert "<script" not in page and "@import" not in page and "url(" not in page
    assert len(re.findall("data:image/svg", page)) == 5 and "data:image/png" in page


def test_every_part_says_where_it_comes_from(results: Path, world: World) -> None:
    page = report(results, "A title")
    for file in (world.generator, world.network, world.embedder, world.hair):
        assert sha256(file) in page
    assert "torch 2." in page and "seed 0, gallery from seed 1,000,000,000" in page and "<pre><code>python " in page


def test_the_same_results_give_the_same_page(results: Path) -> None:
    assert report(results, "x") == report(results, "x")


def test_the_benchmark_stands_beside_with_its_methods_in_order(results: Path, tmp_path: Path) -> None:
    folder = tmp_path / "benchmark"
    for name, value in (("hairnet", 0.5), ("truth", 1.0), ("copy-face", 0.9), ("mine", 0.7)):
        write_json(folder / f"{name}.json", method(name, value))
    write_json(folder / "comparison.json", {"methods": []})
    page = report(tmp_path, "x")
    heads = re.findall(r"<th>([^<]+)</th>", page)
    assert heads[:4] == ["truth", "copy-face", "hairnet", "mine"]
    assert "identity, cosine ↑" in page and "hair IoU ↑" in page and "hat (5)" in page
    assert "bytes differ from the stated ones" in page
    assert "ab" * 32 in page


def test_names_from_results_are_text_and_nothing_else(tmp_path: Path) -> None:
    evil = method("<script>alert(1)</script>", 0.5)
    evil["command"] = "x</code><img src=y onerror=z>"
    write_json(tmp_path / "benchmark" / "evil.json", evil)
    page = report(tmp_path, "<b>x</b>")
    assert "<script" not in page and "<img src=y" not in page and "<b>x</b>" not in page


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no results"):
        report(tmp_path, "x")
    with pytest.raises(ValueError, match="is not a folder"):
        report(tmp_path / "none", "x")


def test_results_of_another_version_are_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "retrieval" / "retrieval.json", {"transfer": 1})
    with pytest.raises(ValueError, match="retrieval.json is not a result of this version"):
        report(tmp_path, "x")


def test_the_command_writes_the_page_and_refuses_another_name_first(results: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "evaluation.report", str(results), "--out"]
    done = subprocess.run([*command, str(tmp_path / "page.html")], capture_output=True, text=True, check=True)
    assert "page.html" in done.stdout and (tmp_path / "page.html").stat().st_size > 50_000
    done = subprocess.run([*command, str(tmp_path / "page.pdf")], capture_output=True, text=True)
    assert done.returncode == 2 and "end it in .html" in done.stderr and "Traceback" not in done.stderr


def test_plots_are_drawn_for_any_figures() -> None:
    rng = np.random.RandomState(0)
    for gallery in (2, 37, 100_000):
        ranks = rng.randint(1, gallery + 1, 20)
        points = figures.cmc(ranks, gallery)
        sizes = figures.curve(ranks, gallery)
        answer = Answer(ranks, rng.rand(20), rng.rand(20))
        drawn = [
            plots.cmc_plot([("a", "main", points)], gallery),
            plots.size_plot([("a", "main", sizes)]),
            plots.histogram(scores.separation(answer.own, answer.rival)),
        ]
        assert all("<svg" in text and "NaN" not in text for text in drawn)


@pytest.mark.parametrize(
    ("share", "text"), [(0.983, "98.3 %"), (1.0, "100.0 %"), (0.0, "0.0 %"), (1e-5, "0.001 %"), (0.0012, "0.1 %")]
)
def test_shares_are_told_with_digits_that_say_something(share: float, text: str) -> None:
    assert percent(share) == text


def test_numbers_are_told_with_digits_that_say_something() -> None:
    assert [number(x) for x in (1.143, 17.26, 50000.5, None)] == ["1.14", "17.3", "50,000", "–"]


def test_text_is_escaped_and_intervals_are_not() -> None:
    shown = html.table(["<a>"], [["<b>", html.interval("1", "0", "<2>")]])
    assert "&lt;a&gt;" in shown and "&lt;b&gt;" in shown and "<small>0 – &lt;2&gt;</small>" in shown
