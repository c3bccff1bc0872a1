import numpy as np
import pytest
import torch
from PIL import Image

from faces.parsing import Parser
from hairnet.photo.canvas import CROP, WORK
from hairnet.photo.composite import composite, multiband, poisson
from hairnet.photo.strands import Hair
from tests.hairnet.photo.canvases import canvas


@pytest.fixture(scope="module")
def parser():
    torch.manual_seed(0)
    return Parser(input_size=32, widths=(16, 16, 16)).eval().requires_grad_(False)


def hair_of(pixels, matte):
    return Hair(pixels, matte, pixels)


@pytest.mark.parametrize("blend", ["alpha", "multiband", "poisson"])
@pytest.mark.parametrize("strands", ["photo", "network"])
def test_every_blend_gives_a_picture_and_leaves_the_rest_of_the_photo(parser, blend, strands):
    face = canvas(70)
    made = composite(canvas(80), face, Image.new("RGB", (64, 64), "gray"), parser, blend, strands)
    assert made.picture.shape == face.pixels.shape and np.isfinite(made.picture).all()
    untouched = made.mask == 0
    if strands == "photo" and blend == "alpha":
        assert untouched.mean() > 0.3
    assert np.abs(made.picture - face.pixels)[untouched].max(initial=0) < 1e-3
    assert made.crop.size == (CROP, CROP) and made.stages().width > 1500


def test_the_multiband_blend_keeps_both_pictures_away_from_the_seam_and_has_no_step_at_it():
    front, back = np.full((128, 128, 3), 200, np.float32), np.full((128, 128, 3), 100, np.float32)
    mask = np.zeros((128, 128), np.float32)
    mask[:, :64] = 1
    picture, widest = multiband(front, back, mask)
    assert np.abs(picture[:, :8] - 200).max() < 3 and np.abs(picture[:, -8:] - 100).max() < 3
    assert np.abs(np.diff(picture[:, :, 0], axis=1)).max() < 80 and (widest >= mask - 1e-6).all()


def test_the_poisson_blend_takes_the_photos_tones_and_the_hairs_gradients():
    bald = np.full((WORK, WORK, 3), 150, np.float32)
    strands = np.full((WORK, WORK, 3), 60, np.float32)
    strands[:, ::8] += 30
    matte = np.zeros((WORK, WORK), np.float32)
    matte[100:180, 100:180] = 1
    picture, mask = poisson(hair_of(strands, matte), bald, matte)
    inside = picture[120:160, 120:160, 0]
    assert abs(inside.mean() - 150) < 6 and inside.max() - inside.min() > 25
    assert np.array_equal(picture[:60], bald[:60]) and (mask >= matte).all()


def test_without_hair_there_is_nothing_for_the_poisson_blend_to_do():
    bald = np.full((WORK, WORK, 3), 150, np.float32)
    nothing = np.zeros((WORK, WORK), np.float32)
    picture, _ = poisson(hair_of(bald * 0, nothing), bald, nothing)
    assert np.array_equal(picture, bald)
