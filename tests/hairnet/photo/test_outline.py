import numpy as np
import pytest

from hairnet.photo.adjust import changed_shape, in_colour, in_shape
from hairnet.photo.canvas import WORK
from hairnet.photo.outline import depth, mean_depth, solid
from tests.hairnet.photo.canvases import canvas, disc


def test_a_shape_is_its_depth_above_zero_and_nothing_has_none():
    shape = disc(60).astype(np.float32)
    assert np.array_equal(solid(depth(shape)) > 0.5, shape > 0.5)
    assert (depth(0 * shape) == -WORK).all() and (depth(0 * shape + 1) == WORK).all()


def test_between_two_shapes_lies_one_between_them_without_ghosts():
    small, large = (depth(disc(radius).astype(np.float32)) for radius in (50, 70))
    middle = solid(mean_depth([small, large], np.array([0.5, 0.5])))
    assert abs(np.sqrt((middle > 0.5).sum() / (disc(60)).sum()) - 1) < 0.03
    assert ((middle > 0.05) & (middle < 0.95)).mean() < 0.05


def test_only_the_change_of_a_shape_is_taken_over():
    own, before, after = (disc(radius).astype(np.float32) for radius in (60, 50, 55))
    assert np.array_equal(changed_shape(own, before, before) > 0.5, own > 0.5)
    assert abs(np.sqrt((changed_shape(own, before, after) > 0.5).sum() / disc(65).sum()) - 1) < 0.03


@pytest.mark.parametrize("change", [in_colour, in_shape])
def test_without_a_change_the_photo_stays(change):
    from PIL import Image

    from faces.parsing import Parser

    face, picture = canvas(75), Image.new("RGB", (32, 32), "gray")
    parser = Parser(input_size=32, widths=(16, 16, 16)).eval().requires_grad_(False)
    made = change(face, picture, picture, parser)
    assert np.array_equal(made.picture, face.pixels) and not made.mask.any()
