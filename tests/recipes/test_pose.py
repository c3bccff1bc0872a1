"""The pose network's recipe from end to end on a toy budget, and its changes of pictures with points."""

import numpy as np
import pytest
import torch
from torch import Generator

from data.weights import load_network
from faces.landmarks import MIRRORED, Pose, load_pose_network
from recipes import augment
from recipes.pose import COLUMNS, pose_figures, train_pose
from recipes.renders import load_set
from recipes.training import Schedule


def test_the_command_trains_saves_and_resumes_to_the_same_bytes(train_twice):
    out, said = train_twice("pose")
    assert "held-out renders: {'yaw_error'" in said
    config = load_network(out)[1]
    assert config["kind"] == "pose" and config["recipe"]["steps"] == 4
    assert load_pose_network(out, device="cpu").input_size == 32


def test_a_training_learns_where_landmarks_are(faces, tmp_path):
    network, record = train_pose(faces, tmp_path, Schedule(steps=60, batch=8, rate=3e-3, seed=0))
    data = load_set(faces, "faces", COLUMNS)
    figures = pose_figures(network.read(data["image"]), data)
    assert figures["landmark_error_percent"] < 60, figures  # an untrained network is off by two eye distances
    assert record["held_out"]["landmark_error_percent"] < 80


def test_figures_of_the_truth_are_perfect_and_errors_have_their_units():
    random = np.random.RandomState(0)
    marks = random.rand(5, 68, 2).astype(np.float32)
    marks[:, 36:42], marks[:, 42:48] = (20, 30), (40, 30)  # eyes 20 px apart
    angles = {name: random.randn(5) * 10 for name in ("yaw", "pitch", "roll")}
    perfect = pose_figures(Pose(marks, **angles), {"landmarks68": marks, **angles})
    assert perfect["landmark_error_percent"] == perfect["yaw_error"] == 0 and perfect["yaw_correlation"] == 1
    off = pose_figures(Pose(marks + [2, 0], **(angles | {"yaw": angles["yaw"] - 3})), {"landmarks68": marks, **angles})
    assert off["landmark_error_percent"] == pytest.approx(10) and off["yaw_error"] == pytest.approx(3)


def test_points_go_where_their_pixels_go():
    places = torch.randint(10, 22, (32, 3, 2), generator=Generator().manual_seed(0)).float() + 0.5
    x = torch.full((32, 3, 32, 32), -1.0)
    for row in range(32):
        for k in range(3):
            u, v = places[row, k].int().tolist()
            x[row, k, v, u] = 1.0
    moved, after, _, mirrored = augment.placed_points(x, places, Generator().manual_seed(1), 0.1, 0.05, 15)
    assert 8 < mirrored.sum() < 24
    weight = moved + 1
    axis = torch.arange(32) + 0.5
    found = (
        torch.stack([(weight.sum(2) * axis).sum(2), (weight.sum(3) * axis).sum(2)], 2) / weight.sum((2, 3))[..., None]
    )
    assert (found - after).abs().max() < 0.35


def test_the_turn_is_clockwise_in_the_new_picture_and_mirroring_renames_landmarks():
    points = torch.zeros(64, 2, 2)
    points[:, 0], points[:, 1] = torch.tensor([8.0, 16.0]), torch.tensor([24.0, 16.0])
    _, after, turn, mirrored = augment.placed_points(
        torch.zeros(64, 3, 32, 32), points, Generator().manual_seed(1), 0.0, 0.0, 20
    )
    named = torch.where(mirrored[:, None, None], after.flip(1), after)  # as MIRRORED does for a symmetric pair
    across = named[:, 1] - named[:, 0]
    assert torch.allclose(torch.rad2deg(torch.atan2(across[:, 1], across[:, 0])), turn, atol=1e-3)
    assert turn.min() < -10 and turn.max() > 10
    assert (MIRRORED[MIRRORED] == np.arange(68)).all()


def test_landmarks_of_frontal_heads_are_their_own_mirror_image():
    from synth.heads import Head, render_poses

    marks = np.stack([render_poses(Head.sample(seed), [(0.0, 0.0)], 64)[0].landmarks68 for seed in range(12)])
    eyes = (marks[:, 36:42].mean(1) + marks[:, 42:48].mean(1))[:, None] / 2
    centred = (marks - eyes).mean(0)
    assert np.abs(centred[MIRRORED] * (-1, 1) - centred).max() < 2.0  # heads lean a little
