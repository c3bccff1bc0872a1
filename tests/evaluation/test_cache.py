"""Embeddings on disk: the same bits whoever makes them, only what is missing is made, strangers are refused."""

from __future__ import annotations

import multiprocessing
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from data.shards import write_arrays
from evaluation import cache
from evaluation.cache import checked, gallery_jobs, make, read, read_rows, transfer_jobs
from evaluation.studio import Studio
from tests.evaluation.conftest import World

FACTS = {"psi": 1.0}


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "GALLERY_ROWS", 5)
    monkeypatch.setattr(cache, "QUERY_ROWS", 2)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.h5"))}


def test_a_seed_has_the_same_embedding_in_any_company(world: World) -> None:
    studio = Studio(world.setup)
    alone, together = studio.gallery(np.array([7])), studio.gallery(np.array([3, 9, 7, 1] * 6))
    assert alone["embedding"].tobytes() == together["embedding"][2:3].tobytes()
    assert np.allclose(np.linalg.norm(together["embedding"], axis=1), 1, atol=1e-5)


def test_a_transfer_is_the_same_in_any_company(world: World) -> None:
    studio = Studio(world.setup)
    alone = studio.transfers(np.array([7]), np.array([2]))
    together = studio.transfers(np.array([5, 7]), np.array([4, 2]))
    assert alone["transfer"].tobytes() == together["transfer"][1:].tobytes()
    assert alone["reconstruction"].tobytes() == together["reconstruction"][1:].tobytes()


def test_the_number_of_processes_changes_no_byte(world: World, tmp_path: Path, small_files: None) -> None:
    for workers in (1, 2):
        make(gallery_jobs(tmp_path / str(workers), FACTS, 0, 12), world.setup, workers)
    one, two = bytes_of(tmp_path / "1"), bytes_of(tmp_path / "2")
    assert len(one) == 3
    assert one == two


def test_only_what_is_missing_is_made_again(world: World, tmp_path: Path, small_files: None) -> None:
    jobs = gallery_jobs(tmp_path, FACTS, 0, 12)
    assert make(jobs, world.setup, 1) == 12
    whole = bytes_of(tmp_path)
    times = [job.path.stat().st_mtime_ns for job in jobs]
    jobs[1].path.unlink()
    assert make(jobs, world.setup, 1) == 5
    assert bytes_of(tmp_path) == whole
    assert [jobs[k].path.stat().st_mtime_ns for k in (0, 2)] == [times[0], times[2]]
    assert make(jobs, world.setup, 1) == 0


def test_a_larger_gallery_starts_from_a_smaller_one(world: World, tmp_path: Path, small_files: None) -> None:
    make(gallery_jobs(tmp_path, FACTS, 0, 12), world.setup, 1)
    assert make(gallery_jobs(tmp_path, FACTS, 0, 20), world.setup, 1) == 10  # rows 10 and 11 were an unfinished range


def test_rows_are_read_in_the_order_asked_for(world: World, tmp_path: Path, small_files: None) -> None:
    jobs = gallery_jobs(tmp_path, FACTS, 100, 12)
    make(jobs, world.setup, 1)
    everything = read(jobs)
    assert everything["seed"].tolist() == list(range(100, 112))
    rows = np.array([11, 0, 5, 5])
    assert (read_rows(jobs, rows) == everything["embedding"][rows]).all()


def test_other_facts_go_into_another_folder(tmp_path: Path) -> None:
    jobs = [gallery_jobs(tmp_path, {"psi": psi}, first, 3)[0] for psi, first in ((1.0, 0), (0.7, 0), (1.0, 5))]
    assert len({job.path.parent for job in jobs}) == 3
    pairs = [transfer_jobs(tmp_path, FACTS, np.array([1, 2]), np.array(hair))[0] for hair in ([3, 4], [4, 3])]
    assert pairs[0].path.parent != pairs[1].path.parent


@pytest.mark.parametrize("change", ["seeds", "facts"])
def test_a_file_of_other_seeds_or_networks_is_refused(tmp_path: Path, change: str) -> None:
    job = gallery_jobs(tmp_path, FACTS, 0, 3)[0]
    seeds = np.arange(3) + (change == "seeds")
    facts = {**job.facts, "psi": 0.5} if change == "facts" else job.facts
    write_arrays(job.path, {"seed": seeds, "embedding": np.ones((3, 4), np.float32)}, facts)
    with pytest.raises(ValueError, match="other seeds or networks; delete it"):
        checked(job)


def test_a_killed_worker_ends_the_run_in_one_sentence(world: World, tmp_path: Path, small_files: None) -> None:
    found = threading.Thread(target=kill_the_first_worker, daemon=True)
    found.start()
    with pytest.raises(ChildProcessError, match="an embedding process was killed: run the command again"):
        make(gallery_jobs(tmp_path, FACTS, 0, 40), world.setup, 2)
    found.join()
    assert not list(tmp_path.rglob(".tmp-*"))


def kill_the_first_worker() -> None:
    """As soon as there is one."""
    while not (workers := multiprocessing.active_children()):
        time.sleep(0.01)
    workers[0].kill()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    job = gallery_jobs(tmp_path, FACTS, 0, 3)[0]
    job.path.parent.mkdir(parents=True)
    job.path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 50)
    with pytest.raises(ValueError, match=job.path.name):
        checked(job)
