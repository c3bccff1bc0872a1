"""Measuring shards of a tiny generator with a tiny parser."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from data.files import sha256
from data.shards import Shards, attributes_path, read_arrays, read_attrs, shard_path, write_arrays
from directions.attributes import MEASURED
from directions.measure import measure_shards
from directions.pool import MeasuringPool
from directions.scorer import Measurer, Scorer


def copied(folder: Path, to: Path, *leave_out: int) -> Path:
    """A copy of a measured folder without the measurements of some shards."""
    shutil.copytree(folder, to)
    for k in leave_out:
        attributes_path(shard_path(to, k)).unlink()
    return to


def test_every_shard_gets_a_file_of_columns_and_provenance(measured: Path, parser: Path):
    for shard in Shards(measured).paths:
        columns = read_arrays(attributes_path(shard))
        assert set(columns) == {"seed", *MEASURED}
        assert all(columns[name].dtype == np.float32 and columns[name].shape == (30,) for name in MEASURED)
        np.testing.assert_array_equal(columns["seed"], read_arrays(shard, ["seed"])["seed"])
        attrs = read_attrs(attributes_path(shard))
        assert attrs["shard_sha256"] == sha256(shard)
        assert attrs["parser_sha256"] == sha256(parser)
        assert attrs["unit_yaw"] == "deg"


def test_the_columns_are_those_of_the_pictures(measured: Path, parser: Path):
    shards = Shards(measured)
    alone = Measurer(Scorer(str(parser)), "cpu")(shards.images(np.arange(40)))
    for name in MEASURED:
        np.testing.assert_allclose(shards.attributes(name)[:40], alone[name], atol=1e-3)


def test_the_report_says_how_many_faces_were_found(measured: Path):
    report = json.loads((measured / "attributes.json").read_text())
    assert report["faces"] == 90
    assert report["found"] == np.isfinite(Shards(measured).attributes("yaw")).mean()
    assert report["hair_volume"]["measured"] == 1
    assert report["hair_volume"]["sd"] > 1


def test_an_interrupted_run_ends_with_the_same_bytes_for_any_number_of_workers(
    measured: Path, parser: Path, tmp_path: Path
):
    folder = copied(measured, tmp_path / "faces", 0, 2)
    kept = attributes_path(shard_path(folder, 1)).stat().st_mtime_ns
    whole = attributes_path(shard_path(measured, 2))
    fewer = {name: column for name, column in read_arrays(whole).items() if name in ("seed", "yaw")}
    write_arrays(attributes_path(shard_path(folder, 2)), fewer, read_attrs(whole))
    before = [sha256(path) for path in Shards(folder).paths]
    measure_shards(folder, Scorer(str(parser)), workers=2, device="cpu")
    assert attributes_path(shard_path(folder, 1)).stat().st_mtime_ns == kept
    for k in range(3):
        name = attributes_path(shard_path(folder, k)).name
        assert sha256(folder / name) == sha256(measured / name)
    assert [sha256(path) for path in Shards(folder).paths] == before


def test_a_process_of_several_leaves_the_others_their_shards_and_the_report(
    measured: Path, parser: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = copied(measured, tmp_path / "faces", 0, 2)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert measure_shards(folder, Scorer(str(parser)), workers=1, device="cpu") is None
    assert [attributes_path(path).exists() for path in Shards(folder).paths] == [False, True, False]


def test_another_parser_is_refused_in_one_sentence(measured: Path, parser: Path, tmp_path: Path):
    folder = copied(measured, tmp_path / "faces", 2)
    other = tmp_path / "other.safetensors"
    shutil.copy(parser, other)
    with open(other, "ab") as file:
        file.write(b" ")
    with pytest.raises(ValueError, match="shard-00000.attributes.h5 was measured with another --parser"):
        measure_shards(folder, Scorer(str(other)), device="cpu")


def test_measurements_of_another_shard_are_refused(measured: Path, parser: Path, tmp_path: Path):
    folder = copied(measured, tmp_path / "faces")
    shutil.copy(attributes_path(shard_path(folder, 0)), attributes_path(shard_path(folder, 1)))
    with pytest.raises(ValueError, match="belongs to another shard than shard-00001.h5"):
        measure_shards(folder, Scorer(str(parser)), device="cpu")


def test_no_workers_is_refused(parser: Path):
    with pytest.raises(ValueError, match="at least 1"):
        MeasuringPool(Scorer(str(parser)), "cpu", workers=0)


@pytest.mark.slow
def test_a_killed_run_leaves_whole_files_no_processes_and_ends_with_the_same_bytes(
    measured: Path, parser: Path, tmp_path: Path, checkout: Path
):
    folder = copied(measured, tmp_path / "faces", 0, 1, 2)
    command = [sys.executable, "-m", "directions.measure", str(folder), "--parser", str(parser), "--workers", "2"]
    process = subprocess.Popen(command, cwd=checkout, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not attributes_path(shard_path(folder, 0)).exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for path in sorted(measured.iterdir()):
        assert sha256(folder / path.name) == sha256(path)


def test_a_killed_worker_ends_the_run_in_one_sentence(measured: Path, parser: Path):
    images = Shards(measured).images(np.arange(32))
    with MeasuringPool(Scorer(str(parser)), "cpu", workers=1) as pool:
        pool(images)
        for process in multiprocessing.active_children():
            process.kill()
        with pytest.raises(ChildProcessError, match="a measuring process was killed"):
            pool(images)
