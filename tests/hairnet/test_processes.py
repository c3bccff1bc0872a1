"""Several processes train as one."""

import dataclasses
import multiprocessing
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist

import hairnet.training.loop
from data.shards import read_arrays, read_attrs, write_arrays
from hairnet import load_network
from hairnet.split import PointsOfW
from hairnet.training.loop import Place, train
from hairnet.training.recipe import Recipe
from hairnet.training.samples import Samples, read_pairs
from synth import load_generator
from tests.hairnet.conftest import SMALL
from tests.hairnet.trainings import PAIRS, PATIENCE, TOY, networks_of, records, run_training


def train_as_rank(rank: int, size: int, meeting: Path, out: Path, world, recipe: Recipe) -> None:
    """One process of a world, which logs every step."""
    hairnet.training.loop.LOG_EVERY = 1
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size)
    train(world.pairs, out, recipe, networks_of(world), Place("cpu", rank, size), 100)
    dist.destroy_process_group()


NETWORKS = [
    pytest.param(("hairnet", SMALL, 1e-4, {}), id="groups"),
    # At the rate of the preset for several processes: Adam makes whole steps of the gradients that are rounding alone,
    # which batch norms divide by small spreads, of which millions of weights have some, and which grow faster where
    # codes are free to leave W.
    pytest.param(("hairnet", SMALL | {"norm": "batch"}, 1e-4, {"lr": 2e-4, "warmup": 2000}), id="batch norm"),
    pytest.param(("subrtova", TOY, 1e-3, {"lr": 2e-4, "warmup": 2000}), id="subrtova"),
    pytest.param(("hairnet", {}, 1e-4, {"lr": 2e-4, "warmup": 2000}), id="default", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("network", NETWORKS)
def test_two_processes_with_half_the_batch_each_learn_as_one(world, recipe, tmp_path, monkeypatch, network):
    arch, sizes, tolerance, rate = network
    rate = {"warmup": 100} | rate
    recipe = dataclasses.replace(recipe, steps=50, unjudged=0.5, arch=arch, network=sizes, **rate)
    meet = (2, tmp_path / "meeting", tmp_path / "together", world, recipe)
    torch.set_num_threads(1)
    fork = multiprocessing.get_context("fork").Process
    processes = [fork(target=train_as_rank, args=(rank, *meet)) for rank in (0, 1)]
    for process in processes:
        process.start()
    monkeypatch.setattr("hairnet.training.loop.LOG_EVERY", 1)
    run_training(world, tmp_path / "alone", recipe, every=100)
    for process in processes:
        process.join(PATIENCE)
        process.kill()  # does nothing to one that has ended
        assert process.exitcode == 0
    alone, together = (records(tmp_path / name)[:-1] for name in ("alone", "together"))
    assert len(alone) == len(together) == 50
    for one, other in zip(alone, together, strict=True):
        assert one.keys() == other.keys()
        for name in one.keys() - {"pairs_per_second"}:
            assert abs(one[name] - other[name]) <= tolerance * max(1, abs(one[name])), (one["step"], name)


def sampled_as_rank(rank: int, size: int, meeting: Path, out: Path, generator: Path, w: torch.Tensor) -> None:
    """One process of a world, which keeps the pictures that it has."""
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size)
    G = load_generator(generator, "cpu")
    samples = Samples(G, w, PointsOfW(G, w.flatten(0, 1)), raised=0.1, amp=False, rank=rank, world=size)
    torch.save(samples.images, out / f"{rank}.pt")
    dist.destroy_process_group()


def test_processes_share_the_rendering_and_have_the_same_pictures(world, tmp_path, monkeypatch):
    monkeypatch.setattr("hairnet.training.samples.ROWS", 7)  # several parts, the last one smaller
    torch.set_num_threads(1)
    G = load_generator(world.generator, "cpu")
    w = read_pairs(world.pairs, G)
    alone = Samples(G, w, PointsOfW(G, w.flatten(0, 1)), raised=0.1, amp=False).images
    fork = multiprocessing.get_context("fork").Process
    meet = (3, tmp_path / "meeting", tmp_path, world.generator, w)
    processes = [fork(target=sampled_as_rank, args=(rank, *meet)) for rank in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE)
        process.kill()  # does nothing to one that has ended
        assert process.exitcode == 0
    assert all(torch.equal(torch.load(tmp_path / f"{rank}.pt"), alone) for rank in range(3))


@pytest.mark.slow
def test_torchrun_trains_a_network_that_loads(world, checkout, tmp_path):
    many = tmp_path / "pairs"
    arrays = {name: np.concatenate([x] * 4) for name, x in read_arrays(PAIRS.format(world.pairs)).items()}
    write_arrays(many / "pairs-00000.h5", arrays, read_attrs(PAIRS.format(world.pairs)))
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    flags = {"pairs": many, "out": tmp_path, "generator": world.generator, "identity": world.embedder, "hair": "none",
             "parser": world.parser, "steps": 4, "batch": 16, "device": "cpu", "amp": "false"}  # fmt: skip
    words = [f"--{name}={value}" for name, value in flags.items()]
    subprocess.run([*launch, "hairnet.train", *words], cwd=checkout, check=True, capture_output=True)
    net = load_network(tmp_path / "hairnet.safetensors", "cpu")
    assert {"batch": 16, "pictures": 4, "swaps": 4}.items() <= net.config["recipe"]["plan"].items()
