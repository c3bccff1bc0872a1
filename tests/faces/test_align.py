"""The FFHQ crop against NVIDIA's, and the way back into the photo."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image, ImageFilter

from data.images import read_image
from faces import Aligned, align
from faces.align import align_at, ffhq_quad, inner_face

CASES = ("stablehair-id-0", "stablehair-id-1", "hairclip-unaligned", "ffhq-59641")
NAMES = ("eye_left", "eye_right", "nose", "mouth_left", "mouth_right")
FRONTAL = np.array([[0.375, 0.474], [0.627, 0.474], [0.5, 0.61], [0.4, 0.73], [0.6, 0.73]])  # of an FFHQ crop's side


def pattern(width: int, height: int) -> Image.Image:
    """A smooth coloured picture in which every place looks different."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 37) + np.cos(y / 29), np.sin((x + y) / 41), np.cos(x / 53 - y / 31)]
    return Image.fromarray(np.stack([(w * 50 + 128).clip(0, 255) for w in waves], -1).astype(np.uint8))


def placed(photo: Image.Image, centre: tuple[float, float], side: float, size: int = 128) -> Aligned:
    """The crop of about `side` px around `centre` of a photo."""
    return align_at(photo, (FRONTAL - 0.5) * side + centre, size)


@pytest.mark.parametrize("case", CASES)
def test_the_crop_is_that_of_ffhq(shared, case):
    answer = json.loads((shared / "conformance/align/align.json").read_text())[case]
    points = np.array([answer["points"][name] for name in NAMES])
    aligned = align_at(read_image(shared / answer["photo"]), points, 256)
    assert np.abs(aligned.quad - answer["quad"]).max() < 0.05
    expected = np.asarray(read_image(shared / f"conformance/align/{case}.png"), np.float32)
    difference = np.abs(np.asarray(aligned.image, np.float32) - expected)
    assert difference.mean() < 0.2 and difference.max() <= 4  # of 255; the padded cases reach 0.05 and 2


def test_a_large_photo_is_aligned_like_its_official_crop(shared):
    aligned = align(read_image(shared / "material/photos/hairclip-unaligned.jpg"), 256)
    official = read_image(shared / "material/aligned/hairclip-unaligned-as-ffhq.jpg").resize((256, 256))
    assert np.abs(np.asarray(aligned.image, np.float32) - np.asarray(official)).mean() < 25  # another detector's points
    assert np.abs(aligned.points / 256 - FRONTAL).max() < 0.06


def test_eyes_of_an_aligned_face_lie_at_ffhq_places(shared):
    for path in sorted((shared / "material/photos").glob("stablehair-id-*.jpg")):
        points = align(read_image(path), 64).points / 64
        assert np.abs(points[:2] - FRONTAL[:2]).max() < 0.05, path.name


def test_a_photo_without_a_face_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match="no face found"):
        align(Image.new("RGB", (200, 200)))


def test_quads_of_a_batch_are_those_of_its_faces():
    points = np.random.RandomState(0).rand(7, 5, 2)
    assert np.allclose(ffhq_quad(points), [ffhq_quad(one) for one in points])


def test_points_in_the_crop_are_where_the_points_of_the_photo_went():
    photo = Image.new("RGB", (400, 300))
    photo.putpixel((210, 160), (255, 255, 255))
    points = (FRONTAL - 0.5) * 120 + (200, 150)
    points[2] = (210, 160)
    aligned = align_at(photo, points, 240)
    brightness = np.asarray(aligned.image, np.float64).sum(-1)
    y, x = np.mgrid[:240, :240]
    centre = [(x * brightness).sum() / brightness.sum(), (y * brightness).sum() / brightness.sum()]
    assert np.abs(aligned.points[2] - centre).max() < 0.1


@pytest.mark.parametrize(("centre", "side"), [((200, 150), 140), ((60, 60), 160), ((390, 290), 120), ((150, 120), 200)])
def test_an_unchanged_crop_laid_back_leaves_the_photo_as_it_was(centre, side):
    photo = pattern(400, 300)
    aligned = placed(photo, centre, side, 512)
    back = np.asarray(aligned.to_photo(aligned.image), np.float32)
    assert np.abs(back - np.asarray(photo)).mean() < 0.7


def test_pixels_outside_the_crop_and_outside_the_mask_stay_exactly():
    photo = pattern(400, 300)
    aligned = placed(photo, (220, 140), 130)
    mask = np.zeros((64, 64), np.float32)
    mask[24:40, 24:40] = 1
    back = np.asarray(aligned.to_photo(Image.new("RGB", (128, 128), (255, 0, 0)), mask), np.int32)
    changed = np.abs(back - np.asarray(photo, np.int32)).max(-1) > 0
    ys, xs = np.nonzero(changed)
    centre = aligned.quad.mean(0)
    assert 20 < np.ptp(xs) < 55 and 20 < np.ptp(ys) < 55
    assert np.abs([xs.mean() - centre[0], ys.mean() - centre[1]]).max() < 1
    empty = aligned.to_photo(Image.new("RGB", (128, 128)), np.zeros((8, 8)))
    assert np.array_equal(np.asarray(empty), np.asarray(photo))


def test_the_crop_fades_towards_borders_inside_the_photo():
    photo = Image.new("RGB", (400, 300))
    aligned = placed(photo, (200, 150), 130)
    back = np.asarray(aligned.to_photo(Image.new("RGB", (64, 64), (255, 255, 255))), np.int32)[..., 0]
    assert back.max() == 255 and np.abs(np.diff(back, axis=0)).max() < 90 and np.abs(np.diff(back, axis=1)).max() < 90


def test_a_photo_that_is_a_crop_itself_keeps_no_frame_of_the_old_picture():
    photo = Image.new("RGB", (256, 256))
    whole = np.array([[0, 0], [0, 256], [256, 256], [256, 0]]) - 0.5
    aligned = dataclasses.replace(placed(photo, (128, 128), 200), quad=whole)
    back = np.asarray(aligned.to_photo(Image.new("RGB", (256, 256), (255, 255, 255))))
    assert back.min() == 255


def test_a_fine_crop_is_laid_into_a_coarse_photo_without_aliasing():
    noise = np.random.RandomState(1).randint(0, 256, (1024, 1024, 3), dtype=np.uint8)
    aligned = placed(Image.new("RGB", (200, 200)), (100, 100), 40)
    back = np.asarray(aligned.to_photo(Image.fromarray(noise)), np.float32)
    x, y = aligned.quad.mean(0).astype(int)
    assert back[y - 10 : y + 10, x - 10 : x + 10].std() < 25  # white noise of sigma 74, averaged


def test_a_picture_or_mask_of_the_wrong_form_is_refused():
    aligned = placed(pattern(200, 200), (100, 100), 60)
    with pytest.raises(ValueError, match="square"):
        aligned.to_photo(Image.new("RGB", (64, 32)))
    for mask in (np.full((4, 4), 1.5), np.full((4, 4), np.nan), np.ones((4, 4, 3))):
        with pytest.raises(ValueError, match=r"in \[0, 1\]"):
            aligned.to_photo(Image.new("RGB", (64, 64)), mask)


def test_points_far_outside_the_photo_are_refused():
    with pytest.raises(ValueError, match="outside the photo"):
        placed(pattern(100, 100), (5000, 5000), 60)


def test_the_inner_face_holds_the_features_and_leaves_out_the_forehead():
    for size in (64, 256):
        mask = inner_face(FRONTAL * size, size)
        assert mask.shape == (size, size) and mask.dtype == np.float32 and 0 <= mask.min() and mask.max() == 1
        for x, y in FRONTAL:
            assert mask[int(y * size), int(x * size)] > 0.95
        assert mask[: int(0.3 * size)].max() == 0 and mask[:, : int(0.12 * size)].max() == 0
        assert 0.1 < mask.mean() < 0.35


def test_the_inner_face_follows_the_points():
    size = 128
    turned = inner_face((FRONTAL + [0.05, 0.02]) * size, size)
    still = inner_face(FRONTAL * size, size)
    y, x = np.mgrid[:size, :size]
    shift = [(turned * x).sum() / turned.sum() - (still * x).sum() / still.sum()]
    assert abs(shift[0] - 0.05 * size) < 1


def test_photos_of_other_modes_are_read_as_colour():
    grey = Image.fromarray(np.asarray(pattern(300, 300).filter(ImageFilter.SMOOTH).convert("L")))
    assert placed(grey, (150, 150), 90).image.mode == "RGB"


def test_an_untouched_crop_that_was_padded_leaves_the_photo_as_it_was():
    photo = pattern(400, 300)
    aligned = placed(photo, (60, 60), 260, 300)
    back = np.asarray(aligned.to_photo(aligned.image), np.float32)
    assert np.abs(back - np.asarray(photo)).mean() < 0.1
