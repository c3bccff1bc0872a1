"""Renders, samples and commands for the recipes of networks that read faces."""

import subprocess
import sys
from pathlib import Path

import pytest

from recipes.generated_people import main as generate_people
from recipes.renders import Plan, write_set


@pytest.fixture(scope="session")
def faces(tmp_path_factory):
    """A small set of heads with labels and landmarks."""
    folder = tmp_path_factory.mktemp("faces")
    write_set(Plan("faces", heads=12, wigs=1, poses=2, size=32, first=0, shard_size=24), folder, workers=1)
    return folder


@pytest.fixture(scope="session")
def renders(tmp_path_factory):
    """Eight persons, each with three of eight hairstyles in two poses, larger than the generator's pictures."""
    folder = tmp_path_factory.mktemp("people")
    write_set(Plan("people", heads=8, wigs=3, poses=2, size=96, first=0, shard_size=48), folder, workers=1)
    return folder


@pytest.fixture(scope="session")
def wigs(tmp_path_factory):
    """The eight hairstyles of `renders` alone."""
    folder = tmp_path_factory.mktemp("wigs")
    write_set(Plan("wigs", heads=8, wigs=1, poses=2, size=32, first=0, shard_size=16), folder, workers=1)
    return folder


@pytest.fixture(scope="session")
def people(tmp_path_factory):
    """Eight persons of the built-in generator, two pictures each."""
    folder = tmp_path_factory.mktemp("generated")
    generate_people(out=folder, classes=8, views=2, shard_size=4, workers=1)
    return folder


@pytest.fixture(scope="session")
def hairs(tmp_path_factory):
    """Eight hairstyles of the built-in generator, two pictures each."""
    folder = tmp_path_factory.mktemp("hairs")
    generate_people(out=folder, same="hair", classes=8, views=2, shard_size=4, workers=1)
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
