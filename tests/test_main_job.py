"""`make dataset directions train` from end to end: killed wherever it may be, it ends with the same files."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FACES, STEPS = 512, 40
EXACT = ("faces/*.h5", "pairs/*.h5", "directions/*.json", "hairnet/hairnet.safetensors")  # under the folder of a run


@pytest.fixture
def job(checkout, tmp_path):
    """The command for a run of a small size into a folder, with this Python instead of one that it installs."""
    stamp = tmp_path / "installed"
    stamp.touch()

    def command(run: Path) -> list[str]:
        flags = [f"RUN={run}", f"SEEDS=0-{FACES - 1}", "SHARD_SIZE=128", f"STEPS={STEPS}"]
        flags += ["ATTRIBUTES=yaw,pitch,hair_length"]
        flags += [f"STAMP={stamp}", f"RUN_PYTHON={sys.executable} -m"]
        return ["make", "-C", str(checkout), "dataset", "directions", "train", *flags]

    return command


def hashes(run: Path) -> dict[str, str]:
    """sha256 of every file that has to be the same."""
    files = sorted(path for pattern in EXACT for path in run.glob(pattern))
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_main_job_killed_anywhere_ends_with_the_same_files(job, tmp_path):
    start = time.monotonic()
    whole = subprocess.run(job(tmp_path / "whole"), capture_output=True, text=True)
    seconds = time.monotonic() - start
    assert whole.returncode == 0, whole.stderr[-2000:]

    draw, kills = random.Random(0), 0
    while True:
        running = subprocess.Popen(
            job(tmp_path / "broken"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            ended = running.wait(timeout=None if kills == 8 else draw.uniform(0.05, 0.4) * seconds)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)  # make and everything that it started
            running.wait()
            kills += 1
            continue
        assert ended == 0
        break
    assert kills >= 3
    expected, found = hashes(tmp_path / "whole"), hashes(tmp_path / "broken")
    assert len(expected) > 10 and found == expected
    assert not [path for path in (tmp_path / "broken").rglob("*") if path.name.startswith(".") or ".tmp" in path.name]
