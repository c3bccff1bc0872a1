"""The embedders' recipe from end to end on a toy budget."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from data.weights import load_network
from faces import load_embedder
from faces.identity import SIZES, new_embedder
from recipes import factors
from recipes.figures import embeddings, retrieval_figures
from recipes.generated_people import class_latents, load_people
from recipes.generated_people import main as generate_people
from recipes.identity import (
    KINDS,
    LIVE_HAIR,
    changed,
    generated,
    leading,
    looks_of,
    rendered,
    standardised,
    train_embedder,
)
from recipes.renders import Plan, load_set, write_set
from recipes.training import Schedule
from synth.heads import FACTOR_NAMES


@pytest.fixture(scope="module")
def renders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    write_set(Plan("people", heads=8, wigs=3, poses=2, size=64, first=0, shard_size=48), folder, workers=1)
    return folder


@pytest.fixture(scope="module")
def wigs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wigs")
    write_set(Plan("wigs", heads=8, wigs=1, poses=2, size=32, first=0, shard_size=16), folder, workers=1)
    return folder


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated")
    generate_people(out=folder, classes=8, views=2, shard_size=4, workers=1)
    return folder


@pytest.fixture(scope="module")
def hairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hairs")
    generate_people(out=folder, same="hair", classes=8, views=2, shard_size=4, workers=1)
    return folder


def test_pictures_of_another_size_are_enlarged_and_those_of_the_same_left_alone(people):
    small = generated(KINDS["embedder"], people)[0]
    large = small.of_side(128)
    assert small.of_side(64) is small and large.images.shape == (len(small.images), 128, 128, 3)
    halves = large.images.reshape(-1, 64, 2, 64, 2, 3).mean((2, 4))
    assert np.abs(halves - small.images).mean() < 6
    assert np.array_equal(large.which, small.which) and large.facts is small.facts


def test_a_share_of_large_pictures_is_seen_as_coarsely_as_the_generator_draws():
    fine = (torch.arange(128) % 2 * 2.0 - 1).expand(40, 3, 128, 128)  # stripes of one pixel, which 64 px cannot hold
    seen = changed(fine, torch.Generator().manual_seed(0)).std((1, 2, 3))
    small = changed(fine[..., :64, :64], torch.Generator().manual_seed(0)).std((1, 2, 3))
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


def test_the_people_of_a_training_are_those_of_its_pictures(renders, wigs, people):
    plan = Plan("people", heads=8, wigs=3, poses=2, size=64, first=0, shard_size=48)
    drawn = {person: head.identity for head, person, _ in map(plan.head, range(24))}
    seen, unseen = rendered(KINDS["embedder"], renders, wigs)
    data = load_set(renders, "people", ("image", "person"))
    for image, which in zip(seen.images, seen.which, strict=True):
        person = data["person"][(data["image"] == image).all((1, 2, 3)).argmax()]
        assert person % 2 == 0 and seen.facts[which].tolist() == pytest.approx(
            [getattr(drawn[person], name) for name in FACTOR_NAMES["identity"]]
        )
    assert set(unseen[1].tolist()) == {6, 7} and len(unseen[0]) == 12


def test_the_generated_people_of_a_training_are_those_of_its_pictures(people):
    pictures, made = load_people(people)
    units = factors.unit_factors(class_latents("person", range(8), 1))
    numbers = []
    for kind in ("embedder", "embedder-loss"):
        seen, unseen, _ = generated(KINDS[kind], people)
        own = []
        for image, which in zip(seen.images, seen.which, strict=True):
            own.append(int(pictures["person"][(pictures["image"] == image).all((1, 2, 3)).argmax()]))
            identity = factors.head(units[own[-1]]).identity
            assert seen.facts[which].tolist() == pytest.approx([getattr(identity, n) for n in FACTOR_NAMES["identity"]])
        assert set(unseen[1].tolist()) == {6, 7}
        numbers.append(set(own))
    assert made["persons"] == 8 and numbers == [{0, 2, 4}, {1, 3, 5}]


def test_renders_and_samples_are_classes_beside_each_other(renders, wigs, people):
    seen, more = rendered(KINDS["embedder"], renders, wigs)[0], generated(KINDS["embedder"], people)[0]
    both = seen.beside(more, same_facts=True)
    assert len(both.facts) == len(seen.facts) + 3 and np.unique(both.which).tolist() == list(range(len(both.facts)))


def test_hairs_of_renders_and_of_samples_know_their_own_facts(renders, wigs, hairs):
    kind = KINDS["hair-scorer"]
    seen, (more, unseen, made) = rendered(kind, renders, wigs)[0], generated(kind, hairs)
    both = seen.beside(more, same_facts=False)
    known, own = both.facts.isfinite(), seen.facts.shape[1]
    assert known[: len(seen.facts), :own].all() and not known[: len(seen.facts), own:].any()
    assert known[len(seen.facts) :, own:].all() and not known[len(seen.facts) :, :own].any()
    assert made["hairs"] == 8 and set(unseen[1].tolist()) == {6, 7} and len(more.images) == 12
    pictures, _ = load_people(hairs, "hair")
    units = factors.unit_factors(class_latents("hair", range(8), 1))
    for image, which in zip(more.images, more.which, strict=True):
        number = int(pictures["hair"][(pictures["image"] == image).all((1, 2, 3)).argmax()])
        lightness = factors.head(units[number]).hair.lightness
        assert more.facts[which, -len(LIVE_HAIR) + LIVE_HAIR.index("lightness")].item() == pytest.approx(lightness)


def test_facts_that_are_not_known_stay_so_and_do_not_count():
    table = standardised(torch.tensor([[1.0, torch.nan], [3.0, 2.0], [torch.nan, 4.0]]))
    assert table.isnan().tolist() == [[False, True], [False, False], [True, False]]
    assert table[:2, 0].tolist() == pytest.approx([-1, 1]) and table[1:, 1].tolist() == pytest.approx([-1, 1])


def test_facts_are_standardised_and_what_never_changes_stays_nought():
    table = standardised(torch.tensor([[1.0, 5.0, 0.0], [3.0, 5.0, 1.0], [5.0, 5.0, 5.0]]))
    assert table.mean(0).abs().max() < 1e-6 and table.std(0, correction=0).tolist() == pytest.approx([1, 0, 1])


def test_generated_people_of_another_size_are_refused(wigs, people, tmp_path):
    write_set(Plan("people", heads=4, wigs=1, poses=2, size=32, first=0, shard_size=8), tmp_path, workers=1)
    with pytest.raises(ValueError, match="32 px.*64"):
        train_embedder(KINDS["embedder"], tmp_path, wigs, people, tmp_path, Schedule(1, 2, 1e-3, 0))


def test_looks_are_those_of_the_hairstyles_that_people_wear(renders, wigs):
    looks = looks_of(np.arange(8), wigs).numpy()
    assert np.isfinite(looks).all()
    assert np.array_equal(looks_of(np.array([3, 5]), wigs).numpy(), looks[[3, 5]])
    plan = Plan("people", heads=8, wigs=3, poses=2, size=32, first=0, shard_size=48)
    lightness = np.empty(8)
    for number in range(24):
        head, _, hair = plan.head(number)
        lightness[hair] = head.hair.lightness
    assert max(abs(np.corrcoef(lightness, column)[0, 1]) for column in looks.T if column.std() > 0) > 0.9999


def test_fewer_wigs_than_hairstyles_are_refused(renders, wigs):
    with pytest.raises(ValueError, match="hairstyles"):
        looks_of(np.arange(9), wigs)


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
