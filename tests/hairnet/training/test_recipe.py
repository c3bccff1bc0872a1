"""Recipes from presets: a step can be shared by the processes of a world."""

import dataclasses

import pytest

from hairnet.training.recipe import PRESETS, recipe_for


def recipe(preset: str = "demo", batch: int | None = None, world: int = 1, seed: int = 0):
    return recipe_for(preset, None, batch, None, seed, False, world)


@pytest.mark.parametrize("preset", PRESETS)
def test_one_process_takes_the_preset_as_it_is(preset):
    assert recipe(preset).plan == PRESETS[preset].plan


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("world", [2, 3, 8])
@pytest.mark.parametrize("each", [4, 5, 12])
def test_any_multiple_of_the_processes_is_shared_evenly(preset, world, each):
    plan = recipe(preset, world * each, world).plan
    assert plan.batch == world * each and plan.pictures % world == plan.swaps % world == 0
    assert 0 < plan.pictures // world <= each and 0 < plan.swaps // world < each


@pytest.mark.parametrize(("batch", "world"), [(9, 2), (6, 2), (31, 8)])
def test_a_batch_that_cannot_be_shared_says_what_can(batch, world):
    with pytest.raises(ValueError, match=f"--batch {batch} .*multiple of {world}, at least {4 * world}"):
        recipe("builtin", batch, world)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_has_32_bits(seed):
    with pytest.raises(ValueError, match=f"--seed is {seed}"):
        recipe(seed=seed)
    assert recipe(seed=2**32 - 1).seed == 2**32 - 1


def chosen(**flags):
    return recipe_for("demo", 100, None, None, 0, False, **flags)


def test_flags_reach_the_plan_and_those_left_out_change_nothing():
    assert chosen() == dataclasses.replace(PRESETS["demo"], steps=100)
    plan = chosen(weights="hair=2, pixels=0", mirrored=0.5, curriculum=0.3).plan
    assert (plan.weights.hair, plan.weights.pixels, plan.weights.w) == (2, 0, 1)
    assert plan.mirrored == 0.5 and plan.widening == 30
    assert chosen(arch="subrtova").arch == "subrtova" and chosen(fp16=True).fp16


def test_without_the_distance_in_w_no_step_goes_unjudged():
    found = chosen(weights="w=0")
    assert found.judged_from() == 0 < chosen().judged_from()
    with pytest.raises(ValueError, match="--weights has w=0, but unjudged steps learn from w alone"):
        dataclasses.replace(found, unjudged=0.4)


def test_the_published_architecture_takes_no_sizes_of_ours():
    assert recipe_for("full", None, None, None, 0, False).network and not chosen(arch="subrtova").network


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"weights": "hare=2"}, "--weights has 'hare=2'.*the names being w, pixels"),
        ({"weights": "hair=-1"}, "--weights has 'hair=-1'"),
        ({"weights": "hair"}, "--weights has 'hair'"),
        ({"weights": "w=0,pixels=0,identity=0,inner=0,hair=0,colour=0,mask=0"}, "leaves out all terms"),
        ({"mirrored": 1.5}, "--mirrored is 1.5"),
        ({"curriculum": -0.1}, "--curriculum is -0.1"),
    ],
)
def test_flags_out_of_range_are_refused(flags, message):
    with pytest.raises(ValueError, match=message):
        chosen(**flags)


@pytest.mark.parametrize("persons", [0, -1])
def test_hair_is_shown_on_another_person_at_least(persons):
    with pytest.raises(ValueError, match=f"persons is {persons}: a pair's hair is shown on 1 to 100 other persons"):
        dataclasses.replace(PRESETS["demo"], persons=persons)


def test_both_halved_precisions_at_once_are_refused():
    with pytest.raises(ValueError, match="--fp16 and --amp exclude each other"):
        recipe_for("demo", None, None, None, 0, amp=True, fp16=True)
