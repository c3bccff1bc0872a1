import dataclasses
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist

import hairnet.train
from data.command import run
from data.shards import read_arrays, read_attrs, write_arrays
from data.weights import load_network as read_network
from hairnet import load_network
from hairnet.lesson import Lesson
from hairnet.recipe import Recipe
from hairnet.state import LOG, STATE
from hairnet.train import main, rate_factor, take_step, train

PAIRS = "{}/pairs-00000.h5"


def run_training(world, out: Path, recipe: Recipe, every: int = 2) -> None:
    train(world.pairs, out, recipe, str(world.generator), str(world.embedder), str(world.embedder), str(world.parser),
          every, "cpu")  # fmt: skip


def bytes_of(out: Path) -> bytes:
    return (out / "hairnet.safetensors").read_bytes()


def records(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / LOG).read_text().splitlines()]


@pytest.fixture(scope="module")
def trained(world, recipe, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    run_training(world, out, recipe)
    return out


def test_a_training_leaves_a_network_a_picture_and_a_log(trained):
    assert {path.name for path in trained.iterdir()} == {"hairnet.safetensors", "validation.png", LOG}
    figures = records(trained)[-1]["validation"]
    assert {"w", "identity", "swapped_identity", "swapped_hair"} <= figures.keys()
    recipe = read_network(trained / "hairnet.safetensors")[1]["recipe"]
    assert recipe["steps"] == 8 and recipe["generator_sha256"] and recipe["validation"] == figures


def test_the_trained_network_loads_and_transfers(trained):
    net = load_network(trained / "hairnet.safetensors", "cpu")
    crops = torch.rand(2, 3, 48, 48) * 2 - 1
    ws = net.codes(crops, crops.flip(0))
    assert ws.shape == (2, net.generator.num_ws, net.generator.w_dim)
    assert net.pictures(ws).shape == (2, 3, 32, 32)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(world, recipe, trained, tmp_path):
    run_training(world, tmp_path / "same", recipe)
    run_training(world, tmp_path / "other", dataclasses.replace(recipe, seed=1))
    assert bytes_of(tmp_path / "same") == bytes_of(trained) != bytes_of(tmp_path / "other")


def test_a_killed_training_goes_on_to_the_same_bytes(world, recipe, trained, tmp_path):
    process = multiprocessing.get_context("fork").Process(target=run_training, args=(world, tmp_path, recipe))
    torch.set_num_threads(1)
    process.start()
    while process.is_alive() and not (tmp_path / STATE).exists():
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert not (tmp_path / "hairnet.safetensors").exists(), "it was to be killed before its end"
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
        patch.setattr("hairnet.train.save_hairnet", interrupted)
        run_training(world, tmp_path / "out", recipe)
    assert (tmp_path / "out" / STATE).exists()
    with pytest.raises(ValueError, match="state.safetensors belongs to a training with pairs_sha256"):
        run_training(dataclasses.replace(world, pairs=other_pairs(world, tmp_path / "other")), tmp_path / "out", recipe)


def test_the_recorded_command_says_all_that_decides(world, trained):
    command = read_network(trained / "hairnet.safetensors")[1]["recipe"]["command"]
    networks = f"--generator {world.generator} --identity {world.embedder} --hair {world.embedder}"
    assert f"{networks} --parser {world.parser} --steps 8 --batch 8 --lr 0.0015 --seed 0 --amp false" in command


def test_pairs_of_another_generator_are_refused(world, recipe, tmp_path):
    arrays = read_arrays(PAIRS.format(world.pairs))
    write_arrays(tmp_path / "pairs-00000.h5", arrays, {"generator_sha256": "0" * 64})
    with pytest.raises(ValueError, match="another generator"):
        run_training(dataclasses.replace(world, pairs=tmp_path), tmp_path / "out", recipe)
    assert not (tmp_path / "out").exists()


def test_a_training_lowers_the_distance_in_w(world, recipe, tmp_path):
    plan = dataclasses.replace(recipe.plan, batch=24)
    recipe = dataclasses.replace(recipe, steps=50, unjudged=1.0, lr=1e-2, plan=plan)
    run_training(world, tmp_path, recipe, every=100)
    logged = [record["w"] for record in records(tmp_path) if "w" in record]
    assert logged[-1] < 0.8 * logged[0]


def test_the_learning_rate_warms_up_and_falls_to_a_hundredth(recipe):
    factors = [rate_factor(step, dataclasses.replace(recipe, steps=100, warmup=10)) for step in range(100)]
    assert factors[0] == 0.1 and max(factors) == factors[9] == 1.0 and 0.009 < factors[-1] < 0.012


@pytest.mark.parametrize(
    "words, message",
    [
        (["--stpes", "5"], "--steps"),
        (["--steps", "0"], "--steps is 0"),
        (["--steps", "1000000000"], "--steps is 1000000000: a training has 1 to"),
        (["--seed", "-1"], "--seed is -1"),
        (["--seed", str(2**32)], "--seed is 4294967296"),
        (["--device", "gpu"], "--device is gpu"),
        (["--device", "cuda:99"], "--device is cuda:99"),
        (["--amp", "yes"], "--amp is true or false"),
        (["--preset", "huge"], "--preset is one of"),
        (["--pairs", "missing"], "missing is not a folder"),
    ],
)
def test_a_wrong_flag_ends_with_one_sentence_before_anything_runs(world, tmp_path, capsys, words, message):
    flags = ["--out", str(tmp_path / "out"), "--generator", str(world.generator), "--hair", "none",
             "--parser", str(world.parser)]  # fmt: skip
    for flag, value in (("--pairs", world.pairs), ("--identity", world.embedder), ("--device", "cpu")):
        flags += [] if flag in words else [flag, str(value)]
    with pytest.raises(SystemExit) as end:
        run(main, flags + words)
    error = capsys.readouterr().err
    assert end.value.code == 2 and message in error and len(error.strip().splitlines()) == 1, error
    assert not (tmp_path / "out").exists()


def spied_on(keep):
    """`take_step` that hands network and step to `keep` after each step."""

    def step(model, network, ema, optimizer, recipe, number):
        terms = take_step(model, network, ema, optimizer, recipe, number)
        keep(network, number)
        return terms

    return step


def train_as_rank(rank: int, size: int, meeting: Path, folder: Path, world, recipe: Recipe) -> None:
    """One process of a world; leaves the weights and gradients of each step in the folder."""

    def keep(network, number):
        kept = {name: (p.detach(), p.grad) for name, p in network.named_parameters()}
        torch.save(kept, folder / f"rank-{rank}-step-{number}.pt")

    torch.set_num_threads(1)
    hairnet.train.take_step = spied_on(keep)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size)
    train(world.pairs, folder / "out", recipe, str(world.generator), str(world.embedder), str(world.embedder),
          str(world.parser), 100, "cpu", rank, size)  # fmt: skip
    dist.destroy_process_group()


class BothLessons(torch.nn.Module):
    """What two processes learn in one step, in one."""

    def __init__(self, lesson):
        super().__init__()
        self.lessons = [
            Lesson(lesson.network, *lesson._teachers, lesson.plan, lesson.seed, rank, world=2) for rank in (0, 1)
        ]

    def forward(self, step, judged):
        (loss, terms), (other, _) = (lesson(step, judged) for lesson in self.lessons)
        return (loss + other) / 2, terms


def test_two_processes_take_the_steps_of_one_that_learns_both_shares(world, recipe, tmp_path, monkeypatch):
    recipe = dataclasses.replace(recipe, steps=2, unjudged=0.0)
    processes = [
        multiprocessing.get_context("spawn").Process(
            target=train_as_rank, args=(rank, 2, tmp_path / "meeting", tmp_path, world, recipe)
        )
        for rank in (0, 1)
    ]
    for process in processes:
        process.start()

    alone = {}

    def step(model, network, *rest):
        terms = take_step(BothLessons(model), network, *rest)
        alone[rest[-1]] = {name: p.grad.clone() for name, p in network.named_parameters()}
        return terms

    monkeypatch.setattr("hairnet.train.take_step", step)
    run_training(world, tmp_path / "alone", recipe)
    for process in processes:
        process.join()
        assert process.exitcode == 0

    for number in range(2):
        ranks = [torch.load(tmp_path / f"rank-{rank}-step-{number}.pt", weights_only=True) for rank in (0, 1)]
        for name, (weight, gradient) in ranks[0].items():
            assert torch.equal(weight, ranks[1][name][0])
            if number == 0:  # later, Adam has made much of what was rounding
                difference = (gradient - alone[number][name]).norm()
                assert difference < 1e-3 * alone[number][name].norm() + 1e-6, name


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
    assert net.config["recipe"]["plan"] | {"weights": 0} == {"batch": 16, "pictures": 4, "swaps": 4, "weights": 0}
