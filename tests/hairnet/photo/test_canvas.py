import numpy as np
import pytest
import torch
from PIL import Image

from data.images import read_image
from faces import align, load_parser
from faces.align import align_at
from faces.parsing import Parser
from hairnet.photo.canvas import CROP, WORK, Canvas, in_crop, parse, scaled, see
from hairnet.photo.matte import guided, hair_or_skin, likeliest, log_ratio, one_head_of_hair
from tests.hairnet.photo.canvases import CENTRE, HAIR, SKIN, canvas, disc, onehot

X, Y = CENTRE
FRONTAL = np.array([[0.375, 0.474], [0.627, 0.474], [0.5, 0.61], [0.4, 0.73], [0.6, 0.73]])


@pytest.fixture(scope="module")
def parser():
    torch.manual_seed(0)
    return Parser(input_size=32, widths=(16, 16, 16)).eval().requires_grad_(False)


def test_a_canvas_laid_back_untouched_changes_no_pixel(parser):
    noise = np.random.RandomState(0).randint(0, 256, (300, 400, 3), dtype=np.uint8)
    aligned = align_at(Image.fromarray(noise), (FRONTAL - 0.5) * 150 + (200, 150))
    read = Canvas.read(aligned, parser)
    back = read.to_photo(aligned, read.pixels, np.zeros((read.side, read.side), np.float32))
    assert np.array_equal(np.asarray(back), noise)


def test_beyond_the_photo_there_is_its_mirror_image_and_the_canvas_says_so(parser):
    photo = Image.fromarray(np.repeat(np.linspace(0, 250, 200, dtype=np.uint8)[None, :, None], 200, 0).repeat(3, 2))
    quad = np.array([[-50, 0], [-50, 200], [150, 200], [150, 0]], np.float64)
    picture, inside = see(photo, quad, 200)
    row = np.asarray(picture)[100, :, 0].astype(int)
    assert abs(row[50 + 20] - row[50 - 20]) < 6 and row[120] > row[60]
    assert inside[WORK // 2, 10] == 0 and inside[WORK // 2, WORK // 2] == 1


def test_a_photo_much_larger_than_its_canvas_is_reduced(parser):
    aligned = align_at(Image.new("RGB", (4000, 4000), "teal"), (FRONTAL - 0.5) * 3000 + 2000)
    assert Canvas.read(aligned, parser).side == 1536


def test_probabilities_of_all_views_add_up_to_one(parser):
    classes = parse(Image.new("RGB", (400, 400), "gray"), parser)
    assert classes.shape == (19, WORK, WORK) and np.allclose(classes.sum(0), 1, atol=1e-2)


def test_scaling_and_placing_keep_values():
    assert np.allclose(scaled(np.full((30, 30, 3), 7.0), 90), 7) and scaled(np.ones((90, 90)), 30).shape == (30, 30)
    assert in_crop(np.ones((CROP, CROP))).sum() == CROP**2


def test_the_guided_matte_finds_the_edge_that_the_coarse_mask_misses():
    coarse = disc(66).astype(np.float32)  # true hair: everything within 75
    pixels = np.where(disc(75)[..., None], 0.2, 0.8).astype(np.float32).repeat(3, 2)
    matte = guided(pixels, np.clip(coarse * 0.5 + disc(78) * 0.5, 0, 1).astype(np.float32))
    assert matte[Y, X + 72] > 0.5 > matte[Y, X + 79]


def test_a_matte_is_as_fine_as_the_picture():
    matte = guided(np.random.RandomState(0).rand(500, 500, 3).astype(np.float32), disc(60).astype(np.float32))
    assert matte.shape == (500, 500) and matte.min() >= 0 and matte.max() <= 1


def test_colours_take_skin_out_of_what_the_parser_calls_hair():
    one = canvas(75)
    classes = onehot(np.where(one.hair > 0, HAIR, SKIN))
    ear = (slice(Y - 60, Y - 50), slice(X - 5, X + 5))
    one.pixels[ear] = (210, 160, 130)
    classes[HAIR][ear], classes[SKIN][ear] = 0.6, 0.4
    corrected = hair_or_skin(one.pixels, classes, one.face)
    assert corrected[Y - 55, X] < 0.3 and corrected[Y - 75, X] > 0.9


def test_colours_that_are_equally_likely_decide_nothing():
    same = np.random.RandomState(0).randn(500, 3) * 0.2
    assert np.abs(log_ratio(same[:50], same, same)).max() < 1e-6


def test_hair_of_somebody_else_is_dropped():
    one = canvas(75)
    hair = one.hair.copy()
    hair[5:30, 5:30] = 1
    kept = one_head_of_hair(hair, one.face)
    assert kept[5:30, 5:30].max() == 0 and kept[Y - 70, X] == 1


def test_uncertain_hair_counts_where_it_goes_on_from_certain_hair():
    face = disc(45).astype(np.float32)
    hair, onward = np.zeros((WORK, WORK), np.float32), np.zeros((WORK, WORK), bool)
    hair[80:100, 110:180] = 1
    hair[100:160, 180:200] = hair[100:160, 230:250] = 0.3
    onward[100:160, 180:200] = onward[100:160, 230:250] = True
    hair[95:100, 180:200], onward[95:100, 180:200] = 0.3, True  # touches the certain hair
    found = one_head_of_hair(hair, face, onward)
    assert found[110:150, 185:195].min() > 0.8, "goes on from certain hair"
    assert found[100:160, 230:250].max() == 0, "stands alone"


def test_gaps_in_the_likeliest_hair_are_closed_unless_there_is_skin():
    labels = np.zeros((WORK, WORK), int)
    labels[100:120], labels[120:126], labels[126:146] = HAIR, 0, HAIR
    classes = onehot(labels)
    assert likeliest(classes[HAIR], classes)[122, 50:200].all()
    labels[120:126] = 1
    classes = onehot(labels)
    assert not likeliest(classes[HAIR], classes)[122, 50:200].any()


def test_most_pixels_of_a_real_head_of_hair_are_found(shared):
    photo = shared / "material/photos/stablehair-ref-1.jpg"
    read = Canvas.read(align(read_image(photo)), load_parser("builtin", "cpu"))
    hair = scaled(read.hair, WORK)
    dark = scaled(read.pixels, WORK).mean(-1) < 60
    above = np.zeros_like(dark)
    above[50:130, 90:200] = True
    assert hair[dark & above].mean() > 0.8
