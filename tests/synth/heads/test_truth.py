"""What a render knows besides its picture: identities that show, beards, jewellery, labels."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from synth.heads import FACTOR_NAMES, LABEL_NAMES, Expression, Head, Identity, Scene, render
from synth.heads.render import majority

LABEL = {name: index for index, name in enumerate(LABEL_NAMES)}
MAN = Identity(femininity=0.1, beard=0.95, skin=0.2)


@pytest.mark.parametrize("name", FACTOR_NAMES["identity"])
def test_every_factor_of_identity_shows(name):
    base = Identity(femininity=0.2, beard=0.95, beard_length=0.8) if name.startswith("beard") else Identity(skin=0.1)
    low, high = (render(replace(Head(), identity=replace(base, **{name: value})), 64).image for value in (0.05, 0.95))
    assert np.abs(low.astype(int) - high).max() > 6


def test_a_beard_is_skin_in_the_labels_and_has_its_own_truth():
    shaved = render(replace(Head(), identity=replace(MAN, beard=0.0)), 64)
    bearded = render(replace(Head(), identity=MAN), 64)
    assert shaved.beard.max() == 0
    assert bearded.beard.dtype == np.float32 and bearded.beard.max() == 1 and bearded.beard.sum() > 60
    assert (bearded.labels[bearded.beard > 0.9] == LABEL["skin"]).all()
    assert bearded.hair[bearded.beard > 0.9].max() == 0


def test_beards_of_other_shapes_cover_other_places():
    shapes = [0.1, 0.3, 0.6, 0.8, 0.95]  # moustache, goatee, full, chin curtain, mutton chops
    covers = [render(replace(Head(), identity=replace(MAN, beard_shape=shape)), 64).beard for shape in shapes]
    assert covers[0].sum() < covers[1].sum() < covers[2].sum()
    lip = np.s_[36:44, 28:36]
    assert covers[3][lip].sum() < 0.5 * covers[2][lip].sum()


@pytest.mark.parametrize("kind", [0.55, 0.75, 0.95])  # studs, drops, hoops
def test_earrings_hang_on_both_ears(kind):
    head = replace(Head().turned(0), scene=Scene(earrings=kind), hair=replace(Head().hair, style=0.0))
    columns = np.nonzero(render(head, 128).labels == LABEL["ear_r"])[1]
    assert (columns < 64).sum() >= 6 and (columns > 64).sum() >= 6


def test_a_necklace_lies_below_the_face_and_is_wide():
    rows, columns = np.nonzero(render(replace(Head(), scene=Scene(necklace=1.0)), 64).labels == LABEL["neck_l"])
    assert len(rows) > 20 and rows.min() > 44 and np.ptp(columns) > 15


def test_all_nineteen_labels_occur():
    hatted = replace(Head(), scene=Scene(hat=1.0), expression=Expression(mouth_open=1.0))
    dressed = replace(Head(), scene=Scene(glasses=1.0, earrings=0.9, necklace=0.9))
    bare = replace(Head(), hair=replace(Head().hair, style=0.0))
    seen = {int(k) for head in (hatted, dressed, bare) for k in np.unique(render(head.turned(0), 128).labels)}
    assert seen == set(range(19))


def test_a_tie_between_labels_goes_to_the_one_around_it():
    labels = torch.zeros(6, 6, dtype=torch.int64)
    labels[:, :2] = 7
    labels[:, 3:] = 5  # the middle column of pixels is half 0 and half 5, and 0 is nowhere else
    assert majority(labels, 2)[1].tolist() == [7, 5, 5]


def test_labels_of_a_large_picture_reduced_are_those_of_a_small_one():
    for seed in (500, 501):
        head = Head.sample(seed)
        reduced = majority(torch.from_numpy(render(head, 256).labels).long(), 2)
        assert (reduced == render(head, 128).labels).mean() > 0.97
