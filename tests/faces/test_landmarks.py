"""The pose network: shapes, units, and what it refuses."""

import numpy as np
import pytest
import torch

from data.weights import save_network
from faces.landmarks import COUNT, PoseNetwork, load_pose_network, pose_loss


def test_answers_are_in_pixels_of_the_crop_whatever_its_size():
    torch.manual_seed(0)
    network = PoseNetwork().eval()
    small = np.random.RandomState(0).randint(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    large = small.repeat(4, axis=1).repeat(4, axis=2)
    ours, theirs = network.read(small), network.read(large)
    assert ours.landmarks.shape == (2, 68, 2) and ours.points.shape == (2, 5, 2) and ours.yaw.shape == (2,)
    assert np.allclose(ours.landmarks * 4, theirs.landmarks, atol=1e-2)
    assert np.allclose(ours.yaw, theirs.yaw, atol=1e-3)


def test_no_crops_give_no_poses():
    assert PoseNetwork().eval().read(np.zeros((0, 64, 64, 3), np.uint8)).landmarks.shape == (0, 68, 2)


def test_the_loss_is_zero_at_the_truth_and_counts_eye_distances_and_angles():
    marks, angles = torch.rand(3, COUNT, 2) * 64, torch.tensor([[20.0, -10.0, 0.0]] * 3)
    answer = torch.cat([(marks / 32 - 1).flatten(1), angles / 20], 1)
    assert pose_loss(answer, marks, angles, 64) == pytest.approx(0, abs=1e-6)
    shifted = torch.cat([((marks + torch.tensor([16.0, 0.0])) / 32 - 1).flatten(1), angles / 20], 1)
    assert pose_loss(shifted, marks, angles, 64) == pytest.approx(1.0, abs=1e-4)  # 16 px: one eye distance at 64 px
    assert pose_loss(answer, marks, angles + 5, 64) > 0.1


def test_another_kind_of_network_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_network(path, PoseNetwork().state_dict(), {"kind": "parser", "architecture": {}})
    with pytest.raises(ValueError, match="kind parser: give a pose network"):
        load_pose_network(path)
    with pytest.raises(ValueError, match="at least 32 px"):
        PoseNetwork()(torch.zeros(1, 3, 16, 16))
