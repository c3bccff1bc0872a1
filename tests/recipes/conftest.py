"""Renders and commands for the recipes of networks that read faces."""

import subprocess
import sys
from pathlib import Path

import pytest

from recipes.renders import Plan, write_set


@pytest.fixture(scope="session")
def faces(tmp_path_factory):
    """A small set of heads with labels and landmarks."""
    folder = tmp_path_factory.mktemp("faces")
    write_set(Plan("faces", heads=12, wigs=1, poses=2, size=32, first=0, shard_size=24), folder, workers=1)
    return folder


@pytest.fixture
def train_twice(faces, checkout, tmp_path):
    """Runs a recipe's command for 4 steps, then again, which must change no byte; returns the file and what it said."""

    def run(recipe: str, *more: str, renders: Path = faces) -> tuple[Path, str]:
        out = tmp_path / f"{recipe}.safetensors"
        flags = [f"--renders={renders}", f"--out={out}", f"--state={tmp_path / 'state'}", "--steps=4", "--batch=8"]
        flags += more
        command = [sys.executable, "-m", f"recipes.{recipe}", *flags]
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        before = out.read_bytes()
        again = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
        assert again.returncode == 0 and out.read_bytes() == before
        return out, done.stdout

    return run
