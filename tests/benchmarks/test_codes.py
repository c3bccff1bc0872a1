"""Whose factors a transfer has."""

import torch

from benchmarks.codes import NAMES, codes_of, distances
from hairnet import load_network
from recipes import factors


def test_donors_read_off_their_codes_are_uncorrelated_factors_of_variance_one():
    _, face, hair = codes_of(load_network("builtin", "cpu"), 60, 0)
    both = torch.cat([face, hair])
    assert both.shape == (120, factors.CODE_DIM) and len(NAMES) == factors.CODE_DIM
    assert (both.var(0) - 1).abs().mean() < 0.15 and both.mean(0).abs().mean() < 0.15


def test_the_shipped_network_takes_the_person_from_the_face_and_the_cut_from_the_hair():
    found = distances(*codes_of(load_network("builtin", "cpu"), 24, 0))
    for name in ("identity", "expression", "light", "pose.yaw", "pose.pitch"):
        assert found[name][0] < found[name][1]
    for name in ("cut", "hair"):
        assert found[name][1] < found[name][0]


def test_distances_are_nought_to_oneself_and_two_to_a_stranger():
    one, other = torch.randn(2, 4000, factors.CODE_DIM)
    found = distances(one, one, other)
    assert all(near == 0 and abs(far - 2) < 0.15 for near, far in found.values())
