"""The rule from seeds to z."""

import numpy as np
import pytest
import torch

from synth import latents


def test_each_seed_has_numpys_own_stream():
    expected = [np.random.RandomState(seed).randn(1, 512) for seed in (0, 42, 2**32 - 1)]
    z = latents([0, 42, 2**32 - 1], 512)
    assert z.dtype == torch.float32
    assert np.array_equal(z.numpy(), np.concatenate(expected).astype(np.float32))


def test_a_row_does_not_depend_on_its_neighbours():
    assert torch.equal(latents([7, 3, 5], 16)[1:2], latents([3], 16))


def test_no_seeds_give_no_rows():
    assert latents([], 16).shape == (0, 16)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(ValueError, match=f"seed {seed} is out of range"):
        latents([0, seed], 16)
