"""The units of W against a generator whose response is known: pictures that are linear in w."""

import numpy as np
import torch
from torch import Tensor

from hairnet.training.losses import Judges
from hairnet.training.response import PLAIN, RIDGE, response_units

DIM, TILES = 5, 2


class Linear:
    """w (N, num_ws, w_dim) -> pictures (N, 3, 16, 16), constant on tiles of 8 px, so that pooling loses nothing."""

    num_ws = 3

    def __init__(self) -> None:
        draws = np.random.RandomState(0).randn(DIM, 3 * TILES**2) * np.array([[3], [1], [1], [0.3], [0]])
        self.matrix = torch.from_numpy(draws).float()  # the last number of w changes nothing

    def synthesis(self, ws: Tensor, noise: str) -> Tensor:
        tiles = (ws.mean(1) @ self.matrix).reshape(-1, 3, TILES, TILES)
        return tiles.repeat_interleave(8, 2).repeat_interleave(8, 3)


def units_of(w: Tensor, seed: int = 0) -> Tensor:
    judges = Judges(identity=lambda images: images.flatten(1), hair=None, parser=lambda images: images)
    return response_units(Linear(), judges, w, seed, amp=False)


def samples() -> Tensor:
    return torch.from_numpy(np.random.RandomState(1).randn(400, DIM) * [1, 2, 1, 1, 1]).float()


def test_the_units_are_the_known_response_and_the_whitened_distance():
    w = samples()
    covariance = torch.cov(w.double().T, correction=0)
    response = (Linear().matrix @ Linear().matrix.T).double()
    plain = torch.linalg.inv(covariance + RIDGE * torch.trace(covariance) / DIM * torch.eye(DIM))
    expected = (1 - PLAIN) * response / torch.trace(response @ covariance)
    expected = DIM * (expected + PLAIN * plain / torch.trace(plain @ covariance))
    units = units_of(w).double()
    found = units @ units.T
    assert torch.linalg.norm(found - expected) < 0.1 * torch.linalg.norm(expected)


def test_no_direction_is_free_and_the_spread_of_w_is_1_per_entry():
    w = samples()
    units = units_of(w)
    assert torch.linalg.eigvalsh((units @ units.T).double()).min() > 0.1 * PLAIN
    assert torch.allclose(((w - w.mean(0)) @ units).square().mean(), torch.tensor(1.0), atol=1e-3)


def test_the_same_seed_gives_the_same_units_and_another_similar_ones():
    w = samples()
    a, b, c = units_of(w), units_of(w), units_of(w, seed=1)
    assert torch.equal(a, b) and not torch.equal(a, c)
