"""What happens to feature maps channel by channel: values and gradients are those of the plain formulas."""

import pytest
import torch
from torch.nn import functional as F

from synth import channelwise
from synth.channelwise import Scale, ScaleShiftLeaky, Smooth
from synth.layers import SLOPE, depthwise_filter

OFFSETS = {"a number per channel": (1, 4, 1, 1), "one field": (1, 4, 6, 5), "a field per sample": (3, 4, 6, 5)}


@pytest.fixture(params=[0, 1 << 18], ids=["sample by sample", "at once"])
def way(request, monkeypatch):
    monkeypatch.setattr(channelwise, "SMALL", request.param)


def maps(*shape, seed=0):
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return (x.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else x).requires_grad_()


def plain(x, scale, offset):
    return F.leaky_relu(x * scale[:, :, None, None] + offset, SLOPE)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("shape", OFFSETS.values(), ids=OFFSETS)
def test_a_scaled_shifted_leaky_map_has_the_value_and_the_gradients_of_its_formula(shape):
    inputs = maps(3, 4, 6, 5), maps(3, 4, seed=1), maps(*shape, seed=2)
    weights = torch.randn(3, 4, 6, 5, dtype=torch.float64)
    ours, book = ScaleShiftLeaky.apply(*inputs), plain(*inputs)
    assert torch.allclose(ours, book)
    for mine, theirs in zip(
        torch.autograd.grad((ours * weights).sum(), inputs),
        torch.autograd.grad((book * weights).sum(), inputs),
        strict=True,
    ):
        assert mine.shape == theirs.shape and torch.allclose(mine, theirs)


@pytest.mark.usefixtures("way")
def test_a_scaled_map_has_the_value_and_the_gradients_of_its_formula():
    inputs = maps(3, 4, 6, 5), maps(3, 4, seed=1)
    assert torch.equal(Scale.apply(*inputs), inputs[0] * inputs[1][:, :, None, None])
    assert torch.autograd.gradcheck(Scale.apply, inputs)


@pytest.mark.usefixtures("way")
def test_an_offset_that_learns_nothing_costs_no_gradient():
    x, scale, offset = maps(3, 4, 6, 5), maps(3, 4, seed=1), maps(*OFFSETS["one field"], seed=2).detach()
    (gradient,) = torch.autograd.grad(ScaleShiftLeaky.apply(x, scale, offset).sum(), x)
    assert torch.allclose(gradient, torch.autograd.grad(plain(x, scale, offset).sum(), x)[0])


def test_smoothing_is_a_convolution_of_every_channel_by_itself():
    x, fir = maps(2, 3, 7, 7), depthwise_filter(3, 4.0).double()
    assert torch.equal(Smooth.apply(x, fir), F.conv2d(x, fir, padding=1, groups=3))
    assert torch.autograd.gradcheck(lambda one: Smooth.apply(one, fir), (x,))


@pytest.mark.usefixtures("way")
def test_all_have_second_derivatives():
    x, scale, offset = maps(2, 3, 4, 4), maps(2, 3, seed=1), maps(1, 3, 4, 4, seed=2)
    fir = depthwise_filter(3, 4.0).double()
    assert torch.autograd.gradgradcheck(Scale.apply, (x, scale))
    assert torch.autograd.gradgradcheck(ScaleShiftLeaky.apply, (x, scale, offset))
    assert torch.autograd.gradgradcheck(lambda one: Smooth.apply(one, fir), (x,))
