import numpy as np
import pytest

from directions.colour import cielab
from hairnet.photo.recolour import Colours, mixed, recolour, to_lab, to_rgb

RANDOM = np.random.RandomState(0)


def strands(colour, contrast):
    light = RANDOM.randn(40, 40, 1) * contrast
    return np.clip(np.array(colour) + light * (1.0, 0.9, 0.8), 0, 255).astype(np.float32)


WHOLE = np.ones((40, 40), np.float32)


def test_colours_go_to_cielab_as_everywhere_else_and_back():
    rgb = RANDOM.randint(0, 256, (50, 3)).astype(np.uint8)
    assert np.allclose(to_lab(rgb.astype(np.float32)), cielab(rgb), atol=0.02)
    assert np.allclose(to_rgb(to_lab(rgb.astype(np.float32))), rgb, atol=0.05)


def test_dark_hair_takes_the_mean_of_blond_hair_and_keeps_its_strands():
    dark, blond = strands((60, 45, 35), 8), strands((200, 170, 110), 20)
    own, wanted = Colours.of(dark, WHOLE), Colours.of(blond, WHOLE)
    result = recolour(dark, own, wanted, WHOLE)
    assert np.abs(to_lab(result).mean((0, 1)) - wanted.mean).max() < 2
    order = np.corrcoef(result.mean(-1).ravel(), dark.mean(-1).ravel())[0, 1]
    assert order > 0.98, "light strands stay light, dark ones dark"


def test_flat_hair_does_not_become_noise():
    flat, wild = strands((60, 45, 35), 0.5), strands((150, 120, 90), 50)
    result = recolour(flat, Colours.of(flat, WHOLE), Colours.of(wild, WHOLE), WHOLE)
    assert to_lab(result)[..., 0].std() < 2.2 * to_lab(flat)[..., 0].std()


def test_amounts_lead_from_the_own_colours_to_the_others_and_beyond():
    own, other = (Colours.of(strands(colour, 10), WHOLE) for colour in ((60, 45, 35), (200, 170, 110)))
    means = [own.towards(other, amount).mean[0] for amount in (0, 0.5, 1, 1.25)]
    assert np.allclose(np.diff(means) / (means[2] - means[0]), [0.5, 0.5, 0.25])
    assert np.allclose(mixed([own, other], np.array([0.5, 0.5])).mean, own.towards(other, 0.5).mean)


def test_pixels_outside_stay_and_hair_without_pixels_has_no_colour():
    dark = strands((60, 45, 35), 8)
    half = WHOLE.copy()
    half[:, 20:] = 0
    own = Colours.of(dark, half)
    result = recolour(dark, own, own.towards(Colours(own.mean + 20, own.covariance), 1), half)
    assert np.array_equal(result[:, 20:], dark[:, 20:]) and not np.array_equal(result[:, :20], dark[:, :20])
    assert Colours.of(dark, 0 * WHOLE) is None


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (120, 0, 200)])
def test_the_result_is_always_a_colour(colour):
    dark, odd = strands((60, 45, 35), 8), strands(colour, 3)
    result = recolour(dark, Colours.of(dark, WHOLE), Colours.of(odd, WHOLE), WHOLE)
    assert np.isfinite(result).all() and result.min() >= 0 and result.max() <= 255
