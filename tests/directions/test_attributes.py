"""Hair attributes of pictures whose hair is drawn."""

import numpy as np
import pytest

from directions.attributes import hair_attributes, skin_lightness


def drawn(top: int, bottom: int, size: int = 100, grey: int = 119) -> tuple[np.ndarray, np.ndarray]:
    """One white picture with grey hair from row `top` to `bottom` in its left half, and its labels."""
    images = np.full((1, size, size, 3), 255, np.uint8)
    labels = np.ones((1, size, size), np.uint8)
    images[:, top:bottom, : size // 2] = grey
    labels[:, top:bottom, : size // 2] = 13
    return images, labels


def test_volume_is_the_share_of_the_area():
    assert hair_attributes(*drawn(20, 60))["hair_volume"] == pytest.approx(20)


def test_length_counts_from_the_eye_line_to_where_95_percent_of_the_hair_ends():
    assert hair_attributes(*drawn(0, 100))["hair_length"] == pytest.approx(95 - 47.4, abs=1e-4)
    assert hair_attributes(*drawn(0, 40))["hair_length"] == pytest.approx(38 - 47.4, abs=1e-4)


def test_length_does_not_depend_on_the_size_of_the_picture():
    large = hair_attributes(*drawn(0, 160, 200))["hair_length"]
    assert hair_attributes(*drawn(0, 40, 50))["hair_length"] == pytest.approx(large, abs=1e-3)


def test_lightness_is_cie_l_star():
    for grey, expected in ((0, 0), (119, 50.03), (255, 100)):
        assert hair_attributes(*drawn(0, 50, grey=grey))["hair_lightness"] == pytest.approx(expected, abs=0.02)


def test_lightness_weighs_green_most():
    images, labels = drawn(0, 50)
    images[:] = (0, 255, 0)
    assert hair_attributes(images, labels)["hair_lightness"] == pytest.approx(87.73, abs=0.02)


def test_skin_is_the_face_and_the_nose_not_the_hair():
    images, labels = drawn(0, 50, grey=0)
    images[:, 50:], labels[:, 50:75] = 119, 2
    labels[:, :50, 50:] = 0
    assert skin_lightness(images, labels) == pytest.approx(50.03, abs=0.02)
    assert np.isnan(skin_lightness(images, np.zeros_like(labels)))


def test_a_bald_head_has_volume_zero_and_no_length_or_lightness():
    columns = hair_attributes(*drawn(0, 0))
    assert columns["hair_volume"] == 0
    assert np.isnan(columns["hair_length"]) and np.isnan(columns["hair_lightness"])


def test_columns_are_float32_one_row_per_picture():
    parts = [drawn(0, 50), drawn(10, 90)]
    columns = hair_attributes(np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]))
    for values in columns.values():
        assert values.shape == (2,) and values.dtype == np.float32
    assert columns["hair_length"][1] > columns["hair_length"][0]
