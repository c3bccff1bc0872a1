import numpy as np

from faces.align import inner_face
from faces.labels import LABEL
from hairnet.composite import BACKGROUND, HAIR, SIDE, SKIN, Layers, match_tones, new_hair, remove_hair, spread
from hairnet.split import template_points

MARGIN = 64
FACE = inner_face(template_points(1, SIDE)[0], SIDE)
WIDE_FACE = np.pad(FACE, MARGIN)


def layers(colours: dict[int, tuple], hair_until: int, margin: int = 0) -> Layers:
    """A crop with background, an oval of skin, a band of hair down to a row, and clothes at the bottom."""
    side = SIDE + 2 * margin
    y, x = (np.mgrid[:side, :side] - margin) / SIDE
    labels = np.where(((x - 0.5) / 0.3) ** 2 + ((y - 0.55) / 0.4) ** 2 < 1, SKIN, BACKGROUND)
    labels[y > 0.95] = LABEL["cloth"]
    labels[(y < hair_until / SIDE) & (np.abs(x - 0.5) < 0.45)] = HAIR
    pixels = np.zeros((side, side, 3), np.float32)
    for label, colour in colours.items():
        pixels[labels == label] = colour
    return Layers(pixels, np.stack([(labels == k).astype(np.float32) for k in range(19)]))


PHOTO = {BACKGROUND: (10, 200, 10), SKIN: (200, 150, 120), HAIR: (60, 40, 20), LABEL["cloth"]: (0, 0, 0)}
MADE = {BACKGROUND: (0, 0, 250), SKIN: (150, 100, 90), HAIR: (240, 220, 90), LABEL["cloth"]: (99, 9, 9)}


def test_where_hair_goes_the_photos_own_background_and_skin_come():
    pixels, gone = remove_hair(layers(PHOTO, 100, MARGIN), layers(MADE, 20), WIDE_FACE)
    middle = slice(MARGIN, MARGIN + SIDE)
    pixels, gone = pixels[middle, middle], gone[middle, middle]
    assert np.abs(pixels[60, 30] - PHOTO[BACKGROUND]).max() < 8 and gone[60, 30] > 0.95
    assert np.abs(pixels[75, 128] - PHOTO[SKIN]).max() < 8 and gone[75, 128] > 0.95


def test_old_hair_beyond_the_crop_goes_too():
    _, gone = remove_hair(layers(PHOTO, 100, MARGIN), layers(MADE, 0), WIDE_FACE)
    assert gone[MARGIN // 2, MARGIN + SIDE // 2] > 0.95


def test_nothing_is_removed_where_new_hair_comes_nor_where_there_was_none():
    _, gone = remove_hair(layers(PHOTO, 100, MARGIN), layers(MADE, 110), WIDE_FACE)
    assert gone[MARGIN + 8 :, MARGIN + 48 : MARGIN + 208].max() < 0.1
    _, gone = remove_hair(layers(PHOTO, 40, MARGIN), layers(MADE, 0), WIDE_FACE)
    assert gone[MARGIN + 120 :].max() == 0


def test_new_hair_has_the_tones_of_the_donors_photo():
    donor = layers({**PHOTO, HAIR: (120, 30, 15)}, 60)
    pixels, mask = new_hair(layers(MADE, 60), donor, FACE)
    assert np.abs(pixels[30, 128] - (120, 30, 15)).max() < 3
    assert mask[30, 128] > 0.99 and mask[100].max() < 0.01


def test_the_rim_of_new_hair_shows_nothing_of_the_invented_background():
    made = layers(MADE, 60)
    made.pixels[56:60] = MADE[BACKGROUND]
    pixels, _ = new_hair(made, layers({**PHOTO, HAIR: (120, 30, 15)}, 60), FACE)
    assert np.abs(pixels[58, 128] - (120, 30, 15)).max() < 10


def test_eyes_nose_and_mouth_stay_free_of_hair():
    _, mask = new_hair(layers(MADE, 200), layers(PHOTO, 60), FACE)
    assert mask[128:180, 110:146].max() < 0.05 and mask[60, 128] > 0.95


def test_without_hair_to_take_tones_from_none_are_changed():
    made = layers(MADE, 60)
    assert match_tones(made.pixels, made.hair, made.pixels * 0.5, np.zeros((SIDE, SIDE))) is made.pixels


def test_spreading_keeps_what_is_known_and_continues_it_smoothly():
    pixels = np.full((60, 60, 3), 90, np.float32)
    pixels[:, 30:] = 180
    known = np.ones((60, 60))
    known[20:40] = 0
    filled = spread(pixels, known)
    assert np.abs(filled[:20] - pixels[:20]).max() < 1
    assert 85 < filled[30, 5].mean() < 120 and 150 < filled[30, 55].mean() < 185
