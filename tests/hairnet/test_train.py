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
from hairnet.losses import Weights
from hairnet.network import arch_of
from hairnet.recipe import Recipe
from hairnet.state import LOG, STATE
from hairnet.step import rate_factor
from hairnet.train import main, train

PAIRS = "{}/pairs-00000.h5"
SMALL = dict(size=32, stem=8, widths=(8, 16), blocks=(1, 1), pool=4, features=16, embedding=16, fusion=32)
TOY = {"stages": [[16, 1], [16, 1]]}  # of the published architecture


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
    assert {path.name for path in trained.iterdir()} == {"hairnet.safetensors", "validation.png", LOG, "log.csv"}
    assert [record["step"] for record in records(trained)[:2]] == [1, 2]
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


def with_plan(recipe: Recipe, **changes) -> Recipe:
    return dataclasses.replace(recipe, plan=dataclasses.replace(recipe.plan, **changes))


def test_the_published_architecture_is_trained_by_the_same_command(world, recipe, tmp_path):
    run_training(world, tmp_path, dataclasses.replace(recipe, arch="subrtova", network=TOY))
    net = load_network(tmp_path / "hairnet.safetensors", "cpu")
    assert arch_of(net.network) == "subrtova" and net.network.config.size == 32
    assert "--amp false --arch subrtova" in net.config["recipe"]["command"]


@pytest.mark.parametrize("step", [1, 6])  # before and after results are judged
def test_numbers_that_are_not_finite_end_it_with_the_batch_kept(world, recipe, tmp_path, monkeypatch, step):
    def poisoned(lesson, number, judged):
        known, other, face, *rest = batch(lesson, number, judged)
        return known, other, face * torch.nan if number == step else face, *rest

    with monkeypatch.context() as patch:
        batch = Lesson.batch
        patch.setattr(Lesson, "batch", poisoned)
        with pytest.raises(ValueError, match=f"of step {step + 1} is infinite or no number: its batch is in"):
            run_training(world, tmp_path, recipe)
    tensors, config = read_network(tmp_path / "not-finite-0.safetensors")
    assert config["step"] == step and tensors["face_input"].isnan().all() and tensors["face_input"].shape[0] == 8
    assert tensors["w_face"].isfinite().all() and not (tmp_path / "hairnet.safetensors").exists()
    run_training(world, tmp_path, recipe)  # goes on from the last checkpoint, whose network was a good one
    assert all(np.isfinite(value) for value in records(tmp_path)[-1]["validation"].values())


def test_a_weight_of_zero_leaves_its_term_without_effect(world, recipe, tmp_path):
    recipe = with_plan(recipe, weights=Weights(hair=0.0))
    run_training(world, tmp_path / "with", recipe)
    train(world.pairs, tmp_path / "without", recipe, str(world.generator), str(world.embedder), "none",
          str(world.parser), 100, "cpu")  # fmt: skip
    judged, blind = (
        next(line for line in records(tmp_path / x) if "unknown_mask" in line) for x in ("with", "without")
    )
    assert judged["unknown_hair"] > 0 and "unknown_hair" not in blind
    weights = {name: getattr(recipe.plan.weights, name.rpartition("_")[2], 0) for name in judged}
    total = sum(weight * judged[name] for name, weight in weights.items())
    assert abs(judged["loss"] - total) < 1e-4 * total
    assert "--weights hair=0" in read_network(tmp_path / "with" / "hairnet.safetensors")[1]["recipe"]["command"]


def test_mirrored_steps_learn_from_pictures_alone(world, recipe, tmp_path):
    run_training(world, tmp_path, with_plan(dataclasses.replace(recipe, unjudged=0.0), mirrored=1.0))
    terms = records(tmp_path)[0].keys()
    assert "known_pixels" in terms and "unknown_identity" in terms and not {"w", "returned_w"} & terms


def test_a_parser_can_add_a_perceptual_term(world, recipe, tmp_path):
    train(world.pairs, tmp_path, dataclasses.replace(recipe, steps=2, unjudged=0.0), str(world.generator),
          str(world.embedder), "none", str(world.parser), 100, "cpu", perceptual="parser")  # fmt: skip
    assert records(tmp_path)[0]["known_perceptual"] > 0


def test_float16_is_resumed_with_its_scaler(world, recipe, tmp_path, monkeypatch):
    recipe = dataclasses.replace(recipe, fp16=True, steps=4)
    run_training(world, tmp_path / "whole", recipe)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("hairnet.train.save_hairnet", interrupted)
        run_training(world, tmp_path / "again", recipe)
    assert read_network(tmp_path / "again" / STATE)[1]["scaler"]["scale"] > 0
    run_training(world, tmp_path / "again", recipe)
    assert bytes_of(tmp_path / "again") == bytes_of(tmp_path / "whole")


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


def train_as_rank(rank: int, size: int, meeting: Path, out: Path, world, recipe: Recipe) -> None:
    """One process of a world, which logs every step."""
    hairnet.train.LOG_EVERY = 1
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size)
    train(world.pairs, out, recipe, str(world.generator), str(world.embedder), str(world.embedder), str(world.parser),
          100, "cpu", rank, size)  # fmt: skip
    dist.destroy_process_group()


NETWORKS = [
    pytest.param(("hairnet", SMALL, 1e-4, {}), id="groups"),
    pytest.param(("hairnet", SMALL | {"norm": "batch"}, 1e-4, {}), id="batch norm"),
    pytest.param(("subrtova", TOY, 1e-3, {}), id="subrtova"),  # rounding grows faster where codes are free to leave W
    # At the rate of the preset for several processes: Adam makes whole steps of the gradients that are rounding alone,
    # of which millions of weights have some.
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
    monkeypatch.setattr("hairnet.train.LOG_EVERY", 1)
    run_training(world, tmp_path / "alone", recipe, every=100)
    for process in processes:
        process.join()
        assert process.exitcode == 0
    alone, together = (records(tmp_path / name)[:-1] for name in ("alone", "together"))
    assert len(alone) == len(together) == 50
    for one, other in zip(alone, together, strict=True):
        assert one.keys() == other.keys()
        for name in one.keys() - {"pairs_per_second"}:
            assert abs(one[name] - other[name]) <= tolerance * max(1, abs(one[name])), (one["step"], name)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", [{}, {"amp": True}, {"fp16": True}], ids=["fp32", "bf16", "fp16"])
def test_a_gpu_trains_in_every_precision(world, recipe, tmp_path, precision):
    recipe = dataclasses.replace(recipe, **precision)
    train(world.pairs, tmp_path, recipe, str(world.generator), str(world.embedder), str(world.embedder),
          str(world.parser), 4, "cuda")  # fmt: skip
    assert all(np.isfinite(value) for value in records(tmp_path)[-1]["validation"].values())


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
