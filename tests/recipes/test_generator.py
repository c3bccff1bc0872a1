"""The recipe of the built-in generator, at toy size: renders of 32 px, a few steps per stage."""

from __future__ import annotations

import inspect
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from data.files import sha256
from data.shards import read_arrays
from recipes import factors, generator, generator_data
from recipes.generator import command_of, played
from recipes.generator_losses import gabor_bank, pixel_loss, texture_loss
from recipes.generator_plan import parse_plan
from recipes.generator_training import Trainer, code_basis, premap
from synth import latents, load_generator
from synth.networks import Generator
from synth.training.game import r1_penalty

TOY: dict[str, Any] = dict(
    paired="16:0.032,32:0.032", adversarial=0.032, batch=16, channel_base=256, channel_max=16, discriminator_base=256,
    discriminator_max=16, premap_steps=20, held_out=4, checkpoint=0.016, snapshot=0.064, device="cpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def renders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("renders")
    generator_data.main(out=folder, images=24, size=32, shard_size=12, workers=1)
    return folder


@pytest.fixture(scope="module")
def undisturbed(renders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    generator.main(renders, out=folder, keep_snapshots=True, **TOY)
    return folder


def test_the_trained_generator_loads_and_knows_its_recipe(undisturbed: Path) -> None:
    loaded = load_generator(undisturbed / "generator.safetensors", device="cpu")
    assert (loaded.z_dim, loaded.resolution) == (factors.Z_DIM, 32)
    assert loaded.w_avg.abs().sum() > 0
    recipe = loaded.config["recipe"]
    assert recipe["images"] == 96 and recipe["renders"]["count"] == 24
    assert 0 < recipe["figures"]["held_out_l1"] < 2
    pictures = loaded.synthesis(loaded.mapping(latents([1, 2], loaded.z_dim)))
    assert pictures.shape == (2, 3, 32, 32) and pictures.isfinite().all()


def test_the_record_has_the_whole_command_and_its_flags_are_those_of_the_recipe(undisturbed: Path) -> None:
    recipe = load_generator(undisturbed / "generator.safetensors", device="cpu").config["recipe"]
    start, _, flags = recipe["command"].partition(" --")
    words = [text.split(" ") for text in flags.split(" --")]
    given = {name.replace("-", "_"): value for name, value in words}
    assert start == "python -m recipes.generator"
    assert given.keys() <= inspect.signature(generator.main).parameters.keys()
    assert {name: given[name] for name in TOY.keys() & given} == {name: str(TOY[name]) for name in TOY.keys() & given}
    assert len(TOY.keys() & given) == 9 and given["seed"] == "0"


def test_the_record_of_a_training_without_a_discriminator_has_none(undisturbed: Path) -> None:
    recipe = load_generator(undisturbed / "generator.safetensors", device="cpu").config["recipe"]
    alone = played(recipe | {"adversarial": 0.0})
    assert "discriminator" in recipe and "discriminator" not in alone
    assert recipe["weights"].keys() - alone["weights"].keys() == {"adversarial", "pixel_end"}
    assert "torchrun --nproc-per-node 2 -m recipes.generator" in command_of(recipe | {"world": 2})
    assert "--discriminator-base" not in command_of(recipe | {"adversarial": 0.0})


def test_renders_of_another_renderer_are_refused_for_a_new_training_only(
    renders: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator, "maker", lambda: "of tomorrow")
    with pytest.raises(ValueError, match="rendered by another version of the renderer: render anew"):
        generator.main(renders, out=tmp_path, **TOY)
    before = sha256(undisturbed / "generator.safetensors")
    generator.main(renders, out=undisturbed, **TOY)
    assert sha256(undisturbed / "generator.safetensors") == before


def test_the_log_tells_every_stage_and_sheets_show_them(undisturbed: Path) -> None:
    lines = [json.loads(line) for line in (undisturbed / "log.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines if "stage" in line] == ["16", "32", "adversarial"]
    assert lines[-1]["images"] == 96 and "judged" in lines[-1]
    assert (undisturbed / "sheet-000000.png").exists() and (undisturbed / "snapshot-000000.safetensors").exists()


@pytest.mark.parametrize("steps", [3, 6])
def test_a_broken_run_resumes_to_the_same_weights(
    steps: int, renders: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_step = Trainer.step
    taken: list[int] = []

    def step(self: Trainer) -> dict[str, float]:
        if len(taken) == steps:
            raise KeyboardInterrupt
        taken.append(self.images)
        return whole_step(self)

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(Trainer, "step", step)
        generator.main(renders, out=tmp_path, **TOY)
    assert not (tmp_path / "generator.safetensors").exists()
    generator.main(renders, out=tmp_path, **TOY)
    assert sha256(tmp_path / "generator.safetensors") == sha256(undisturbed / "generator.safetensors")


def test_a_resumed_run_logs_nothing_twice(renders: Path, undisturbed: Path, tmp_path: Path) -> None:
    for name in ("state.safetensors", "log.jsonl"):
        (tmp_path / name).write_bytes((undisturbed / name).read_bytes())
    whole = (tmp_path / "log.jsonl").read_text()
    with (tmp_path / "log.jsonl").open("a") as file:  # lines that came after the state, the last one torn
        file.write(json.dumps({"images": 112, "stage": "adversarial"}) + '\n{"ima')
    generator.main(renders, out=tmp_path, **TOY)
    assert (tmp_path / "log.jsonl").read_text() == whole


@pytest.mark.slow
def test_two_processes_killed_and_resumed_make_the_same_weights(renders: Path, checkout: Path, tmp_path: Path) -> None:
    flags = {**TOY, "batch": 32, "paired": "16:0.32,32:0.32", "adversarial": 0.32, "checkpoint": 0.032}
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m",
              "recipes.generator", str(renders), *(f"--{name}={value}" for name, value in flags.items())]  # fmt: skip

    def start(out: Path) -> subprocess.Popen:
        return subprocess.Popen([*launch, f"--out={out}"], cwd=checkout, start_new_session=True,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip

    assert start(tmp_path / "whole").wait(300) == 0
    killed = start(tmp_path / "killed")
    while killed.poll() is None and not (tmp_path / "killed" / "state.safetensors").exists():
        time.sleep(0.005)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed" / "generator.safetensors").exists(), "it was to be killed before its end"
    assert start(tmp_path / "killed").wait(300) == 0
    digests = [sha256(tmp_path / name / "generator.safetensors") for name in ("whole", "killed")]
    assert digests[0] == digests[1]


def test_a_killed_renderer_ends_the_command_in_one_sentence(tmp_path: Path) -> None:
    threading.Thread(target=kill_the_first_worker, daemon=True).start()
    with pytest.raises(ChildProcessError, match="a rendering process was killed: run the command again"):
        generator_data.main(out=tmp_path, images=24, size=32, shard_size=4, workers=2)
    generator_data.main(out=tmp_path, images=24, size=32, shard_size=4, workers=1)
    assert len(generator_data.render_paths(tmp_path)) == 6


def kill_the_first_worker() -> None:
    """As soon as there is one."""
    while not (workers := multiprocessing.active_children()):
        time.sleep(0.01)
    workers[0].kill()


def test_a_run_with_other_flags_does_not_resume(renders: Path, undisturbed: Path) -> None:
    with pytest.raises(ValueError, match="a training with seed 0, not 1"):
        generator.main(renders, out=undisturbed, **{**TOY, "seed": 1})


def test_two_processes_need_a_batch_that_splits(renders: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--batch 24"):
        generator.main(renders, out=tmp_path, **{**TOY, "batch": 24})


def test_a_folder_without_renders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="generator_data"):
        generator.main(tmp_path, out=tmp_path / "out", **TOY)


def test_renders_are_made_once_and_the_same_by_any_worker(renders: Path, tmp_path: Path) -> None:
    path = renders / "renders-00001.h5"
    before = path.stat().st_mtime_ns
    generator_data.main(out=renders, images=24, size=32, shard_size=12, workers=1)
    assert path.stat().st_mtime_ns == before
    generator_data.render_file((tmp_path / path.name, list(range(12, 24)), 32))
    assert sha256(tmp_path / path.name) == sha256(path)
    arrays = read_arrays(path)
    assert arrays["seed"].tolist() == list(range(12, 24)) and arrays["image"].shape == (12, 32, 32, 3)


def test_renders_of_another_size_do_not_mix(renders: Path) -> None:
    with pytest.raises(ValueError, match="--size"):
        generator_data.main(out=renders, images=24, size=16, shard_size=12)


def test_factors_are_uniform_and_every_latent_is_a_head() -> None:
    unit = factors.unit_factors(torch.randn(4000, factors.Z_DIM, generator=torch.Generator().manual_seed(0)))
    assert (unit.mean(0) - 0.5).abs().max() < 0.03 and (unit.var(0) - 1 / 12).abs().max() < 0.01
    heads = [factors.head(row) for row in unit[:50]]
    assert len(set(heads)) == 50
    assert factors.head(torch.zeros(factors.Z_DIM)) != factors.head(torch.ones(factors.Z_DIM))
    assert all(head.scene.glasses == head.scene.hat == 0 for head in heads)


def test_the_code_is_white() -> None:
    code = factors.code(torch.randn(20_000, factors.Z_DIM, generator=torch.Generator().manual_seed(0)))
    covariance = torch.cov(code.T)
    assert code.mean(0).abs().max() < 0.05
    assert (covariance - torch.eye(factors.CODE_DIM)).abs().max() < 0.06


def test_premap_learns_the_code() -> None:
    torch.manual_seed(0)
    network = Generator(factors.Z_DIM, 96, 8, 3, 64, 8, lr_multiplier=1.0)
    assert premap(network, 300, seed=0) < 0.5
    assert not any(p.requires_grad for p in network.mapping.parameters())
    basis = code_basis(96, 0)
    assert torch.allclose(basis @ basis.T, torch.eye(factors.CODE_DIM) * (96 / factors.CODE_DIM), atol=1e-4)


def test_the_plan_counts_whole_batches_and_lets_rates_fall() -> None:
    plan = parse_plan("16:1,64:1", 1, 64, 64)
    assert [(s.name, s.start, s.end) for s in plan.stages] == [
        ("16", 0, 1024), ("64", 1024, 2048), ("adversarial", 2048, 3072),
    ]  # fmt: skip
    assert plan.rate(0) == plan.rate(1000) > plan.rate(1900) > 0
    assert plan.rate(3070) < plan.rate(2048)


@pytest.mark.parametrize("paired", ["", "16", "32:1,16:1", "16:1,32:1", "24:1,64:1", "16:-1,64:1"])
def test_a_plan_that_makes_no_sense_is_refused(paired: str) -> None:
    with pytest.raises(ValueError, match="--paired"):
        parse_plan(paired, 1, 64, 64)


def test_losses_are_zero_for_the_same_picture_and_texture_forgives_a_shift_of_strands() -> None:
    x = torch.arange(32.0).expand(1, 3, 32, 32)
    strands, shifted, flat = (2 * torch.pi * x / 3).sin(), (2 * torch.pi * (x + 1) / 3).sin(), torch.zeros_like(x)
    bank = gabor_bank(torch.device("cpu"))
    assert pixel_loss(strands, strands) == 0 and texture_loss(strands, strands, bank) == 0
    assert pixel_loss(shifted, strands) > pixel_loss(flat, strands)
    assert texture_loss(shifted, strands, bank) < 0.2 * texture_loss(flat, strands, bank)


def test_r1_is_the_squared_gradient() -> None:
    images = torch.from_numpy(np.random.RandomState(0).rand(2, 3, 4, 4).astype(np.float32))
    penalty = r1_penalty(lambda x: (0.5 * x.square()).sum((1, 2, 3)), images)
    assert torch.isclose(penalty, images.square().sum((1, 2, 3)).mean())
