"""The table of hairstyles, gathered hair, and what a style does to a picture."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from synth.heads import STYLES, Hair, Head, render, render_poses, style_name
from synth.heads.appearance import hair_colour, streak_colour
from synth.heads.styles import haircut
from synth.heads.updo import gathered

NAMES = [style.name for style in STYLES]
LAST = len(STYLES) - 1


def wearing(name: str, part: float = 0.9) -> Head:
    """The average head with a style, its parting (tail, shaved side) at the subject's left above 0.5."""
    return replace(Head(), hair=Hair(style=NAMES.index(name) / LAST, part=part))


def test_there_are_more_than_twenty_styles_and_each_has_a_name_of_its_own():
    assert len(set(NAMES)) == len(NAMES) >= 20


def test_no_two_styles_grow_the_same_hair():
    views = [(-30.0, 0.0), (30.0, 0.0)]  # a tail over one shoulder is seen from one side only
    shown = {name: np.stack([view.hair for view in render_poses(wearing(name), views, 32)]) for name in NAMES}
    for k, first in enumerate(NAMES):
        for second in NAMES[k + 1 :]:
            assert np.abs(shown[first] - shown[second]).mean() > 0.002, (first, second)


def test_sampled_heads_wear_rows_of_the_table_and_no_blends():
    for seed in range(50):
        row = Head.sample(seed).hair.style * LAST
        assert row == pytest.approx(round(row))


@pytest.mark.parametrize("name", ["side ponytail", "slanted bob", "side shave", "pixie"])
def test_asymmetric_styles_are_mirrored_by_the_parting(name):
    left, right = (render(wearing(name, part).turned(0), 32).hair for part in (0.9, 0.1))
    own = np.abs(left - left[:, ::-1]).mean()
    assert np.abs(left - right[:, ::-1]).mean() < own  # nearer to the mirror image of the other than to its own
    assert own > 0.02


@pytest.mark.parametrize(
    ("name", "bundles"), [("bun", 1), ("two buns", 2), ("ponytail", 1), ("pigtails", 2), ("braids", 2), ("bob", 0)]
)
def test_gathered_hair_comes_in_knots_and_tails(name, bundles):
    cut = haircut(wearing(name).hair)
    found = gathered(cut, 0.5, torch.Generator().manual_seed(1))
    assert len(found) == bundles
    if bundles == 2:
        centres = [float(guides[..., 0].mean()) for guides, _ in found]
        assert centres[0] < -2 and centres[1] > 2


def test_braids_hang_in_front_of_the_shoulders_down_to_the_edge_of_the_picture():
    hair = render(wearing("braids").turned(0), 64).hair
    assert hair[-1].max() > 0.5 and hair[40:, 24:40].max() == 0  # and leave the face free


def test_a_receding_hairline_bares_the_temples():
    full, receding = (render(wearing(name).turned(0), 64).hair for name in ("short", "receding"))
    assert receding[:26, 16:48].mean() < 0.7 * full[:26, 16:48].mean()


def test_the_nearest_row_gives_the_name():
    assert style_name(0.0) == "bald" and style_name(1.0) == "long"


def coloured(name: str, **colours: float) -> Head:
    """The average head with a style in dark brown and these further factors of hair."""
    head = wearing(name).turned(0)
    return replace(head, hair=replace(head.hair, lightness=0.3, **colours))


def brightness(head: Head) -> tuple[np.ndarray, np.ndarray]:
    """(64, 64) mean of the colours, and which pixels are hair alone."""
    shown = render(head, 64)
    return shown.image.mean(-1), shown.hair > 0.99


@pytest.mark.parametrize("colours", [{"highlights": 0.6, "streak": 0.95}, {"ombre": 0.7, "streak": 0.6}])
def test_a_second_colour_goes_into_the_hair_and_nowhere_else(colours):
    plain, second = render(coloured("bob"), 64), render(coloured("bob", **colours), 64)
    assert np.array_equal(plain.labels, second.labels) and np.array_equal(plain.hair, second.hair)
    change = np.abs(plain.image.astype(int) - second.image).max(-1)
    assert change[plain.hair > 0].mean() > 8
    assert (change[plain.hair == 0] > 0).mean() < 0.02  # the skin between the first hairs of the hairline


def test_more_highlights_are_more_of_the_second_colour():
    means = []
    for share in (0.0, 0.3, 0.7, 1.0):
        shown, hair = brightness(coloured("long", highlights=share, streak=0.7))
        means.append(shown[hair].mean())
    assert all(b > a + 3 for a, b in zip(means, means[1:], strict=False))


def test_a_low_streak_is_darker_than_the_hair_and_a_high_one_lighter():
    shown = {s: brightness(coloured("long", highlights=0.8, streak=s)) for s in (0.0, 0.8)}
    plain, hair = brightness(coloured("long"))
    assert shown[0.0][0][hair].mean() < plain[hair].mean() < shown[0.8][0][hair].mean()


def test_an_ombre_begins_at_the_tips():
    plain, hair = brightness(coloured("long"))
    second, _ = brightness(coloured("long", ombre=0.5, streak=0.8))
    gain = np.where(hair, second - plain, np.nan)
    assert np.nanmean(gain[54:]) > 4 * max(1.0, np.nanmean(gain[:14]))


def test_the_tips_of_gathered_hair_are_those_of_its_tails():
    """The hair on the skull of braids ends in them: no tips, and no ombre, above the ties."""
    plain, second = (render(coloured("braids", **c), 64) for c in ({}, {"ombre": 0.5, "streak": 0.8}))
    gain = np.where(plain.hair > 0.99, second.image.mean(-1) - plain.image.mean(-1), np.nan)
    assert np.abs(gain[:30][np.isfinite(gain[:30])]).max() < 2 and np.nanmean(gain[52:]) > 10


@pytest.mark.parametrize("hair", [{"grey": 1.0, "lightness": 0.1}, {"lightness": 0.5}, {"dye": 1.0, "hue": 0.7}])
def test_streaks_are_darker_and_then_lighter_than_the_natural_colour(hair):
    natural = hair_colour(Hair(**{**hair, "dye": 0.0})).mean()
    shades = [streak_colour(Hair(**hair, streak=streak)).mean() for streak in (0.0, 0.29, 0.31, 0.9)]
    assert shades[0] < 0.9 * shades[1] < natural and natural * 1.1 < shades[2] < 0.9 * shades[3]


def test_hairlines_are_low_or_high_and_come_to_a_peak():
    low, average, high, peaked = (
        render(coloured("slicked", **line), 64).hair
        for line in ({"hairline": 0.0}, {}, {"hairline": 1.0}, {"peak": 1.0})
    )
    forehead = (slice(0, 30), slice(24, 40))
    assert low[forehead].sum() > average[forehead].sum() > high[forehead].sum()
    middle, aside = (slice(0, 30), slice(30, 34)), (slice(0, 30), slice(20, 25))
    assert peaked[middle].sum() > average[middle].sum() and peaked[aside].sum() < average[aside].sum()


def test_heads_without_a_second_colour_are_common_and_so_are_those_with_one():
    hairs = [Head.sample(seed).hair for seed in range(300)]
    assert 0.3 < np.mean([hair.highlights > 0.1 for hair in hairs]) < 0.6
    assert 0.1 < np.mean([hair.ombre > 0.1 for hair in hairs]) < 0.4
