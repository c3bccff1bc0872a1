"""Finding faces: sizes, choice of the face, batches, pictures without a face."""

import numpy as np
import pytest
from PIL import Image

from data.images import read_image
from faces.detect import Faces, chosen, detect, detect_batch, listed, most_central


@pytest.fixture(scope="module")
def portrait(shared):
    return read_image(shared / "material/photos/stablehair-id-0.jpg")


def test_a_photo_of_many_faces_gives_all_of_them_as_plain_floats(shared):
    faces = detect(read_image(shared / "material/photos/multiface.jpg"))
    assert len(faces) == 6
    assert faces.boxes.shape == (6, 4) and faces.points.shape == (6, 5, 2) and faces.probs.shape == (6,)
    assert faces.boxes.dtype == faces.points.dtype == faces.probs.dtype == np.float32
    assert (faces.points[:, 0, 0] < faces.points[:, 1, 0]).all()  # the image-left eye comes first


def test_points_do_not_depend_on_the_size_of_the_photo(portrait):
    whole = detect(portrait).points[0]
    for factor in (0.15, 4.0):
        size = tuple(round(side * factor) for side in portrait.size)
        scaled = detect(portrait.resize(size, Image.Resampling.LANCZOS)).points[0] / factor
        assert np.abs(scaled - whole).max() < 12  # px of 670


def test_a_photo_without_a_face_gives_no_rows():
    grey = Image.new("RGB", (300, 200), (90, 120, 100))
    assert len(detect(grey)) == 0 and detect(grey).points.shape == (0, 5, 2)


@pytest.mark.parametrize("size", [(1, 1), (5000, 3), (30, 2000), (16, 16)])
def test_photos_of_odd_sizes_are_searched_without_an_error(size):
    assert len(detect(Image.new("RGB", size))) == 0


def test_the_most_central_face_is_chosen():
    boxes = np.array([[0, 0, 60, 60], [35, 40, 55, 60], [80, 80, 100, 100]], np.float32)
    assert most_central(boxes, 100, 100) == 1


def test_a_batch_finds_the_points_that_a_single_search_finds(shared):
    photos = [read_image(path) for path in sorted((shared / "material/parsing/images").iterdir())[:12]]
    small = np.stack([np.asarray(photo.resize((64, 64), Image.Resampling.LANCZOS)) for photo in photos])
    found = detect_batch(small)
    assert found.shape == (12, 5, 2) and found.dtype == np.float32
    singles = []
    for photo in photos:
        faces = detect(photo)
        row = most_central(faces.boxes, *photo.size)
        singles.append((faces.points[row] + 0.5) * 64 / photo.width - 0.5)
    assert np.abs(found - singles).mean() < 0.8  # px of 64


def test_a_batch_has_nan_rows_where_there_is_no_face(shared):
    photo = read_image(sorted((shared / "material/parsing/images").iterdir())[0]).resize((64, 64))
    batch = np.stack([np.full((64, 64, 3), 128, np.uint8), np.asarray(photo)])
    found = detect_batch(batch)
    assert np.isnan(found[0]).all() and np.isfinite(found[1]).all()


def test_an_empty_batch_gives_no_rows():
    assert detect_batch(np.zeros((0, 64, 64, 3), np.uint8)).shape == (0, 5, 2)


def three_faces() -> Faces:
    boxes = np.array([[200, 20, 240, 60], [10, 20, 50, 60], [90, 30, 130, 70]], np.float32)
    return Faces(boxes, np.zeros((3, 5, 2), np.float32), np.ones(3, np.float32))


def test_a_face_is_chosen_by_its_number_from_the_left_or_by_a_point_in_it():
    faces = three_faces()
    assert [chosen(faces, 300, 100, pick) for pick in ("1", "2", "3")] == [1, 2, 0]
    assert chosen(faces, 300, 100, "215,40") == 0 and chosen(faces, 300, 100, None) == 2
    assert listed(faces) == "3 faces, 1 at 30,40, 2 at 110,50 and 3 at 220,40"


@pytest.mark.parametrize("pick", ["0", "4", "70,50", "left", "1,2,3", "-1", "1.5", ""])
def test_a_pick_that_names_no_face_is_refused(pick):
    with pytest.raises(ValueError, match="face"):
        chosen(three_faces(), 300, 100, pick)
