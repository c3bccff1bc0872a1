"""Recipes from presets: a step can be shared by the processes of a world."""

import pytest

from hairnet.recipe import PRESETS, recipe_for


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
