"""The digest of the programs: what changes it, and that every kept figure depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluation import provenance
from evaluation.benchmark import work
from evaluation.benchmark.methods import Chosen
from evaluation.benchmark.score import Judges
from evaluation.judge import facts_of
from evaluation.provenance import PACKAGES_OF_OURS, programs_sha256
from tests.evaluation.conftest import World


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small project of one program per package."""
    for name in (*(f"{package}/inner/a.py" for package in PACKAGES_OF_OURS), "evaluation/studio.py", "evaluation/b.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    programs_sha256.cache_clear()
    yield tmp_path
    programs_sha256.cache_clear()


@pytest.mark.parametrize("name", [*(f"{package}/inner/a.py" for package in PACKAGES_OF_OURS), "evaluation/studio.py"])
def test_every_program_that_pictures_depend_on_changes_the_digest(programs: Path, name: str) -> None:
    before = programs_sha256("studio.py")
    (programs / name).write_text("changed")
    programs_sha256.cache_clear()
    assert programs_sha256("studio.py") != before


def test_what_is_only_told_of_figures_changes_nothing_but_names_do(programs: Path) -> None:
    before = programs_sha256("studio.py")
    (programs / "evaluation/b.py").write_text("changed")
    programs_sha256.cache_clear()
    assert programs_sha256("studio.py") == before
    (programs / "hairnet/inner/a.py").rename(programs / "hairnet/inner/b.py")
    programs_sha256.cache_clear()
    assert programs_sha256("studio.py") != before


def test_what_is_kept_of_the_benchmark_and_of_retrieval_names_its_programs(world: World, tmp_path: Path) -> None:
    plan = work.Plan([], 64, tmp_path, tmp_path, Judges.find(), 1)
    assert work.facts_of(plan, Chosen("truth"), [])["programs"] == programs_sha256(*work.PROGRAMS)
    assert facts_of(world.setup)["programs"] == programs_sha256("studio.py")
