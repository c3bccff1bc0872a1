import dataclasses

import numpy as np
import torch

from hairnet.photo.canvas import WORK, scaled
from hairnet.photo.spread import spread
from hairnet.photo.strands import carry, dress, fit_sheet, hair_colours, network_hair, sidelight
from tests.hairnet.photo.canvases import CENTRE, COLOURS, HAIR, canvas, made

X, Y = CENTRE


def overlap(a, b):
    return np.minimum(a, b).sum() / np.maximum(a, b).sum()


def test_the_donors_hair_moves_towards_the_shape_that_the_network_wants():
    donor, face = canvas(70), canvas(70)
    wanted = network_hair(made(84)[0])
    new = dress(donor, face, wanted)
    assert overlap(new.matte, wanted) > overlap(donor.hair, wanted) + 0.05


def test_hair_that_is_already_where_it_should_be_stays():
    donor = canvas(75)
    shifts = fit_sheet(donor, donor, network_hair(made(75)[0]))
    assert shifts.abs().max() < 0.05


def test_the_sheet_is_fitted_even_where_gradients_are_off():
    donor = canvas(70)
    with torch.inference_mode():
        first = fit_sheet(donor, donor, network_hair(made(84)[0]))
    assert torch.equal(first, fit_sheet(donor, donor, network_hair(made(84)[0])))


def test_new_hair_has_the_donors_colour():
    donor = canvas(75, {HAIR: (230, 120, 170)})
    new = dress(donor, canvas(75), network_hair(made(75)[0]))
    assert np.abs(new.pixels[new.matte > 0.9].mean(0) - (230, 120, 170)).max() < 12


def test_hair_colours_go_on_beyond_its_edge_without_what_is_behind():
    donor = canvas(75)
    colours = hair_colours(donor)
    edge = scaled(donor.hair, WORK) < 0.5
    edge[: Y - 80] = True
    near = colours[Y - 98 : Y - 95, X]
    assert np.abs(near - COLOURS[HAIR]).max() < 25


def test_hair_that_the_donors_photo_cuts_goes_on_as_far_as_the_network_says():
    donor = canvas(84)
    inside = donor.inside.copy()
    inside[: Y - 75] = 0
    cut = dataclasses.replace(donor, inside=inside)
    low, high = network_hair(made(60)[0]), network_hair(made(84)[0])
    assert dress(cut, donor, high).matte[: Y - 80].sum() > 3 * dress(cut, donor, low).matte[: Y - 80].sum()


def test_light_from_the_other_side_is_turned():
    donor, face = canvas(75), canvas(75)
    ramp = np.linspace(0.7, 1.3, WORK, dtype=np.float32)[None, :, None]
    lit = dataclasses.replace(face, pixels=face.pixels * ramp)
    factors = sidelight(donor, lit)[0, :, 0]
    assert factors[-1] > 1.05 and factors[0] < 0.95 and np.allclose(sidelight(donor, face), 1, atol=1e-3)


def test_the_networks_hair_closes_above_the_crop_and_goes_on_below():
    drawn = np.zeros((19, 192, 192), np.float32)
    drawn[HAIR, :, 60:130] = 1
    hair = network_hair(drawn)
    widths = hair[:48].sum(1)
    assert widths[47] > 50 and widths[20] == 0 and (np.diff(widths) >= 0).all()
    assert hair[-1].sum() == 70


def test_carrying_by_a_sheet_at_rest_changes_nothing():
    picture = canvas(75).pixels
    assert np.abs(carry(picture, torch.zeros(1, 2, 12, 12), WORK) - picture).max() < 1


def test_spreading_keeps_what_is_known_and_meets_it_without_a_step():
    pixels = np.full((60, 60, 3), 90, np.float32)
    pixels[:, 30:] = 180
    known = np.ones((60, 60), np.float32)
    known[20:40] = 0
    filled = spread(pixels, known)
    assert np.abs(filled[:20] - pixels[:20]).max() < 1
    assert 85 < filled[30, 5].mean() < 120 and 150 < filled[30, 55].mean() < 185
    assert np.abs(filled[20] - filled[19]).max() < 40
