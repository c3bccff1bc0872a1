"""Rendered heads: repeatable, the same at every size, and true to their labels, landmarks and angles."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from synth.heads import LABEL_NAMES, Head, render, render_poses

LABEL = {name: index for index, name in enumerate(LABEL_NAMES)}
SIZE = 48


@pytest.fixture(scope="module")
def crowd():
    return [render(Head.sample(seed), SIZE) for seed in range(16)]


def bare(seed: int) -> Head:
    """A head without glasses, hat, earrings and beard."""
    head = Head.sample(seed)
    scene = replace(head.scene, glasses=0.0, hat=0.0, earrings=0.0, necklace=0.0)
    return replace(head, scene=scene, identity=replace(head.identity, beard=0.0))


def same(a, b) -> bool:
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in ("image", "labels", "hair", "landmarks5", "landmarks68")
    )


def test_one_head_is_the_same_bytes_with_any_number_of_threads():
    head, before = Head.sample(11), torch.get_num_threads()
    first = render(head, SIZE)
    try:
        torch.set_num_threads(2)
        second = render(head, SIZE)
        assert torch.get_num_threads() == 2  # and the caller's setting survives
    finally:
        torch.set_num_threads(before)
    assert same(first, second)


def test_a_small_picture_is_the_large_one_made_smaller():
    for seed in (300, 307):
        small, large = render(Head.sample(seed), 64), render(Head.sample(seed), 128)
        reduced = large.image.reshape(64, 2, 64, 2, 3).mean((1, 3))
        assert np.abs(reduced - small.image).mean() < 6  # of 255
        assert np.allclose(small.landmarks68 * 2, large.landmarks68, atol=1e-3)
        assert np.abs(large.hair.reshape(64, 2, 64, 2).mean((1, 3)) - small.hair).mean() < 0.03


def test_labels_are_celebamask_and_the_main_ones_occur(crowd):
    seen = set(np.unique(np.stack([r.labels for r in crowd])))
    assert seen <= set(range(19))
    parts = "background skin nose l_eye r_eye l_brow r_brow u_lip l_lip hair neck cloth"
    assert {LABEL[name] for name in parts.split()} <= seen


def test_an_l_label_is_the_subjects_left_which_is_image_right():
    labels = render(bare(5).turned(0), 64).labels
    for part in ("eye", "brow"):
        left, right = (np.nonzero(labels == LABEL[f"{side}_{part}"])[1].mean() for side in "lr")
        assert left > right


def test_glasses_cover_the_eyes_in_the_labels_alone():
    head = bare(4).turned(0)
    worn = replace(head, scene=replace(head.scene, glasses=1.0))
    without, with_glasses = render(head, 64), render(worn, 64)
    assert (with_glasses.labels == LABEL["eye_g"]).sum() > 60
    eyes = np.isin(without.labels, [LABEL["l_eye"], LABEL["r_eye"]])
    assert (with_glasses.labels[eyes] == LABEL["eye_g"]).mean() > 0.9


def test_hair_alpha_is_a_share_that_agrees_with_the_labels(crowd):
    for r in crowd:
        assert r.hair.dtype == np.float32 and 0 <= r.hair.min() and r.hair.max() <= 1
        assert not (r.labels[r.hair == 0] == LABEL["hair"]).any()


def test_a_hair_swap_keeps_the_face():
    head, donor = bare(21), bare(22)
    own, swapped = render(head, 64), render(head.wearing(donor), 64)
    assert np.array_equal(own.landmarks68, swapped.landmarks68)
    clear = (own.hair == 0) & (swapped.hair == 0)
    assert (own.labels == swapped.labels)[clear].mean() > 0.995
    inner = clear & np.isin(own.labels, [LABEL[n] for n in ("nose", "u_lip", "l_lip", "l_eye", "r_eye")])
    difference = np.abs(own.image.astype(int) - swapped.image)[inner].mean()
    assert difference < 12  # the shadow of hair may fall on the face
    assert not np.array_equal(own.hair, swapped.hair)


def test_the_nose_follows_the_yaw():
    head = bare(9)
    yaws = [-40, -20, 0, 20, 40]
    offsets = []
    for r, yaw in zip(render_poses(head, [(yaw, 0) for yaw in yaws], SIZE), yaws, strict=True):
        assert r.yaw == pytest.approx(yaw)
        eyes = r.landmarks5[:2].mean(0)
        offsets.append((r.landmarks5[2] - eyes)[0] / np.linalg.norm(r.landmarks5[1] - r.landmarks5[0]))
    assert offsets == sorted(offsets) and offsets[0] < -0.15 and offsets[-1] > 0.15


def test_eyes_lie_where_ffhq_has_them():
    for seed in range(40, 46):
        r = render(Head.sample(seed).turned(0, 0), SIZE)
        eyes, width = r.landmarks5[:2] / SIZE, r.landmarks5[1, 0] - r.landmarks5[0, 0]
        assert width > 0
        assert np.abs(eyes.mean(0) - [0.5, 0.474]).max() < 0.025
        assert abs(np.degrees(np.arctan2(*(eyes[1] - eyes[0])[::-1])) - r.roll) < 1.5


def test_sixty_eight_points_are_in_ibugs_order():
    p = render(bare(33).turned(0, 0), SIZE).landmarks68
    assert p[0, 0] < p[8, 0] < p[16, 0] and p[8, 1] == p[:17, 1].max()  # jaw from image-left over the chin
    assert p[17:22, 0].max() < p[22:27, 0].min()  # brows
    assert p[27, 1] < p[30, 1] < p[33, 1]  # down the nose
    assert p[36, 0] < p[39, 0] < p[42, 0] < p[45, 0]  # corners of the eyes
    assert p[37, 1] < p[41, 1] and p[44, 1] < p[46, 1]  # upper over lower lids
    assert p[48, 0] < p[54, 0] and p[51, 1] < p[57, 1]  # mouth


def test_several_poses_are_the_single_ones():
    head = Head.sample(2)
    one = render_poses(head, [(25, 5)], SIZE)[0]
    assert same(one, render(head.turned(25, 5), SIZE))
    many = render_poses(head, [(25, 5), (-30, 0)], SIZE)[0]
    assert np.abs(many.image.astype(int) - one.image).mean() < 3


@pytest.mark.parametrize("size", [0, 15, 1025])
def test_an_impossible_size_is_refused(size):
    with pytest.raises(ValueError, match="16 to 1024"):
        render(Head(), size)
