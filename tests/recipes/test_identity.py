"""The embedders' recipe from end to end on a toy budget."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from data.weights import load_network
from faces import load_embedder
from faces.identity import SIZES, new_embedder
from recipes.figures import embeddings, retrieval_figures
from recipes.identity import (
    KINDS,
    changed,
    leading,
    train_embedder,
)
from recipes.renders import Plan, load_set, write_set
from recipes.training import Schedule


def test_a_share_of_large_pictures_is_seen_as_coarsely_as_the_generator_draws():
    fine = (torch.arange(128) % 2 * 2.0 - 1).expand(40, 3, 128, 128)  # stripes of one pixel, which 64 px cannot hold
    seen = changed(fine, torch.Generator().manual_seed(0), 0.1).std((1, 2, 3))
    small = changed(fine[..., :64, :64], torch.Generator().manual_seed(0), 0.1).std((1, 2, 3))
    assert (seen < 0.35).float().mean() - (small < 0.35).float().mean() > 0.15


@pytest.mark.parametrize("kind", ["embedder-loss", "hair", "hair-scorer"])
def test_the_command_trains_and_saves_a_network_that_loads(renders, wigs, people, hairs, checkout, tmp_path, kind):
    out = tmp_path / f"{kind}.safetensors"
    flags = [f"--kind={kind}", f"--renders={renders}", f"--out={out}", f"--state={tmp_path / 'state'}"]
    flags += [f"--wigs={wigs}", f"--people={people}", f"--hairs={hairs}", "--steps=3", "--batch=8"]
    command = [sys.executable, "-m", "recipes.identity", *flags]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 0 and "rank_1" in done.stdout, done.stderr
    config = load_network(out)[1]
    recipe = config["recipe"]
    assert config["kind"] == kind and recipe["held_out"]["classes"] == 2
    assert ("generated" in recipe) == ("held_out_generated" in recipe) == (kind != "hair")
    assert load_embedder(out, device="cpu")(torch.zeros(1, 3, 64, 64)).shape == (1, KINDS[kind].dimensions or 128)


def test_with_its_leading_dimensions_alone_a_network_says_nearly_the_same():
    torch.manual_seed(0)
    embedder = new_embedder("residual").eval()
    images = torch.randint(0, 256, (100, 64, 64, 3), dtype=torch.uint8)
    before, all_of_them, some = (
        embeddings(network, images.numpy())
        for network in (embedder, leading(embedder, images, 128), leading(embedder, images, 8))
    )
    assert np.allclose(all_of_them @ all_of_them.T, before @ before.T, atol=1e-4)
    kept = np.linalg.svd(before, compute_uv=False)[:8]
    lost = 1 - (kept**2).sum() / len(before)
    assert some.shape == (100, 8) and np.abs(some @ some.T - before @ before.T).max() < 4 * lost + 1e-3


def test_the_two_identity_networks_differ_in_architecture_persons_and_seed():
    scores, losses = KINDS["embedder"], KINDS["embedder-loss"]
    assert SIZES[scores.size]["body"] != SIZES[losses.size]["body"] and scores.seed != losses.seed
    persons = np.arange(100)
    assert not set(persons[scores.persons]) & set(persons[losses.persons])


def test_generated_people_of_another_size_are_refused(wigs, people, tmp_path):
    write_set(Plan("people", heads=4, wigs=1, poses=2, size=32, first=0, shard_size=8), tmp_path, workers=1)
    with pytest.raises(ValueError, match="32 px.*64"):
        train_embedder(KINDS["embedder"], tmp_path, wigs, people, tmp_path, Schedule(1, 2, 1e-3, 0))


def test_a_state_of_other_settings_is_refused(renders, wigs, people, tmp_path):
    schedule, kind = Schedule(1, 2, 1e-3, 0), KINDS["hair"]
    train_embedder(kind, renders, wigs, people, tmp_path, schedule)
    with pytest.raises(ValueError, match="another training"):
        train_embedder(replace(kind, colours=0.3), renders, wigs, people, tmp_path, schedule)


def test_a_training_brings_renders_of_one_class_together(renders, wigs, tmp_path):
    data = load_set(renders, "people", ("image", "hair"))

    def gap(folder: str, schedule: Schedule) -> float:
        embedder, record = train_embedder(KINDS["hair"], renders, wigs, tmp_path, tmp_path / folder, schedule)
        assert record["classes"] == 6
        figures = retrieval_figures(embeddings(embedder.eval(), data["image"]), data["hair"])
        return figures["mean_genuine"] - figures["mean_impostor"]

    untrained = gap("a", Schedule(steps=1, batch=16, rate=1e-5, seed=0))
    assert gap("b", Schedule(steps=60, batch=16, rate=3e-3, seed=0)) > untrained + 0.1


def test_a_set_of_too_few_persons_is_refused(tmp_path):
    write_set(Plan("people", heads=3, wigs=1, poses=2, size=32, first=0, shard_size=6), tmp_path, workers=1)
    with pytest.raises(ValueError, match="at least 4"):
        train_embedder(KINDS["embedder"], tmp_path, tmp_path, tmp_path, tmp_path, Schedule(1, 2, 1e-3, 0))


def test_retrieval_figures_of_perfect_and_of_random_embeddings():
    classes = np.repeat(np.arange(40), 4)
    random = np.random.RandomState(0)
    centres = F.normalize(torch.from_numpy(random.randn(40, 32))).numpy().astype(np.float32)
    perfect = retrieval_figures(centres[classes], classes)
    assert perfect["rank_1"] == 1 and perfect["tar_at_far_1e-3"] == 1 and perfect["queries"] == 120
    noise = F.normalize(torch.from_numpy(random.randn(160, 32))).numpy().astype(np.float32)
    blind = retrieval_figures(noise, classes)
    assert blind["rank_1"] < 0.15 and blind["tar_at_far_1e-3"] < 0.05 and 15 < blind["mean_rank"] < 26
