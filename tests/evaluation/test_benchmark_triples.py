"""The list: fixed, within the built-in world, and its kinds are what they are called."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

import numpy as np
import pytest

from evaluation.benchmark import heads, triples
from evaluation.benchmark.triples import BUCKETS, CROWD, EACH, SPECIAL, YAW, Triple, all_triples, first_of_each
from recipes.factors import CUTS, LIVE
from synth.heads import STYLES, style_name

FARTHER = {"identity.brow_lightness", "hair.grey", "hair.recede"}  # wider here than in the generator's world
PEOPLE_SHA256 = "9bd72d200b0615534e6c19ee6c3cd712298468ea51c008f430465f92c97f5cb1"  # ranges, and heads of 27 triples
LATER = {"highlights": 0.0, "ombre": 0.0, "streak": 0.6, "hairline": 0.5, "peak": 0.5}


@pytest.fixture(scope="module")
def listed() -> list[Triple]:
    return all_triples()


def test_the_list_is_the_stated_one(listed: list[Triple], monkeypatch: pytest.MonkeyPatch) -> None:
    assert triples.list_sha256(listed) == triples.LIST_SHA256
    monkeypatch.setattr(triples, "FIRST_SEED", 1)
    with pytest.raises(ValueError, match="restore evaluation/benchmark"):
        all_triples()


def test_the_people_of_version_1_are_frozen_whatever_becomes_of_the_generators_world(listed: list[Triple]) -> None:
    some = [asdict(head) for triple in (*listed[:20], *listed[CROWD::EACH]) for head in triple.heads()]
    for head in some:  # what heads learned to have later, they do not have
        assert [head["hair"].pop(name) for name in LATER] == list(LATER.values())
    ranges = [heads.IDENTITY, heads.EXPRESSION, heads.HAIR, heads.LIGHT, heads.SCENE]
    assert hashlib.sha256(repr((ranges, some)).encode()).hexdigest() == PEOPLE_SHA256


def test_people_show_the_ties_of_a_crowd_which_the_generators_do_not(listed: list[Triple]) -> None:
    people = [triple.heads()[0] for triple in listed[:CROWD]]
    skin, age, femininity, brows = np.array(
        [[one.identity.skin, one.identity.age, one.identity.femininity, one.identity.brow_lightness] for one in people]
    ).T
    lightness, grey = np.array([[one.hair.lightness, one.hair.grey] for one in people]).T
    long = np.array([triple.face_style in heads.WOMEN_MORE_OFTEN for triple in listed[:CROWD]])
    together = [np.corrcoef(couple)[0, 1] for couple in ((-skin, lightness), (age, grey), (femininity, long))]
    assert min(together) > 0.2 and np.corrcoef(brows, lightness)[0, 1] > 0.8


def test_nobody_appears_twice_and_numbers_count_up(listed: list[Triple]) -> None:
    seeds = [seed for triple in listed for seed in (triple.face_seed, triple.hair_seed)]
    assert len(set(seeds)) == len(seeds)
    assert [triple.number for triple in listed] == list(range(CROWD + EACH * len(SPECIAL)))


def test_the_crowd_has_yaw_gaps_spread_evenly_over_0_to_60_degrees(listed: list[Triple]) -> None:
    crowd = [triple for triple in listed if triple.kind == "crowd"]
    counts, _ = np.histogram([triple.gap for triple in crowd], 6, (0, 60))
    assert len(crowd) == CROWD and counts.sum() == CROWD
    assert np.abs(counts - CROWD / 6).max() <= 3
    assert all(max(abs(triple.face_yaw), abs(triple.hair_yaw)) <= YAW for triple in crowd)


def test_every_triple_counts_in_a_bucket_and_turned_is_medium_and_hard(listed: list[Triple]) -> None:
    assert all(triple.buckets and set(triple.buckets) <= set(BUCKETS) for triple in listed)
    for triple in listed[:CROWD]:
        assert ("turned" in triple.buckets) == (triple.gap >= 15) == (triple.buckets[0] in ("medium", "hard"))


def test_kinds_are_what_they_are_called(listed: list[Triple]) -> None:
    of_kind = {kind: [triple for triple in listed if triple.kind == kind] for kind in SPECIAL}
    assert all(len(part) == EACH for part in of_kind.values())
    assert all((triple.hair_style == "bald") != (triple.face_style == "bald") for triple in of_kind["bald"])
    assert {triple.hat for triple in of_kind["hat"]} == {"face", "hair"}
    assert all("fringe" in triple.hair_style and "fringe" not in triple.face_style for triple in of_kind["fringe"])
    assert all(max(abs(triple.face_yaw), abs(triple.hair_yaw)) > YAW for triple in of_kind["extreme-yaw"])


def test_the_truth_is_the_person_with_the_others_hair_in_the_persons_pose(listed: list[Triple]) -> None:
    for triple in (listed[0], listed[CROWD + 3 * EACH + 1]):  # the second: a person in a hat
        face, hair, truth = triple.heads()
        assert (truth.identity, truth.pose, truth.light, truth.scene) == (
            face.identity, face.pose, face.light, face.scene
        )  # fmt: skip
        assert truth.hair == hair.hair != face.hair
        assert style_name(truth.hair.style) == triple.hair_style
        assert face.scene.hat == float(triple.hat == "face")


def test_what_varies_is_what_the_built_in_generator_varies_and_three_factors_go_farther() -> None:
    ranges = {
        **{f"identity.{name}": span for name, span in heads.IDENTITY.items()},
        **{f"expression.{name}": span for name, span in heads.EXPRESSION.items()},
        **{f"hair.{name}": span for name, span in heads.HAIR.items()},
        **{f"light.{name}": span for name, span in heads.LIGHT.items()},
    }
    drawn = {
        name: span for name, span in LIVE.items() if name.split(".")[0] in ("identity", "expression", "hair", "light")
    }
    assert {name for name in drawn if ranges[name] != drawn[name]} == FARTHER and ranges.keys() == drawn.keys()
    assert all(ranges[name][0] <= drawn[name][0] and ranges[name][1] >= drawn[name][1] for name in FARTHER)
    assert set(triples.ANY) == {name for row in CUTS for name in row}
    assert {name for kind in triples.KINDS.values() for names in kind for name in names} <= {row.name for row in STYLES}


def test_a_quick_look_takes_the_first_of_each_bucket(listed: list[Triple]) -> None:
    few = first_of_each(listed, 2)
    assert len(few) == 2 * (len(BUCKETS) - 1)
    assert [triple.number for triple in few] == sorted(triple.number for triple in few)
    assert {triple.buckets[0] for triple in few} == set(BUCKETS) - {"turned"}
