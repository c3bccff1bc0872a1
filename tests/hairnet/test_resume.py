"""Trainings that were stopped, are finished, or belong to other settings: what the same command does then."""

import dataclasses
import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import torch

import hairnet.training.loop
from data.shards import read_arrays, read_attrs, write_arrays
from data.weights import load_network as read_network
from hairnet.training.recipe import Recipe
from hairnet.training.state import STATE, save_state
from tests.hairnet.trainings import PAIRS, PATIENCE, bytes_of, run_training


def train_until_its_first_checkpoint(world, out: Path, recipe: Recipe) -> None:
    """For a process of its own: killed, as by kill -9, when the first state has been written."""

    def save(*arguments) -> None:
        save_state(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    hairnet.training.loop.save_state = save
    run_training(world, out, recipe)


def test_a_killed_training_goes_on_to_the_same_bytes(world, recipe, trained, tmp_path):
    fork = multiprocessing.get_context("fork").Process
    process = fork(target=train_until_its_first_checkpoint, args=(world, tmp_path, recipe), daemon=True)
    torch.set_num_threads(1)
    process.start()
    process.join(PATIENCE)
    assert process.exitcode == -signal.SIGKILL
    assert (tmp_path / STATE).exists() and not (tmp_path / "hairnet.safetensors").exists()
    run_training(world, tmp_path, recipe)
    assert bytes_of(tmp_path) == bytes_of(trained)


def test_a_finished_training_says_so_and_changes_nothing(world, recipe, trained, capsys):
    before = bytes_of(trained)
    run_training(world, trained, recipe)
    assert "trained already" in capsys.readouterr().out and bytes_of(trained) == before


def test_a_folder_of_another_training_is_refused(world, recipe, trained):
    with pytest.raises(ValueError, match="seed 0, not 5.*another --out"):
        run_training(world, trained, dataclasses.replace(recipe, seed=5))


def other_pairs(world, folder: Path) -> Path:
    """As many pairs of the same generator, in another order."""
    arrays = {name: x[::-1] for name, x in read_arrays(PAIRS.format(world.pairs)).items()}
    write_arrays(folder / "pairs-00000.h5", arrays, read_attrs(PAIRS.format(world.pairs)))
    return folder


def test_a_finished_training_is_not_that_of_other_pairs(world, recipe, trained, tmp_path):
    before = bytes_of(trained)
    with pytest.raises(ValueError, match="pairs_sha256 .*another --out"):
        run_training(dataclasses.replace(world, pairs=other_pairs(world, tmp_path)), trained, recipe)
    assert bytes_of(trained) == before


def test_an_interrupted_training_does_not_go_on_with_other_pairs(world, recipe, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("hairnet.training.loop.save_hairnet", interrupted)
        run_training(world, tmp_path / "out", recipe)
    assert (tmp_path / "out" / STATE).exists()
    with pytest.raises(ValueError, match="state.safetensors belongs to a training with pairs_sha256"):
        run_training(dataclasses.replace(world, pairs=other_pairs(world, tmp_path / "other")), tmp_path / "out", recipe)


def test_float16_is_resumed_with_its_scaler(world, recipe, tmp_path, monkeypatch):
    recipe = dataclasses.replace(recipe, fp16=True, steps=4)
    run_training(world, tmp_path / "whole", recipe)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("hairnet.training.loop.save_hairnet", interrupted)
        run_training(world, tmp_path / "again", recipe)
    assert read_network(tmp_path / "again" / STATE)[1]["scaler"]["scale"] > 0
    run_training(world, tmp_path / "again", recipe)
    assert bytes_of(tmp_path / "again") == bytes_of(tmp_path / "whole")
