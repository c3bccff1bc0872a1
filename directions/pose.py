"""Who says where a face looks: a pose network, or MTCNN's five points. Every reader gives landmarks and angles.

The network reads hundreds of pictures a second on one core, but it answers for any picture; so where the parser sees
neither an eye nor glasses at the place of either eye there is no face. MTCNN is about thirty times slower and finds no
face in some pictures; it can also stand beside the network as a check.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import maximum_filter

from data.files import sha256
from data.weights import resolve
from faces.detect import detect_batch
from faces.landmarks import COUNT, load_pose_network
from faces.pose import yaw_from_points

MTCNN = "mtcnn"  # the name of the detector where a network could stand
NEAR = 0.03  # of the side: how far from an eye's landmarks the parser may see it
MOST_APART = 15.0  # degrees of yaw between network and detector: more than this, and neither is believed
FIVE = ((*range(36, 42),), (*range(42, 48),), (30,), (48,), (54,))  # landmarks at eyes, tip of the nose, mouth corners

# The nose's place between eyes (0) and mouth (1) says how far the face looks down; faces differ in it as well. Linear
# regression on MTCNN's points of 1022 renders with pitches of up to 13 degrees: mean error 4.2 degrees, r = 0.71.
PITCH_PER_SHARE, LEVEL_SHARE = 94.7, 0.574

Reader = Callable[
    [np.ndarray], tuple[np.ndarray, np.ndarray]
]  # (N, S, S, 3) uint8 -> (N, 68, 2) pixels, (N, 3) degrees


def load_reader(name: str, check: bool, device: str | None) -> Reader:
    """`name`: "builtin", the path of a pose network, or "mtcnn"; `check`: whether MTCNN has to agree with a network."""
    if name == MTCNN:
        return by_points
    network = load_pose_network(name, device)

    def read(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = network.read(images)
        return found.landmarks, np.stack([found.yaw, found.pitch, found.roll], axis=1)

    return checked(read) if check else read


def reader_sha256(name: str) -> str:
    """Of the network's file; "mtcnn" for the detector."""
    return MTCNN if name == MTCNN else sha256(resolve(name, "pose"))


def by_points(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What MTCNN sees: landmarks but its five are NaN, those around an eye lie at its middle."""
    points = detect_batch(images)
    return landmarks_at(points), angles_of(points)


def landmarks_at(points: np.ndarray) -> np.ndarray:
    """Five points (N, 5, 2) -> (N, 68, 2) with NaN for all that they do not say."""
    landmarks = np.full((len(points), COUNT, 2), np.nan, np.float32)
    for place, members in enumerate(FIVE):
        landmarks[:, list(members)] = points[:, place, None]
    return landmarks


def angles_of(points: np.ndarray) -> np.ndarray:
    """Five points (N, 5, 2) -> (N, 3) degrees of yaw, pitch and roll, NaN where there is no face."""
    points = np.asarray(points, np.float64)
    eyes, mouth = points[:, :2].mean(axis=1), points[:, 3:].mean(axis=1)
    across, down = points[:, 1] - points[:, 0], mouth - eyes
    share = ((points[:, 2] - eyes) * down).sum(axis=1) / np.maximum((down**2).sum(axis=1), 1e-9)
    pitch = PITCH_PER_SHARE * (share - LEVEL_SHARE)
    roll = np.degrees(np.arctan2(across[:, 1], across[:, 0]))
    return np.stack([yaw_from_points(points), pitch, roll], axis=1)


def seen(landmarks: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """(N,) bool: whether either eye of (N, 68, 2) landmarks lies near a pixel of `eyes` (N, S, S) bool."""
    near = maximum_filter(eyes, (1, *[2 * round(NEAR * eyes.shape[1]) + 1] * 2))
    found = np.zeros(len(landmarks), bool)
    for members in FIVE[:2]:
        place = np.clip(np.round(landmarks[:, list(members)].mean(axis=1)), 0, eyes.shape[1] - 1).astype(int)
        found |= near[np.arange(len(place)), place[:, 1], place[:, 0]]
    return found


def checked(read: Reader) -> Reader:
    """A reader whose answers are NaN where MTCNN finds no face or one that is turned otherwise."""

    def read_and_check(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        landmarks, angles = read(images)
        apart = np.abs(angles_of(detect_batch(images))[:, 0] - angles[:, 0])
        doubtful = ~(apart <= MOST_APART)
        landmarks, angles = landmarks.copy(), angles.copy()
        landmarks[doubtful], angles[doubtful] = np.nan, np.nan
        return landmarks, angles

    return read_and_check
