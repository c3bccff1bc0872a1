import dataclasses

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from faces.align import align_at
from hairnet.photo.quality import warnings
from tests.hairnet.photo.canvases import CENTRE, HAIR, canvas

FRONTAL = np.array([[0.375, 0.474], [0.627, 0.474], [0.5, 0.61], [0.4, 0.73], [0.6, 0.73]])


def aligned(side: float = 200, nose: float = 0.0):
    points = FRONTAL.copy()
    points[2, 0] += nose
    return align_at(Image.new("RGB", (600, 600)), (points - 0.5) * side + 300)


def sharp(hair: float = 75):
    """A canvas whose face has features."""
    one = canvas(hair)
    noise = gaussian_filter(np.random.RandomState(0).randn(*one.face.shape), 1)[..., None] * 40
    return dataclasses.replace(one, pixels=(one.pixels + noise).astype(np.float32))


def test_a_good_photo_gives_no_warning():
    assert warnings(aligned(), sharp(), donor=True) == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("small", lambda: warnings(aligned(60), sharp(), True)),
        ("turned", lambda: warnings(aligned(nose=0.25), sharp(), True)),
        ("hardly any hair", lambda: warnings(aligned(), sharp(10), True)),
    ],
)
def test_what_spoils_a_transfer_is_said(words, found):
    assert len(found()) == 1 and words in found()[0]


def test_a_blurred_face_is_said():
    one = sharp()
    blurred = dataclasses.replace(one, pixels=gaussian_filter(one.pixels, (8, 8, 0)))
    assert "blurred" in warnings(aligned(), blurred, False)[0]


def test_a_hat_is_said():
    one = sharp()
    one.classes[14][one.classes[HAIR] > 0] = 1
    assert "hat" in warnings(aligned(), one, False)[0]


def test_hair_cut_by_the_edge_matters_in_the_hair_photo_only():
    one = sharp()
    inside = one.inside.copy()
    inside[: CENTRE[1] - 70] = 0
    cut = dataclasses.replace(one, inside=inside)
    assert "cut by the picture's edge" in warnings(aligned(), cut, True)[0] and not warnings(aligned(), cut, False)
