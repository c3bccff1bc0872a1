import numpy as np

from hairnet.photo.canvas import WORK
from hairnet.photo.uncover import behind, uncover, within_hull
from tests.hairnet.photo.canvases import BACKGROUND, CENTRE, COLOURS, HAIR, SKIN, canvas, made

X, Y = CENTRE


def test_old_hair_gives_way_to_the_photos_own_background_and_skin():
    face = canvas(90)
    fill, gone = uncover(face, *made(58))
    assert gone[Y - 85, X] > 0.95 and np.abs(fill[Y - 85, X] - COLOURS[BACKGROUND]).max() < 12
    assert gone[Y - 45, X] > 0.95 and np.abs(fill[Y - 45, X] - COLOURS[SKIN]).max() < 12


def test_where_there_is_no_hair_nothing_is_replaced():
    _, gone = uncover(canvas(90), *made(58))
    assert gone[Y + 20 :].max() < 1e-3 and gone[:10].max() < 1e-3


def test_loose_strands_of_the_hairs_colour_go_too():
    face = canvas(75)
    face.pixels[Y - 105 : Y - 96, X : X + 2] = COLOURS[HAIR]
    _, gone = uncover(face, *made(75))
    assert gone[Y - 99, X] > 0.4 and gone[Y - 99, X + 20] < 0.1


def test_what_lies_behind_hair_is_skin_near_the_face_and_background_further_out():
    face = canvas(90)
    parts = behind(face, face.hair, made(90)[0])
    assert parts[1, Y - 48, X] > 0.9 and parts[0, Y - 95, X] > 0.9
    assert np.allclose(parts.sum(0), 1, atol=1e-5)


def test_a_photo_that_is_all_hair_is_no_error():
    face = canvas(75)
    face.hair[:] = 1
    fill, gone = uncover(face, *made(75))
    assert np.isfinite(fill).all() and np.isfinite(gone).all()


def test_a_hull_holds_its_points_and_a_thin_mask_is_left_alone():
    mask = np.zeros((WORK, WORK), bool)
    mask[10, 10] = mask[10, 50] = mask[50, 30] = True
    hull = within_hull(mask)
    assert hull[20, 30] and not hull[60, 30] and not hull[40, 12]
    mask[:] = False
    mask[5] = True
    assert np.array_equal(within_hull(mask), mask)
