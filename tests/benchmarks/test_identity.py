"""The pictures that the embedders are judged on."""

import numpy as np

from benchmarks import identity
from benchmarks.identity import FIRST, WIGS, fresh_people, halved, rendered, seen_twice
from recipes.renders import Plan
from synth.heads import style_name


def test_every_person_and_every_hairstyle_is_shown_four_times(monkeypatch):
    monkeypatch.setattr(identity, "PER_TASK", 8)
    people = fresh_people(8, size=32)
    for column in ("person", "hair"):
        assert np.bincount(people[column]).tolist() == [4] * 8
    monkeypatch.setattr(identity, "PER_TASK", 32)
    again = fresh_people(8, size=32)  # in one part instead of four
    assert all(np.array_equal(again[name], people[name]) for name in people)


def test_bald_heads_and_hats_show_no_hair():
    plan = Plan("people", 400, WIGS, poses=1, size=16, first=FIRST, shard_size=1)
    heads = [plan.head(number)[0] for number in range(1600)]
    bald = [number for number, head in enumerate(heads) if style_name(head.hair.style) == "bald"][0]
    hat = [number for number, head in enumerate(heads) if head.scene.hat > 0.5][0]
    bare = [number for number in range(8) if number not in (bald, hat) and heads[number].scene.hat <= 0.5][0]
    assert [bool(rendered((plan, number))["shows"][0]) for number in (bald, hat, bare)] == [False, False, True]


def test_halved_pictures_are_means_of_four_pixels():
    images = np.random.RandomState(0).randint(0, 256, (2, 8, 8, 3), np.uint8)
    small = halved(images)
    assert small.shape == (2, 4, 4, 3)
    assert small[1, 2, 3].tolist() == np.round(images[1, 4:6, 6:8].mean((0, 1))).astype(int).tolist()


def test_classes_that_are_seen_once_are_left_out():
    classes = np.array([0, 0, 1, 1, 2, 2])
    kept = np.array([True, True, True, False, False, False])
    assert seen_twice(classes, kept).tolist() == [True, True, False, False, False, False]
