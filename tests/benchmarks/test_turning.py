"""What turning leaves as it is, in a world whose attributes are known functions of w."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.turning import (
    CONDITIONAL,
    FROM_SIDE,
    PLAIN,
    RANDOM,
    TURN,
    TURNS,
    VISIBLE,
    _compared,
    _root_mean_square,
    kept,
    leaks,
    shown_kept,
    shown_leaks,
    truly_turned,
    verdict,
)
from directions.instruments import Instruments


def test_a_direction_that_holds_hair_keeps_it_better_than_random_steps_as_long(world):
    plain, _, ways, faces = world
    found = kept(ways[CONDITIONAL], faces, plain.tools)
    assert np.allclose(found["measured"], FROM_SIDE, atol=4)
    hair = found["hair"]
    assert hair[TURN][-1]["mean"] > hair[RANDOM][-1]["mean"]
    assert hair[f"gain over {RANDOM}"][-1]["mean_95"][0] > 0
    assert f"{FROM_SIDE[0]:g}, {found['measured'][0]:.1f} deg" in shown_kept(found)


def test_a_step_as_visible_changes_as_much_of_the_picture_as_the_turn(world):
    _, _, ways, faces = world

    def grey(w):
        return np.clip(128 + 60 * w, 0, 255).astype(np.uint8)[:, None, :, None].repeat(3, axis=3)

    def describe(images):
        flat = images.reshape(len(images), -1) - 128.0
        unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
        return {"hair": unit, "identity": unit}

    tools = Instruments(grey, lambda images: {"yaw": np.zeros(len(images), np.float32)}, describe)
    shown = replace(faces, space=replace(faces.space, decode=grey))
    change = kept(ways[CONDITIONAL], shown, tools)["pixels"]
    assert np.allclose(change[VISIBLE], change[TURN], rtol=0.15)


def test_rendered_heads_that_turn_farther_look_less_like_before():
    def describe(images):
        flat = images.reshape(len(images), -1) - 128.0
        unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
        return {"hair": unit, "identity": unit}

    cosines = [one["mean"] for one in truly_turned(3, 32, describe)["hair"]]
    assert 1 > cosines[0] > cosines[1] > cosines[2]


def test_holding_all_else_fixed_leaks_less_and_the_table_says_so(world):
    plain, sample, ways, faces = world
    found = leaks(ways, faces, sample.sd, plain.tools)
    everything = found["leaks"]["all"]
    assert everything[CONDITIONAL] < everything[PLAIN] and verdict(everything, False) == "better"
    assert np.allclose(found["measured"][PLAIN], TURNS, atol=2)
    assert "better" in shown_leaks(found)


def test_a_direction_compared_with_itself_is_not_worse_and_not_better(world):
    plain, sample, ways, faces = world
    found = leaks({PLAIN: ways[PLAIN], CONDITIONAL: ways[PLAIN]}, faces, sample.sd, plain.tools)
    assert {verdict(one, False) for one in found["leaks"].values()} == {"not worse"}
    assert {verdict(one, True) for one in found["hair"]} == {"not worse"}
    assert all(one["difference"] == 0 for one in found["leaks"].values())


def test_what_nothing_measures_has_no_leak(world):
    plain, sample, ways, faces = world

    def blind(images):
        columns = plain.measure(images)
        return columns | {"glasses": np.full(len(images), np.nan, np.float32)}

    tools = type(plain.tools)(plain.render, blind, plain.describe)
    assert "glasses" not in leaks(ways, faces, sample.sd, tools)["leaks"]


def test_an_attribute_that_one_half_of_the_faces_lacks_does_not_count_among_all(world):
    plain, sample, ways, faces = world

    def sometimes(images):
        columns = plain.measure(images)
        seen = np.arange(len(images)) // (1 + len(TURNS)) % 2 == 0
        return columns | {"glasses": np.where(seen, columns["glasses"], np.nan).astype(np.float32)}

    def never(images):
        return plain.measure(images) | {"glasses": np.full(len(images), np.nan, np.float32)}

    found = [
        leaks(ways, faces, sample.sd, replace(plain.tools, measure=measure))["leaks"] for measure in (sometimes, never)
    ]
    assert "glasses" in found[0] and found[0]["all"] == found[1]["all"]
    assert found[0]["all"][PLAIN] > 0


def test_slopes_that_are_noise_alone_have_no_root_mean_square():
    random = np.random.RandomState(0)
    squares = np.ones((30, 60, 14))

    def found(true: float) -> np.ndarray:
        products = true * squares + 0.3 * random.randn(*squares.shape)
        couples = np.stack([products, squares], axis=-1).reshape(30, 30, 2, 14, 2)
        compared = [_compared(np.stack([one, one], axis=1), _root_mean_square) for one in couples]
        return np.array([[one[PLAIN], *one[f"{PLAIN}_95"]] for one in compared])

    nothing, something = found(0.0), found(0.05)
    assert np.median(nothing[:, 0]) < 0.02 and (nothing[:, 1] == 0).mean() > 0.8
    assert np.median(something[:, 0]) == pytest.approx(0.05, abs=0.01)
    assert ((something[:, 1] <= 0.05) & (something[:, 2] >= 0.05)).mean() > 0.8
