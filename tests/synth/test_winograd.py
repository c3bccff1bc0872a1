"""Winograd's convolution: the values and gradients of the definition, and when it is used."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from synth import winograd
from synth.blocks import StyledConv
from synth.noise import Noise
from synth.winograd import Convolution, convolved, pays, transformed


def maps(*shape, dtype=torch.float64, seed=0):
    x = torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))
    return x.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("at_a_time", [1, 8, 1 << 16], ids=["one row of tiles", "two rows of three", "all"])
@pytest.mark.parametrize("shape", [(1, 6, 4, 4), (2, 8, 12, 16), (5, 4, 8, 8), (1, 3, 20, 4)])
def test_the_result_is_the_convolution(shape, at_a_time, monkeypatch):
    monkeypatch.setattr(winograd, "AT_ONCE", at_a_time)
    x, weight = maps(*shape), maps(8, shape[1], 3, 3, seed=1)
    y = convolved(x, transformed(weight))
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(y, F.conv2d(x, weight, padding=1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("channels", [64, 512])
def test_rounding_in_float32_stays_near_that_of_the_definition(channels):
    x, weight = maps(2, channels, 16, 16), maps(channels, channels, 3, 3, seed=1)
    exact = F.conv2d(x, weight, padding=1)
    error = convolved(x.float(), transformed(weight.float())).double() - exact
    assert error.std() < 2e-6 * exact.std() and error.abs().max() < 1.5e-5 * exact.std()


@pytest.mark.parametrize("wanted", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("fast", [True, False])
def test_gradients_are_those_of_the_convolution(wanted, fast, monkeypatch):
    monkeypatch.setattr(winograd, "pays", lambda *_, **__: fast)
    x, weight = maps(2, 6, 8, 12).requires_grad_(wanted[0]), maps(4, 6, 3, 3, seed=1).requires_grad_(wanted[1])
    towards, inputs = maps(2, 4, 8, 12, seed=2), [leaf for leaf in (x, weight) if leaf.requires_grad]
    ours = torch.autograd.grad((Convolution.apply(x, weight, transformed(weight)) * towards).sum(), inputs)
    book = torch.autograd.grad((F.conv2d(x, weight, padding=1) * towards).sum(), inputs)
    assert all(torch.allclose(mine, theirs) for mine, theirs in zip(ours, book, strict=True))


def test_it_is_used_where_it_pays_alone():
    x, weight = maps(1, 64, 16, 16, dtype=torch.float32), maps(64, 64, 3, 3, dtype=torch.float32)
    assert pays(x, weight, anew=False) and not pays(x, weight, anew=True)
    assert pays(x.expand(4, -1, -1, -1), weight, anew=True)
    assert not pays(x[..., :8, :8], weight, anew=False), "few tiles"
    assert not pays(maps(1, 64, 18, 32, dtype=torch.float32), weight, anew=False), "no whole tiles"
    assert not pays(x[:, :32], weight[:32, :32], anew=False), "few channels"
    assert not pays(x.double(), weight.double(), anew=False) and not pays(x.bfloat16(), weight.bfloat16(), anew=False)
    with torch.autocast("cpu", torch.bfloat16):
        assert not pays(x, weight, anew=False)


def layer() -> StyledConv:
    torch.manual_seed(0)
    return StyledConv(64, 64, 8, 16, up=False, clamp=None).requires_grad_(False)


def test_gradients_of_gradients_are_those_of_the_convolution(monkeypatch):
    monkeypatch.setattr(winograd, "pays", lambda *_, **__: True)
    x, weight = maps(2, 6, 8, 8).requires_grad_(), maps(4, 6, 3, 3, seed=1).requires_grad_()
    found = []
    for call in (lambda: Convolution.apply(x, weight, transformed(weight)), lambda: F.conv2d(x, weight, padding=1)):
        first = torch.autograd.grad(call().square().sum(), (x, weight), create_graph=True)
        found.append(torch.autograd.grad(sum(one.square().sum() for one in first), (x, weight)))
    assert all(torch.allclose(mine, theirs) for mine, theirs in zip(*found, strict=True))


def test_a_copied_or_pickled_layer_keeps_nothing_of_the_first_ones_weights():
    conv, x, style = layer(), maps(2, 64, 16, 16, dtype=torch.float32), torch.ones(2, 64)
    with torch.inference_mode():
        before = conv(x, style, Noise("none"))
    assert set(conv.kept) == {"power", "products"}
    for other in (copy.deepcopy(conv), pickle.loads(pickle.dumps(conv))):
        assert not other.kept
        with torch.inference_mode():
            assert torch.equal(other(x, style, Noise("none")), before)


def test_a_layer_follows_its_weights_when_they_change():
    conv, x, style = layer(), maps(2, 64, 16, 16, dtype=torch.float32), torch.ones(2, 64)
    with torch.no_grad():
        before = conv(x, style, Noise("none"))
        conv.weight.mul_(torch.linspace(0.5, 2, 64)[None, :, None, None])
        after = conv(x, style, Noise("none"))
        conv.kept.clear()
        assert torch.equal(after, conv(x, style, Noise("none")))
    assert not torch.allclose(before, after, atol=1e-2)


def test_a_learning_layer_has_the_gradients_of_an_exact_one():
    conv, x, style = layer().requires_grad_(), maps(4, 64, 16, 16, dtype=torch.float32), torch.ones(4, 64)
    assert pays(x, conv.weight, anew=True)

    def gradient(module: nn.Module, *inputs: torch.Tensor) -> torch.Tensor:
        module(*inputs, Noise("none")).square().mean().backward()
        return module.weight.grad.double()

    exact = gradient(layer().double().requires_grad_(), x.double(), style.double())
    assert (gradient(conv, x, style) - exact).std() < 1e-5 * exact.std()
