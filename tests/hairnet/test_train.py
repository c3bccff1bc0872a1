"""What a training makes and learns from, and which flags it refuses."""

import dataclasses

import numpy as np
import pytest
import torch

from data.command import run
from data.files import sha256
from data.shards import read_arrays, read_attrs, write_arrays
from data.weights import load_network as read_network
from hairnet import load_network
from hairnet.network import arch_of
from hairnet.train import main
from hairnet.training.lesson import Lesson
from hairnet.training.loop import Place, train
from hairnet.training.losses import Weights
from hairnet.training.recipe import Recipe
from hairnet.training.state import LOG
from hairnet.training.step import rate_factor
from tests.hairnet.trainings import PAIRS, TOY, bytes_of, networks_of, records, run_training


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


def test_the_recorded_command_says_all_that_decides(world, trained):
    command = read_network(trained / "hairnet.safetensors")[1]["recipe"]["command"]
    networks = f"--generator {world.generator} --identity {world.embedder} --hair {world.embedder}"
    assert f"{networks} --parser {world.parser} --steps 8 --batch 8 --lr 0.0015 --seed 0 --amp false" in command


def test_a_training_goes_on_from_another_network(world, recipe, trained, tmp_path):
    start = trained / "hairnet.safetensors"
    still = dataclasses.replace(recipe, steps=1, lr=1e-9)
    run_training(world, tmp_path / "on", still, start=start)
    run_training(world, tmp_path / "anew", still)
    folders = (trained, tmp_path / "on", tmp_path / "anew")
    before, on, anew = (read_network(path / "hairnet.safetensors") for path in folders)
    far = [max((one[0][name] - before[0][name]).abs().max() for name in before[0]) for one in (on, anew)]
    assert far[0] < 1e-5 < 1e-3 < far[1]
    told, first = on[1]["recipe"]["start"], before[1]["recipe"]
    assert told == {"sha256": sha256(start)} | {name: first[name] for name in told if name != "sha256"}
    assert {"identity", "hair", "parser", "command"} <= told.keys(), "its judges are known by their sha256"
    assert f"--start-from {start}" in on[1]["recipe"]["command"] and "start" not in anew[1]["recipe"]
    with pytest.raises(ValueError, match="a training with start"):
        run_training(world, tmp_path / "on", still)


def test_a_network_of_another_architecture_is_no_start(world, recipe, trained, tmp_path):
    other = dataclasses.replace(recipe, network=recipe.network | {"pool": 1})
    with pytest.raises(ValueError, match="--start-from .* is another network .*, by its pool: give"):
        run_training(world, tmp_path / "out", other, start=trained / "hairnet.safetensors")
    assert not (tmp_path / "out").exists()


def test_a_network_to_go_on_from_keeps_learning_its_batch_statistics(world, recipe, tmp_path):
    published = dataclasses.replace(recipe, arch="subrtova", network=TOY, steps=2)
    run_training(world, tmp_path / "first", published)
    run_training(world, tmp_path / "on", published, start=tmp_path / "first" / "hairnet.safetensors")
    before, after = (read_network(tmp_path / name / "hairnet.safetensors")[0] for name in ("first", "on"))
    counted = [name for name in before if name.endswith("running_mean")]
    assert counted and all(not torch.equal(before[name], after[name]) for name in counted)


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
    train(world.pairs, tmp_path / "without", recipe, networks_of(world, hair="none"), Place("cpu"), 100)
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


def test_a_curriculum_trains_and_its_gaps_are_checked_before_any_work(world, recipe, tmp_path):
    recipe = with_plan(dataclasses.replace(recipe, steps=4, unjudged=1.0), widening=2)
    run_training(world, tmp_path / "out", recipe)
    command = read_network(tmp_path / "out" / "hairnet.safetensors")[1]["recipe"]["command"]
    assert command.endswith("--curriculum 0.5")
    arrays = read_arrays(PAIRS.format(world.pairs))
    arrays["yaw_gap"][7] = np.nan
    write_arrays(tmp_path / "pairs-00000.h5", arrays, read_attrs(PAIRS.format(world.pairs)))
    with pytest.raises(ValueError, match="pairs-00000.h5 has no yaw_gap of 40 finite numbers"):
        run_training(dataclasses.replace(world, pairs=tmp_path), tmp_path / "none", recipe)
    assert not (tmp_path / "none").exists()


def test_a_parser_can_add_a_perceptual_term(world, recipe, tmp_path):
    networks = networks_of(world, hair="none", perceptual="parser")
    train(world.pairs, tmp_path, dataclasses.replace(recipe, steps=2, unjudged=0.0), networks, Place("cpu"), 100)
    assert records(tmp_path)[0]["known_perceptual"] > 0


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


@pytest.mark.gpu
@pytest.mark.parametrize("precision", [{}, {"amp": True}, {"fp16": True}], ids=["fp32", "bf16", "fp16"])
def test_a_gpu_trains_in_every_precision(world, recipe, tmp_path, precision):
    recipe = dataclasses.replace(recipe, **precision)
    train(world.pairs, tmp_path, recipe, networks_of(world), Place("cuda"), 4)
    assert all(np.isfinite(value) for value in records(tmp_path)[-1]["validation"].values())
