"""What surrounds the synthesis' convolutions: values and gradients are those of the plain formulas."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from synth import gradients
from synth.gradients import MixChannels, Scale, ScaleShiftLeaky, Smooth
from synth.layers import SLOPE, depthwise_filter

OFFSETS = {"a number per channel": (1, 4, 1, 1), "one field": (1, 4, 6, 5), "a field per sample": (3, 4, 6, 5)}


@pytest.fixture(params=[0, 1 << 18], ids=["sample by sample", "at once"])
def way(request, monkeypatch):
    monkeypatch.setattr(gradients, "SMALL", request.param)


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
@pytest.mark.parametrize("learning", range(3), ids=["x", "scale", "offset"])
def test_gradients_that_nobody_wants_are_not_made(learning):
    inputs = [x.detach() for x in (maps(3, 4, 6, 5), maps(3, 4, seed=1), maps(*OFFSETS["one field"], seed=2))]
    inputs[learning].requires_grad_()
    (wanted,) = torch.autograd.grad(plain(*inputs).sum(), inputs[learning])
    asked = tuple(k == learning for k in range(3))
    x, scale, offset = inputs
    kept = SimpleNamespace(saved_tensors=(x, scale, plain(*inputs)), needs_input_grad=asked, offset_shape=offset.shape)
    with torch.no_grad():
        grads = ScaleShiftLeaky.backward(kept, torch.ones_like(x))
    assert tuple(grad is not None for grad in grads) == asked
    assert torch.allclose(grads[learning], wanted)


def test_sums_over_a_batch_in_bfloat16_are_as_exact_sample_by_sample(monkeypatch):
    x, scale, offset = (maps(*shape).detach().to(torch.bfloat16) for shape in ((64, 4, 6, 5), (64, 4), (1, 4, 1, 1)))
    offset.requires_grad_()
    weights = torch.rand(64, 4, 6, 5).to(torch.bfloat16)
    errors = []
    for small in (1 << 18, 0):
        monkeypatch.setattr(gradients, "SMALL", small)
        (found,) = torch.autograd.grad((ScaleShiftLeaky.apply(x, scale, offset) * weights).sum(), offset)
        doubles = x.double(), scale.double(), offset.detach().double().requires_grad_()
        (exact,) = torch.autograd.grad((plain(*doubles) * weights).sum(), doubles[2])
        errors.append(((found.double() - exact).norm() / exact.norm()).item())
    assert errors[1] < 1.5 * errors[0] + 1e-3


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


def test_the_colours_have_first_and_second_derivatives():
    pixels, weight = (torch.randn(2, rows, 4, dtype=torch.float64, requires_grad=True) for rows in (5, 3))
    assert torch.equal(MixChannels.apply(pixels, weight), pixels @ weight.transpose(1, 2))
    assert torch.autograd.gradcheck(MixChannels.apply, (pixels, weight))
    assert torch.autograd.gradgradcheck(MixChannels.apply, (pixels, weight))
