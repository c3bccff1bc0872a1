"""Pictures of persons and hairstyles as classes, and what is known of each."""

import numpy as np
import pytest
import torch

from recipes import factors
from recipes.classes import LIVE_HAIR, generated, looks_of, rendered, standardised
from recipes.generated_people import class_latents, load_people
from recipes.renders import Plan, load_set
from synth.heads import FACTOR_NAMES

EVEN = slice(0, None, 2)


def test_pictures_of_another_size_are_enlarged_and_those_of_the_same_left_alone(people):
    small = generated("person", EVEN, people)[0]
    large = small.of_side(128)
    assert small.of_side(64) is small and large.images.shape == (len(small.images), 128, 128, 3)
    halves = large.images.reshape(-1, 64, 2, 64, 2, 3).mean((2, 4))
    assert np.abs(halves - small.images).mean() < 6
    assert np.array_equal(large.which, small.which) and large.facts is small.facts


def test_the_people_of_a_training_are_those_of_its_pictures(renders, wigs, people):
    plan = Plan("people", heads=8, wigs=3, poses=2, size=96, first=0, shard_size=48)
    drawn = {person: head.identity for head, person, _ in map(plan.head, range(24))}
    seen, unseen = rendered("person", EVEN, renders, wigs)
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
    for persons in (EVEN, slice(1, None, 2)):
        seen, unseen, _ = generated("person", persons, people)
        own = []
        for image, which in zip(seen.images, seen.which, strict=True):
            own.append(int(pictures["person"][(pictures["image"] == image).all((1, 2, 3)).argmax()]))
            identity = factors.head(units[own[-1]]).identity
            assert seen.facts[which].tolist() == pytest.approx([getattr(identity, n) for n in FACTOR_NAMES["identity"]])
        assert set(unseen[1].tolist()) == {6, 7}
        numbers.append(set(own))
    assert made["persons"] == 8 and numbers == [{0, 2, 4}, {1, 3, 5}]


def test_renders_and_samples_are_classes_beside_each_other(renders, wigs, people):
    seen, more = rendered("person", EVEN, renders, wigs)[0], generated("person", EVEN, people)[0]
    both = seen.beside(more, same_facts=True)
    assert len(both.facts) == len(seen.facts) + 3 and np.unique(both.which).tolist() == list(range(len(both.facts)))


def test_hairs_of_renders_and_of_samples_know_their_own_facts(renders, wigs, hairs):
    seen, (more, unseen, made) = rendered("hair", slice(None), renders, wigs)[0], generated("hair", slice(None), hairs)
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
