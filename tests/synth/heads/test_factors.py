"""Factors: independent groups, plain rules."""

from dataclasses import fields, replace

import pytest

from synth.heads import FACTOR_NAMES, STYLES, Hair, Head, Identity
from synth.heads.styles import haircut, style_name


def test_one_seed_is_always_the_same_head():
    assert Head.sample(7) == Head.sample(7)
    assert Head.sample(7) != Head.sample(8)


def test_every_sampled_factor_is_in_the_unit_interval():
    for seed in range(300):
        head = Head.sample(seed)  # raises for a factor outside
        assert all(getattr(head, group).noise >= 0 for group in FACTOR_NAMES)


def test_sampled_heads_turn_both_ways_and_wear_every_style():
    heads = [Head.sample(seed) for seed in range(400)]
    assert min(h.pose.yaw for h in heads) < 0.1 and max(h.pose.yaw for h in heads) > 0.9
    assert {style_name(h.hair.style) for h in heads} == {style.name for style in STYLES}


def test_wearing_takes_the_hair_and_nothing_else():
    head, donor = Head.sample(1), Head.sample(2)
    swapped = head.wearing(donor)
    assert swapped.hair == donor.hair
    assert replace(swapped, hair=head.hair) == head


def test_turning_moves_the_pose_alone_and_is_in_degrees():
    turned = Head.sample(3).turned(30, -5)
    assert turned.pose.yaw == pytest.approx(0.5 + 30 / 90)
    assert turned.pose.pitch == pytest.approx(0.5 - 5 / 26)
    assert replace(turned, pose=Head.sample(3).pose) == Head.sample(3)


@pytest.mark.parametrize("pose", [(46, 0), (0, 14), (-90, 0)])
def test_turning_too_far_is_refused_with_the_limit(pose):
    with pytest.raises(ValueError, match="within ±45 and ±13 degrees"):
        Head().turned(*pose)


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan")])
def test_a_factor_outside_the_unit_interval_is_refused_by_name(value):
    with pytest.raises(ValueError, match="identity.age"):
        Head(identity=Identity(age=value))


def test_a_haircut_changes_smoothly_along_the_style_factor():
    """No number may jump by more than its whole range divided by the steps of one blend."""
    steps = 3200
    cuts = [haircut(Hair(style=k / steps)) for k in range(steps + 1)]
    for field in fields(cuts[0]):
        values = [getattr(cut, field.name) for cut in cuts]
        jump = max(abs(b - a) for a, b in zip(values, values[1:], strict=False))
        assert jump <= 0.06 * (max(values) - min(values)) + 1e-9, field.name


def test_each_style_sits_at_its_even_place():
    assert [style_name(k / (len(STYLES) - 1)) for k in range(len(STYLES))] == [style.name for style in STYLES]
