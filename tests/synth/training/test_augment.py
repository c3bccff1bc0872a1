"""Augmentation: nothing at p 0, always inside the picture's own colours and places, p follows the discriminator."""

import math

import pytest
import torch

from synth.training import augment
from synth.training.augment import Adaptive, augmented, colours, moved, placements, recoloured


@pytest.fixture
def pictures() -> torch.Tensor:
    """Smooth, with a bright corner."""
    axis = torch.linspace(-1, 1, 32)
    red, green = axis[None, :].expand(32, 32), axis[:, None].expand(32, 32)
    return torch.stack([red, green, torch.exp(-4 * ((red - 1) ** 2 + (green - 1) ** 2))]).repeat(6, 1, 1, 1)


def test_at_p_0_pictures_keep_their_places_and_colours(pictures):
    assert torch.allclose(recoloured(pictures, colours(6, 0.0)), pictures, atol=1e-6)
    inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    assert torch.allclose(moved(pictures, placements(6, 32, 0.0))[inner], pictures[inner], atol=1e-2)


def test_at_p_1_every_picture_changes_otherwise_and_gradients_come_through(pictures):
    torch.manual_seed(0)
    pictures.requires_grad_(True)
    changed = augmented(pictures, 1.0)
    assert changed.shape == pictures.shape and changed.isfinite().all()
    differences = (changed[:, None] - changed[None]).abs().mean((2, 3, 4)) + torch.eye(6)
    assert differences.min() > 0.05
    changed.sum().backward()
    assert pictures.grad.abs().sum((1, 2, 3)).min() > 0


def test_a_whole_shift_moves_pixels_as_they_are(pictures):
    matrix = torch.eye(3).repeat(6, 1, 1)
    matrix[:, 0, 2] = 4 * 2 / 32
    assert torch.allclose(moved(pictures, matrix)[..., 1:-1, 1:24], pictures[..., 1:-1, 5:28], atol=1e-2)


def test_hue_keeps_grey_and_half_a_turn_is_its_own_inverse():
    turn = augment.hues(torch.tensor([math.pi, 0.7]))
    assert torch.allclose(turn @ torch.ones(3), torch.ones(2, 3), atol=1e-6)
    assert torch.allclose(turn[0] @ turn[0], torch.eye(3), atol=1e-6)


def test_p_rises_while_the_discriminator_knows_the_pictures_and_falls_again():
    adaptive = Adaptive()
    for _ in range(8):
        adaptive.heard(0.9, 1000)
    assert adaptive.p == pytest.approx(2 * 4 * 1000 / augment.RISE_IMAGES)
    adaptive.heard(0.1, 1000)
    other = Adaptive()
    other.load_state(adaptive.state())
    for _ in range(100):
        adaptive.heard(0.1, 1000)
        other.heard(0.1, 1000)
    assert adaptive.p == other.p == 0
