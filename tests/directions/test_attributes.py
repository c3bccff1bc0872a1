"""Attributes of pictures whose hair, skin and points are drawn."""

import numpy as np
import pytest

from directions.attributes import MEASURED, measure
from directions.crops import Crops
from directions.pose import angles_of, landmarks_at
from faces.pose import yaw_from_points


def angles(points: np.ndarray) -> np.ndarray:
    return angles_of(points).astype(np.float32)


def crops_of(images: np.ndarray, labels: np.ndarray, five: np.ndarray) -> Crops:
    """Crops with five known points."""
    return Crops(images, labels, landmarks_at(five), angles(five))


def points(nose: tuple[float, float] = (0.5, 0.6)) -> np.ndarray:
    """Five points of a frontal face as FFHQ alignment puts them, shares of the side, with a nose to choose."""
    return np.array([[(0.375, 0.474), (0.627, 0.474), nose, (0.4, 0.72), (0.6, 0.72)]], np.float32)


def drawn(top: int, bottom: int, size: int = 100, colour: int | tuple = 119) -> Crops:
    """One picture: hair of a colour from row `top` to `bottom` in its left half, else white skin."""
    images = np.full((1, size, size, 3), 255, np.uint8)
    labels = np.ones((1, size, size), np.uint8)
    images[:, top:bottom, : size // 2] = colour
    labels[:, top:bottom, : size // 2] = 13
    return crops_of(images, labels, size * points())


def test_volume_is_the_share_of_the_area():
    assert measure(drawn(20, 60))["hair_volume"] == pytest.approx(20)


def test_length_counts_from_the_eye_line_to_where_95_percent_of_the_hair_ends():
    assert measure(drawn(0, 100))["hair_length"] == pytest.approx(95 - 47.4, abs=1e-4)
    assert measure(drawn(0, 40))["hair_length"] == pytest.approx(38 - 47.4, abs=1e-4)


def test_length_does_not_depend_on_the_size_of_the_picture():
    large = measure(drawn(0, 160, 200))["hair_length"]
    assert measure(drawn(0, 40, 50))["hair_length"] == pytest.approx(large, abs=1e-3)


def test_lightness_is_cie_l_star():
    for grey, expected in ((0, 0), (119, 50.03), (255, 100)):
        assert measure(drawn(0, 50, colour=grey))["hair_lightness"] == pytest.approx(expected, abs=0.02)
    assert measure(drawn(0, 50, colour=(0, 255, 0)))["hair_lightness"] == pytest.approx(87.73, abs=0.03)


def test_greyness_is_100_for_white_hair_and_little_for_black_and_red():
    assert measure(drawn(0, 50, colour=255))["hair_greyness"] == pytest.approx(100, abs=0.5)
    assert measure(drawn(0, 50, colour=119))["hair_greyness"] == pytest.approx(50, abs=0.5)
    assert measure(drawn(0, 50, colour=0))["hair_greyness"] == pytest.approx(0, abs=0.1)
    assert measure(drawn(0, 50, colour=(255, 0, 0)))["hair_greyness"] == pytest.approx(4.65, abs=0.1)


def test_hue_is_an_angle_for_coloured_hair_alone():
    assert measure(drawn(0, 50, colour=(255, 0, 0)))["hair_hue"] == pytest.approx(40.0, abs=0.2)
    assert measure(drawn(0, 50, colour=(0, 0, 255)))["hair_hue"] == pytest.approx(-53.7, abs=0.3)
    assert np.isnan(measure(drawn(0, 50, colour=119))["hair_hue"])


def test_crossed_strands_are_curlier_than_parallel_ones():
    def textured(pattern: np.ndarray) -> float:
        crops = drawn(0, 100)
        crops.images[:] = (128 + 60 * pattern)[None, :, :, None].astype(np.uint8)
        return float(measure(crops)["hair_curliness"][0])

    x, y = np.meshgrid(np.arange(100), np.arange(100))
    straight, crossed = textured(np.sin(x)), textured((np.sin(x) + np.sin(y)) / 2)
    assert straight < 5 < 20 < crossed


def test_a_smile_lifts_the_ends_of_the_lips():
    def bent(lift: float) -> float:
        crops = drawn(0, 0)
        for x in range(40, 61):
            middle = round(72 - lift * ((x - 50) / 10) ** 2)
            crops.labels[:, middle - 1 : middle + 2, x] = 12
        return float(measure(crops)["smile"][0])

    assert bent(0) == pytest.approx(0, abs=0.01)
    assert bent(5) == pytest.approx(5 * (2 * 6.06 / 10) ** 2, rel=0.1) and bent(-5) == pytest.approx(-bent(5), rel=0.05)
    assert np.isnan(measure(drawn(0, 0))["smile"])


def test_roll_is_positive_when_the_head_leans_to_the_right():
    leaning = points()
    leaning[0, 1, 1] += 0.05
    assert angles_of(leaning)[0, 2] > 5 > abs(angles_of(points())[0, 2])


def test_a_fringe_covers_the_forehead_and_a_bald_crown_is_skin():
    half = measure(drawn(0, 50))
    assert half["hair_fringe"] == pytest.approx(50) and half["baldness"] == pytest.approx(50)
    crown = measure(drawn(0, 25))
    assert crown["hair_fringe"] == 0 and 50 < crown["baldness"] < 60


def test_a_hat_hides_crown_and_forehead():
    crops = drawn(0, 0)
    crops.labels[:, :45] = 14
    columns = measure(crops)
    assert np.isnan(columns["baldness"]) and np.isnan(columns["hair_fringe"])


def test_skin_is_the_face_and_the_nose_not_the_hair():
    crops = drawn(0, 50, colour=0)
    crops.images[:, 50:], crops.labels[:, 50:75] = 119, 2
    crops.labels[:, :50, 50:] = 0
    assert measure(crops)["skin_lightness"] == pytest.approx(50.03, abs=0.02)
    assert np.isnan(
        measure(Crops(crops.images, np.zeros_like(crops.labels), crops.landmarks, crops.angles))["skin_lightness"]
    )


def test_an_open_mouth_and_glasses_are_areas():
    crops = drawn(0, 50)
    crops.labels[:, 70:80, 40:60] = 10
    crops.labels[:, 40:50, 60:70] = 3
    columns = measure(crops)
    assert columns["mouth_open"] == pytest.approx(2) and columns["glasses"] == pytest.approx(1)


def test_pitch_grows_as_the_nose_sinks_and_yaw_as_it_goes_right():
    def nose(x: float, y: float) -> dict[str, np.ndarray]:
        crops = drawn(0, 50)
        return measure(crops_of(crops.images, crops.labels, 100 * points((x, y))))

    level = 0.474 + 0.574 * (0.72 - 0.474)
    assert nose(0.501, level)["pitch"] == pytest.approx(0, abs=0.5)
    assert nose(0.501, level + 0.02)["pitch"] > 5 > -5 > nose(0.501, level - 0.02)["pitch"]
    assert nose(0.55, level)["yaw"] == pytest.approx(yaw_from_points(points((0.55, level))))
    assert nose(0.55, level)["yaw"] > 5


def test_a_bald_head_has_volume_zero_and_no_length_or_lightness():
    columns = measure(drawn(0, 0))
    assert columns["hair_volume"] == 0 and columns["baldness"] == 100
    assert np.isnan(columns["hair_length"]) and np.isnan(columns["hair_lightness"])


def test_without_a_face_there_is_no_pose_but_hair():
    crops = drawn(0, 50)
    columns = measure(crops_of(crops.images, crops.labels, np.full_like(points(), np.nan)))
    assert np.isnan(columns["yaw"]) and np.isnan(columns["pitch"])
    assert np.isfinite(columns["hair_length"])


def test_columns_are_float32_one_row_per_picture():
    first, second = drawn(0, 50), drawn(10, 90)
    both = [
        np.concatenate([getattr(part, name) for part in (first, second)])
        for name in ("images", "labels", "landmarks", "angles")
    ]
    columns = measure(Crops(*both))
    assert list(columns) == list(MEASURED)
    for values in columns.values():
        assert values.shape == (2,) and values.dtype == np.float32
    assert columns["hair_length"][1] > columns["hair_length"][0]
