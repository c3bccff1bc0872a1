import numpy as np
import pytest
import torch
from PIL import Image

from faces.parsing import Parser
from hairnet.photo.composite import composite
from hairnet.photo.morph import Morph
from tests.hairnet.photo.canvases import HAIR, canvas

BLOND = {HAIR: (210, 180, 110)}


@pytest.fixture(scope="module")
def parser():
    torch.manual_seed(0)
    return Parser(input_size=32, widths=(16, 16, 16)).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def pictures():
    random = np.random.RandomState(0)
    return [Image.fromarray(random.randint(0, 256, (32, 32, 3)).astype(np.uint8)) for _ in range(2)]


@pytest.fixture(scope="module")
def morph(parser, pictures):
    """A dark-haired face with two donors; what the network drew is noise, to the parser as to us."""
    made = Morph(canvas(70), [canvas(85, BLOND), canvas(60)], pictures, parser)
    # so that the shapes make sense: those of donors with more and with less hair
    made.wanted[1:] = [canvas(85).hair, canvas(60).hair]
    return made


def colour_of(picture, matte):
    return picture[matte > 0.95].mean(0)


def test_all_weight_on_one_donor_is_the_transfer(parser, pictures):
    face, donors = canvas(70), [canvas(85, BLOND), canvas(60)]
    made = Morph(face, donors, pictures, parser)
    for k, weights in enumerate(np.eye(2)):
        alone = composite(donors[k], face, pictures[k], parser)
        assert np.allclose(made.at(weights).picture, alone.picture, atol=1e-3)
        assert np.array_equal(made.at(weights).mask, alone.mask)


def test_the_networks_hair_is_morphed_as_well_and_ends_in_its_transfer(parser, pictures):
    face, donors = canvas(70), [canvas(85, BLOND)]
    made = Morph(face, donors, pictures[:1], parser, strands="network")
    alone = composite(donors[0], face, pictures[0], parser, strands="network")
    assert np.allclose(made.at().picture, alone.picture, atol=1e-3)
    assert np.isfinite(made.at(strength=0.5).picture).all()


def test_strength_0_is_the_photo_and_touches_nothing(morph):
    for take in ("all", "colour", "shape"):
        made = morph.at(strength=0.0, take=take)
        assert np.array_equal(made.picture, morph.face.pixels) and not made.mask.any()


def test_the_photo_changes_smoothly_with_strength_and_from_the_first_step(morph):
    strengths = (0.0, 0.02, 0.25, 0.5, 0.75, 1.0)
    pictures = [morph.at(strength=s).picture for s in strengths]
    change = [np.abs(picture - pictures[0]).mean() for picture in pictures]
    assert change == sorted(change) and change[1] < 0.15 * change[-1], change
    steps = [np.abs(b - a).mean() for a, b in zip(pictures[1:], pictures[2:], strict=False)]
    assert max(steps) < 0.6 * change[-1] and min(steps) > 0.05 * change[-1], steps


def test_colour_alone_moves_the_colour_and_leaves_the_shape(morph):
    own = morph.face.hair
    before, after = colour_of(morph.face.pixels, own), colour_of(morph.at(take="colour").picture, own)
    assert np.abs(after - BLOND[HAIR]).max() < 12 < np.abs(before - BLOND[HAIR]).max()
    assert np.array_equal(morph.at(take="colour").picture[own == 0], morph.face.pixels[own == 0])
    half = colour_of(morph.at(take="colour", strength=0.5).picture, own)
    assert (before < half).all() and (half < after).all()


def test_shape_alone_moves_the_shape_and_keeps_the_colour(morph):
    made = morph.at(take="shape")
    assert np.abs(colour_of(made.picture, made.hair.matte) - colour_of(morph.face.pixels, morph.face.hair)).max() < 12
    assert made.hair.matte.sum() > 1.15 * morph.face.hair.sum()


def test_hair_between_two_donors_has_a_shape_and_a_colour_between(morph):
    area = [morph.at([w, 1 - w]).hair.matte.sum() for w in (0, 0.5, 1)]
    light = [colour_of(m.picture, m.hair.matte)[0] for m in (morph.at([w, 1 - w]) for w in (0, 0.5, 1))]
    assert area[0] < area[1] < area[2] and light[0] + 20 < light[1] < light[2] - 20


def test_beyond_strength_1_the_colour_goes_on(morph):
    light = [colour_of(m.picture, m.hair.matte)[0] for m in (morph.at(strength=s) for s in (1.0, 1.25))]
    assert light[1] > light[0] + 3


@pytest.mark.parametrize("blend", ["multiband", "poisson"])
def test_every_blend_takes_strengths(morph, blend):
    made = morph.at(strength=0.5, blend=blend)
    assert np.isfinite(made.picture).all() and made.mask.any()


@pytest.mark.parametrize("weights", [[1.0], [0.5, 0.6], [1.5, -0.5]])
def test_weights_that_are_none_are_refused(morph, weights):
    with pytest.raises(ValueError, match="numbers from 0 that sum to 1"):
        morph.at(weights)


@pytest.mark.parametrize("strength", [-0.5, 2.0])
def test_a_strength_out_of_range_is_refused(morph, strength):
    with pytest.raises(ValueError, match="--strength"):
        morph.at(strength=strength)


def test_a_bald_donor_has_no_colour_to_give(parser, pictures):
    made = Morph(canvas(70), [canvas(0)], pictures[:1], parser)
    assert np.array_equal(made.at(take="colour").picture, made.face.pixels)
    assert np.isfinite(made.at(take="shape", strength=0.5).picture).all()
