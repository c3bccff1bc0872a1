"""Readers of head pose on renders, whose pose is known, and on pictures without a face."""

import numpy as np
import pytest

from directions.pose import angles_of, checked, landmarks_at, load_reader, reader_sha256, seen
from directions.scorer import Measurer, Scorer
from synth.heads import Head, render

TURNS = (-25.0, 5.0, 25.0)


@pytest.fixture(scope="module")
def heads() -> np.ndarray:
    return np.stack([render(Head.sample(seed).turned(yaw), 64).image for seed, yaw in enumerate(TURNS, 7)])


def test_the_network_reads_the_turn_of_rendered_heads(heads: np.ndarray):
    landmarks, angles = load_reader("builtin", False, "cpu")(heads)
    np.testing.assert_allclose(angles[:, 0], TURNS, atol=5)
    assert landmarks.shape == (3, 68, 2)


def test_five_points_stand_at_their_landmarks_and_say_nothing_of_others():
    points = np.random.RandomState(0).rand(2, 5, 2).astype(np.float32)
    landmarks = landmarks_at(points)
    np.testing.assert_allclose(landmarks[:, 36:42].mean(axis=1), points[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(landmarks[:, [30, 48, 54]], points[:, 2:])
    assert np.isnan(landmarks[:, :30]).all()


def test_a_check_takes_away_what_the_detector_does_not_confirm(heads: np.ndarray):
    def wrong(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((len(images), 68, 2)), np.tile([60.0, 0, 0], (len(images), 1))

    landmarks, angles = checked(wrong)(heads[:1])
    assert np.isnan(landmarks).all() and np.isnan(angles).all()


def test_pictures_without_a_face_have_no_pose():
    plain = np.array([(0, 0, 0), (0, 0, 255), (0, 200, 0)], np.uint8)[:, None, None]
    columns = Measurer(Scorer(), "cpu")(np.broadcast_to(plain, (3, 64, 64, 3)).copy())
    assert np.isnan(columns["yaw"]).all() and np.isnan(columns["smile"]).all()
    eyes = np.zeros((2, 64, 64), bool)
    landmarks = np.full((2, 68, 2), 20.0)
    eyes[0, 21, 19] = True
    np.testing.assert_array_equal(seen(landmarks, eyes), [True, False])


def test_masks_are_of_hair_and_inner_face(heads: np.ndarray):
    masks = Measurer(Scorer(), "cpu").masks(heads)
    hair, inner = (np.unpackbits(masks[name], axis=1).reshape(3, 64, 64).astype(bool) for name in ("hair", "inner"))
    assert inner[:, 36, 32].all() and 0.1 < inner.mean() < 0.5
    assert not hair[:, 36, 32].any()


def test_a_detector_cannot_check_itself():
    assert reader_sha256("mtcnn") == "mtcnn"
    with pytest.raises(ValueError, match="--check true compares a pose network with MTCNN"):
        Scorer(pose="mtcnn", check=True)
    assert angles_of(np.full((1, 5, 2), np.nan)).shape == (1, 3)
