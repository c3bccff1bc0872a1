"""Training on a folder of pictures, at toy size: 32 px, a few steps."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from data.files import sha256
from data.shards import Shards
from synth import latents, load_generator
from synth.discriminator import Discriminator
from synth.networks import Generator
from synth.sample import sample
from synth.train import main
from synth.training import augment
from synth.training.pictures import Pictures
from synth.training.trainer import Lesson, PictureTrainer

TOY: dict[str, Any] = dict(
    size=32, batch=8, length=0.064, z_dim=16, mapping_layers=1, channel_base=256, channel_max=16, judged=200,
    checkpoint=0.016, snapshot=0.032, device="cpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Discs of many colours on black."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.RandomState(0)
    y, x = np.mgrid[:32, :32]
    for k in range(40):
        inside = (x - random.randint(10, 22)) ** 2 + (y - 16) ** 2 < 60
        Image.fromarray((inside[..., None] * random.randint(100, 256, 3)).astype(np.uint8)).save(folder / f"{k}.png")
    return folder


@pytest.fixture(scope="module", autouse=True)
def quick_augmentation():
    """p moves within a few steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(augment, "RISE_IMAGES", 100)
        yield


@pytest.fixture(scope="module")
def undisturbed(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    main(images=photos, out=folder, keep_snapshots=True, **TOY)
    return folder


def test_the_generator_loads_is_sampled_and_knows_its_recipe(undisturbed: Path, tmp_path: Path):
    G = load_generator(undisturbed / "generator.safetensors", device="cpu")
    assert (G.z_dim, G.resolution) == (16, 32) and G.w_avg.abs().sum() > 0
    assert G.config["recipe"]["images"] == 64 and G.config["recipe"]["count"] == 40
    assert torch.allclose(G.w_avg, G.mapping(latents(range(2000), 16))[:, 0].mean(0), atol=0.1)
    sample(str(undisturbed / "generator.safetensors"), [0, 1, 2], tmp_path, workers=1, device="cpu")
    assert len(Shards(tmp_path)) == 3


def test_the_log_has_losses_and_the_frechet_distance_and_sheets_show_the_way(undisturbed: Path):
    lines = [json.loads(line) for line in (undisturbed / "log.jsonl").read_text().splitlines()]
    assert [line["images"] for line in lines] == [32, 64]
    assert all({"fooled", "judged", "r1", "path", "augment", "frechet"} <= line.keys() for line in lines[:1])
    assert all(line["frechet"] > 0 for line in lines)
    assert Image.open(undisturbed / "sheet-000000.png").size[0] > 8 * 32
    assert (undisturbed / "snapshot-000000.safetensors").is_file()


@pytest.mark.parametrize("steps", [3, 6])
def test_a_broken_training_resumes_to_the_same_weights(
    steps: int, photos: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole_step, taken = PictureTrainer.step, [0] * 0

    def step(self: PictureTrainer) -> dict[str, float]:
        if len(taken) == steps:
            raise KeyboardInterrupt
        taken.append(self.images)
        return whole_step(self)

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(PictureTrainer, "step", step)
        main(images=photos, out=tmp_path, **TOY)
    main(images=photos, out=tmp_path, **TOY)
    assert sha256(tmp_path / "state.safetensors") == sha256(undisturbed / "state.safetensors")
    names = [[json.loads(line)["images"] for line in (out / "log.jsonl").open()] for out in (tmp_path, undisturbed)]
    assert names[0] == names[1]


def test_other_flags_do_not_resume(photos: Path, undisturbed: Path):
    with pytest.raises(ValueError, match="a training with rate 0.0025, not 0.01"):
        main(images=photos, out=undisturbed, **TOY, rate=0.01)


@pytest.mark.parametrize(
    "flags, reason",
    [
        ({"size": 48}, "--size is 48: it must be one of 32, 64"),
        ({"batch": 10}, "--batch is 10: it must be a multiple of 4"),
        ({"length": 0.0}, "--length is 0: it must be above 0"),
        ({"gamma": -1.0}, "--gamma is -1: it must be 0 or more"),
        ({"judged": 50}, "--judged is 50"),
        ({"z_dim": 0}, "--z-dim is 0: it must be from 1 to 4096"),
        ({"mapping_layers": 0}, "--mapping-layers is 0: it must be from 1"),
        ({"channel_base": 31}, "--channel-base is 31: it must be from 32"),
        ({"channel_base": 0}, "--channel-base is 0: it must be from 32"),
        ({"channel_max": -1}, "--channel-max is -1: it must be from 1"),
        ({"size": 64}, "has 0 pictures that can be used: give 32"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_step(flags: dict, reason: str, photos: Path, tmp_path: Path):
    with pytest.raises(ValueError, match=reason):
        main(images=photos, out=tmp_path, **{**TOY, **flags})
    assert not (tmp_path / "pictures").exists() or "pictures" in reason


@pytest.fixture
def trainer(undisturbed: Path) -> PictureTrainer:
    torch.manual_seed(0)
    lesson = Lesson(length=10_000, batch=8, gamma=0.01)
    networks = Generator(16, 16, 32, 1, 256, 16), Discriminator(32, 256, 16)
    return PictureTrainer(*networks, Pictures(undisturbed / "pictures"), lesson, half=False)


def test_the_path_length_penalty_pulls_lengths_to_their_mean(trainer: PictureTrainer):
    def lengths() -> torch.Tensor:
        torch.manual_seed(5)
        ws = trainer._ws(64)
        fakes = trainer.generator.synthesis(ws, noise="none")
        (gradient,) = torch.autograd.grad((fakes * torch.randn_like(fakes)).sum() / 32, ws)
        return gradient.square().sum(2).mean(1).sqrt()

    before = lengths()
    trainer.path_mean = before.mean()
    for group in trainer.optimiser_g.param_groups:
        group["lr"] = 0.005
    for k in range(12):
        torch.manual_seed(k)
        trainer._even_paths(16)
    after = lengths()
    assert after.std() / after.mean() < 0.95 * before.std() / before.mean()


def test_a_step_leaves_the_random_numbers_of_the_caller_alone(trainer: PictureTrainer):
    torch.manual_seed(3)
    trainer.step()
    here = torch.rand(3)
    torch.manual_seed(3)
    assert torch.equal(torch.rand(3), here)


def test_mirror_images_are_shown_or_not(trainer: PictureTrainer):
    torch.manual_seed(0)
    rows = trainer.rows_of(40, 8, 0)
    given = trainer.pictures_of.batch(rows)
    real = trainer._real()
    same = (real == given).flatten(1).all(1)
    assert 0 < same.sum() < 8 and torch.equal(real[~same], given[~same].flip(3))


@pytest.mark.slow
def test_two_processes_killed_and_resumed_make_the_same_weights(photos: Path, checkout: Path, tmp_path: Path):
    flags = {**TOY, "length": 0.32, "judged": 0}
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m",
              "synth.train", f"--images={photos}", *(f"--{name}={value}" for name, value in flags.items())]  # fmt: skip

    def start(out: Path) -> subprocess.Popen:
        return subprocess.Popen([*launch, f"--out={out}"], cwd=checkout, start_new_session=True,
                                env=os.environ | {"OMP_NUM_THREADS": "1"},
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip

    assert start(tmp_path / "whole").wait(600) == 0
    killed = start(tmp_path / "killed")
    while killed.poll() is None and not (tmp_path / "killed" / "state.safetensors").exists():
        time.sleep(0.005)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert start(tmp_path / "killed").wait(600) == 0
    digests = [sha256(tmp_path / name / "generator.safetensors") for name in ("whole", "killed")]
    assert digests[0] == digests[1]


@pytest.mark.slow
def test_training_comes_nearer_to_the_pictures(photos: Path, tmp_path: Path):
    flags = {**TOY, "length": 6.0, "snapshot": 2.0, "checkpoint": 2.0, "augment": False, "path_length": 0.0}
    main(images=photos, out=tmp_path, **flags)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").open()]
    assert lines[-1]["frechet"] < lines[0]["frechet"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("compiled", [False, True])
def test_a_gpu_trains_in_bfloat16(photos: Path, tmp_path: Path, compiled: bool):
    main(images=photos, out=tmp_path, **{**TOY, "device": "cuda", "compile": compiled})
    G = load_generator(tmp_path / "generator.safetensors", device="cuda")
    assert G.synthesis(G.mapping(latents([0], 16).cuda())).isfinite().all()
