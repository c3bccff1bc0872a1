"""The pictures that the embedders are judged on."""

import numpy as np

from benchmarks.identity import FIRST, fresh_people, halved, seen_twice
from recipes.renders import HAIR_SEEDS
from synth.heads import Head, style_name


def test_every_person_and_every_hairstyle_is_shown_four_times_and_bald_heads_show_no_hair():
    people = fresh_people(8, size=32)
    for column in ("person", "hair"):
        assert np.bincount(people[column]).tolist() == [4] * 8
    bald = [style_name(Head.sample(HAIR_SEEDS + FIRST + int(k)).hair.style) == "bald" for k in people["hair"]]
    assert people["image"].shape == (32, 32, 32, 3) and not people["shows"][bald].any()
    again = fresh_people(8, size=32)
    assert all(np.array_equal(again[name], people[name]) for name in people)


def test_halved_pictures_are_means_of_four_pixels():
    images = np.random.RandomState(0).randint(0, 256, (2, 8, 8, 3), np.uint8)
    small = halved(images)
    assert small.shape == (2, 4, 4, 3)
    assert small[1, 2, 3].tolist() == np.round(images[1, 4:6, 6:8].mean((0, 1))).astype(int).tolist()


def test_classes_that_are_seen_once_are_left_out():
    classes = np.array([0, 0, 1, 1, 2, 2])
    kept = np.array([True, True, True, False, False, False])
    assert seen_twice(classes, kept).tolist() == [True, True, False, False, False, False]
