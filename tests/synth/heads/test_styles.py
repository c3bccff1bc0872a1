"""The table of hairstyles, gathered hair, and what a style does to a picture."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from synth.heads import STYLES, Hair, Head, render, render_poses, style_name
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
