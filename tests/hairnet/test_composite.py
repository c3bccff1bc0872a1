import numpy as np

from hairnet.composite import BACKGROUND, HAIR, SKIN, Layers, composite, match_tones, spread
from hairnet.split import template_points

S = 128


def layers(colours: dict[int, tuple], hair_rows: slice) -> Layers:
    """A crop of three flat regions: background, a disc of skin, a band of hair."""
    y, x = np.mgrid[:S, :S] / S
    labels = np.where((x - 0.5) ** 2 + (y - 0.55) ** 2 < 0.09, SKIN, BACKGROUND)
    labels[hair_rows] = HAIR
    pixels = np.zeros((S, S, 3), np.float32)
    for label, colour in colours.items():
        pixels[labels == label] = colour
    return Layers(pixels, np.stack([(labels == k).astype(np.float32) for k in range(19)]))


PHOTO = {BACKGROUND: (10, 200, 10), SKIN: (200, 150, 120), HAIR: (60, 40, 20)}
MADE = {BACKGROUND: (0, 0, 250), SKIN: (150, 100, 90), HAIR: (240, 220, 90)}
POINTS = template_points(1, S)[0]


def test_new_hair_is_the_generated_one():
    picture, mask = composite(layers(PHOTO, np.s_[0:10]), layers(MADE, np.s_[0:24]), POINTS)
    assert np.abs(picture[4:18].astype(int) - MADE[HAIR]).max() <= 3 and mask[4:18].min() > 0.98


def test_old_hair_gives_way_to_the_photos_own_background_and_matched_skin():
    picture, _ = composite(layers(PHOTO, np.s_[0:40]), layers(MADE, np.s_[0:8]), POINTS)
    assert np.abs(picture[24:30, 4:20].astype(int) - PHOTO[BACKGROUND]).max() <= 3
    assert np.abs(picture[36, 62:66].astype(int) - PHOTO[SKIN]).max() <= 6


def test_where_no_hair_comes_or_goes_every_pixel_is_the_photos():
    photo = layers(PHOTO, np.s_[0:20])
    picture, mask = composite(photo, layers(MADE, np.s_[0:20]), POINTS)
    assert np.array_equal(picture[40:], photo.pixels[40:].astype(np.uint8)) and (mask[40:] == 0).all()


def test_tones_are_matched_on_the_skin_of_the_inner_face():
    made = layers(MADE, np.s_[0:8])
    face = (made.classes[SKIN] > 0).astype(np.float32)
    matched = match_tones(made, layers(PHOTO, np.s_[0:8]), face)
    assert np.abs(matched[70, 64] - PHOTO[SKIN]).max() < 1


def test_spreading_keeps_what_is_known_and_continues_it_smoothly():
    pixels = np.full((60, 60, 3), 90, np.float32)
    pixels[:, 30:] = 180
    known = np.ones((60, 60))
    known[20:40] = 0
    filled = spread(pixels, known)
    assert np.abs(filled[:20] - pixels[:20]).max() < 1
    assert 85 < filled[30, 5].mean() < 120 and 150 < filled[30, 55].mean() < 185
