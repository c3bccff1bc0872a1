import numpy as np
import pytest
import torch

from hairnet.mix import between, by_layers, check_strength, checked_weights, path, shape_layers, stronger


def test_a_path_meets_every_donor_and_lies_between_neighbours():
    weights = path(3, 5)
    assert np.allclose(weights, [[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0, 0.5, 0.5], [0, 0, 1]])
    assert np.allclose(path(1, 3), 1)


@pytest.mark.parametrize("count, steps", [(2, 1), (3, 2), (2, 100_000), (1, 0)])
def test_a_path_of_too_few_or_too_many_steps_is_refused(count, steps):
    with pytest.raises(ValueError, match=f"--steps is {steps}: it must lie in"):
        path(count, steps)


@pytest.mark.parametrize("weights", [[1.0], [0.5, 0.6], [-0.5, 1.5], [float("nan"), 1.0], [[0.5, 0.5]]])
def test_weights_of_another_number_or_that_are_no_shares_are_refused(weights):
    with pytest.raises(ValueError, match="give 2 numbers from 0 that sum to 1"):
        checked_weights(weights, 2)


def test_without_weights_all_is_of_the_first():
    assert checked_weights(None, 3).tolist() == [1, 0, 0]
    assert checked_weights([0.25, 0.75], 2).tolist() == [0.25, 0.75]


@pytest.mark.parametrize("form", [(8,), (4, 8)])
def test_the_ends_of_a_mixture_are_the_embeddings_themselves_whatever_their_form(form):
    embeddings = torch.randn(2, *form)
    mixed = between(embeddings, path(2, 3))
    assert torch.equal(mixed[0], embeddings[0]) and torch.equal(mixed[2], embeddings[1])
    assert torch.allclose(mixed[1], embeddings.mean(0))


def test_strength_0_and_1_are_the_ends_bit_for_bit():
    own, other = torch.randn(3, 4, 8), torch.randn(3, 4, 8)
    assert torch.equal(stronger(own, other, 0.0), own) and torch.equal(stronger(own, other, 1.0), other)
    many = stronger(own, other, [0.0, 0.5, 1.25])
    assert torch.allclose(many[2], own[2] + 1.25 * (other[2] - own[2]), atol=1e-6)


def test_colour_and_shape_share_the_layers_between_them():
    own, other = torch.zeros(2, 10, 4), torch.ones(2, 10, 4)
    colour, shape = by_layers(own, other, "colour"), by_layers(own, other, "shape")
    assert torch.equal(colour + shape, other) and torch.equal(by_layers(own, other, "all"), other)
    assert colour[:, :2].sum() == 0 and shape[:, 2:].sum() == 0


@pytest.mark.parametrize("num_ws, layers", [(8, 2), (10, 2), (12, 2), (14, 4), (18, 8)])
def test_the_layers_of_the_shape_grow_with_the_generator(num_ws, layers):
    assert shape_layers(num_ws) == layers


@pytest.mark.parametrize("strength", [-0.1, 1.6, float("nan")])
def test_a_strength_out_of_range_is_refused(strength):
    with pytest.raises(ValueError, match="--strength is .*: it must lie in 0"):
        check_strength(strength)
