"""Calibration in a world whose pictures are plain: the brightness of their left and right half are the attributes."""

import numpy as np
import pytest

from directions.calibrate import Calibration, calibrate
from directions.instruments import Instruments

D, SIDE = 6, 8
TILT = np.array([3.0, 1, 0, 0, 0, 0])  # attribute units per unit of w, of "tilt"; "shade" is w[2] * 5
SD = {"tilt": 3.0, "shade": 5.0}
PLACES = np.linspace(-6, 6, 7)


def render(w: np.ndarray) -> np.ndarray:
    """(N, D) -> (N, 8, 8, 3) uint8: grey 128 + 4 x attribute, tilt on the left, shade on the right."""
    images = np.zeros((len(w), SIDE, SIDE, 3), np.uint8)
    images[:, :, :4] = np.clip(128.5 + 4 * (w @ TILT), 0, 255)[:, None, None, None]
    images[:, :, 4:] = np.clip(128.5 + 4 * (w[:, 2] * 5), 0, 255)[:, None, None, None]
    return images


def measure(images: np.ndarray) -> dict[str, np.ndarray]:
    sides = {"tilt": images[:, 0, 0, 0], "shade": images[:, 0, -1, 0]}
    return {name: ((grey.astype(np.float32) - 128) / 4) for name, grey in sides.items()}


def codes(n: int = 40) -> np.ndarray:
    return (np.random.RandomState(0).randn(n, D) * 0.3).astype(np.float32)


def calibrated(vector: np.ndarray, scorer=measure, w: np.ndarray | None = None, scale: float = 1.0) -> Calibration:
    """Along `vector`, with a score that is `scale` times the true tilt."""
    w = codes() if w is None else w
    gain = scale * TILT @ vector if TILT @ vector else 1.0
    tools = Instruments(render, scorer, lambda images: {})
    return calibrate(w, scale * w @ TILT, gain, scale * PLACES, vector, "tilt", SD, tools)


def test_the_step_is_in_the_attributes_unit_whatever_the_score_is():
    for scale in (1.0, 0.2):
        found = calibrated(np.eye(D)[0], scale=scale)
        assert found.step == pytest.approx(3, rel=0.02)
        assert found.step_95[0] <= found.step <= found.step_95[1]
        assert found.works and found.curve is not None
        np.testing.assert_allclose(found.curve.value(scale * PLACES), PLACES, atol=0.15)
        assert found.r2 > 0.99
        assert found.mae < 0.2


def test_samples_go_to_the_same_places_wherever_they_start():
    found = calibrated(np.eye(D)[0])
    assert found.images.shape == (40, 7, SIDE, SIDE, 3)
    np.testing.assert_allclose(found.measured["tilt"], np.tile(PLACES, (40, 1)), atol=0.2)


def test_leakage_is_in_sd_of_the_other_per_sd_of_the_attribute():
    found = calibrated(np.eye(D)[0] * 0.8 + np.eye(D)[2] * 0.6)
    leak = found.leakage["shade"]
    assert leak["slope"] == pytest.approx((0.6 * 5 / 5.0) / (0.8 * 3 / 3.0), rel=0.05)
    assert leak["slope_95"][0] <= leak["slope"] <= leak["slope_95"][1]


def test_saturation_ends_the_curve_and_leaves_the_step_alone():
    found = calibrated(np.eye(D)[0], lambda images: {k: np.clip(v, -100, 2) for k, v in measure(images).items()})
    assert found.curve is not None
    assert found.step == pytest.approx(3, rel=0.05)
    assert found.curve.values[[0, -1]] == pytest.approx([-6, 2], abs=0.2)


def test_a_bent_response_gives_a_bent_curve():
    found = calibrated(np.eye(D)[0], lambda images: {k: 6 * np.tanh(v / 4) for k, v in measure(images).items()})
    assert found.curve is not None
    np.testing.assert_allclose(found.curve.value(PLACES), 6 * np.tanh(PLACES / 4), atol=0.2)
    assert found.r2 > 0.99


def test_pictures_that_cannot_be_measured_are_left_out():
    def blind(images: np.ndarray) -> dict[str, np.ndarray]:
        values = measure(images)
        hidden = np.random.RandomState(0).rand(len(images)) < 0.3
        return {name: np.where(hidden, np.nan, column) for name, column in values.items()}

    found = calibrated(np.eye(D)[0], blind)
    assert found.step == pytest.approx(3, rel=0.05)
    assert found.works


def test_a_vector_without_effect_does_not_work():
    assert not calibrated(np.eye(D)[5]).works


def test_an_attribute_that_is_never_measured_does_not_work():
    found = calibrated(np.eye(D)[0], lambda images: {name: np.full(len(images), np.nan, np.float32) for name in SD})
    assert not found.works
    assert found.figures["reach"] is None
