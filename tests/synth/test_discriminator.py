"""The discriminator: logits, feature maps, and gradients of gradients."""

import pytest
import torch
from torch.nn import functional as F

from synth.discriminator import Discriminator


@pytest.fixture
def discriminator() -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(32, channel_base=256, channel_max=16, mbstd_group=4)


def test_feature_maps_come_fine_to_coarse(discriminator):
    x = torch.randn(4, 3, 32, 32)
    logits, maps = discriminator(x, features=True)
    assert torch.equal(logits, discriminator(x)) and logits.shape == (4, 1)
    assert [tuple(m.shape) for m in maps] == [(4, 16, 16, 16), (4, 16, 8, 8), (4, 16, 4, 4)]


@pytest.mark.parametrize("enabled", [False, True])
def test_r1_differentiates_twice(discriminator, enabled):
    x = torch.randn(4, 3, 32, 32, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
        logits = discriminator(x)
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    gradient.square().sum(dim=(1, 2, 3)).mean().backward()
    for name in ("b32.fromrgb", "b32.skip", "b8.conv1", "b4.conv", "b4.out"):
        slope = discriminator.get_submodule(name).weight.grad
        assert torch.isfinite(slope).all() and slope.abs().sum() > 0, name


def test_its_logits_are_those_of_the_textbook_form(discriminator):
    """Equalised weights, filter before every stride, sqrt(2) after every leaky ReLU, 1/sqrt(2) after every sum."""
    row = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8

    def conv(name: str, x: torch.Tensor, **options) -> torch.Tensor:
        layer = discriminator.get_submodule(name)
        return F.conv2d(x, layer.weight / layer.weight[0].numel() ** 0.5, layer.bias, **options)

    def act(x: torch.Tensor) -> torch.Tensor:
        return F.leaky_relu(x, 0.2) * 2**0.5

    def blur(x: torch.Tensor, before: int, after: int) -> torch.Tensor:
        x = F.pad(x, (before, after, before, after))
        kernel = torch.outer(row, row).expand(x.shape[1], 1, 4, 4)
        return F.conv2d(x, kernel, groups=x.shape[1])

    for parameter in discriminator.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    image = torch.randn(4, 3, 32, 32)
    x = act(conv("b32.fromrgb", image))
    for size in (32, 16, 8):
        short = conv(f"b{size}.skip", blur(x, 1, 1)[:, :, ::2, ::2])
        deep = act(conv(f"b{size}.conv0", x, padding=1))
        x = (short + act(conv(f"b{size}.conv1", blur(deep, 2, 2), stride=2))) / 2**0.5
    deviation = x.var(dim=0, correction=0).add(1e-8).sqrt().mean()
    x = act(conv("b4.conv", torch.cat([x, deviation.expand(4, 1, 4, 4)], dim=1), padding=1)).flatten(1)
    for name, activate in (("b4.fc", act), ("b4.out", lambda x: x)):
        layer = discriminator.get_submodule(name)
        x = activate(F.linear(x, layer.weight / layer.weight.shape[1] ** 0.5, layer.bias))
    assert torch.allclose(discriminator(image), x, rtol=1e-4, atol=1e-5)


def test_bfloat16_stays_near_float32(discriminator):
    x = torch.randn(4, 3, 32, 32)
    exact = discriminator(x)
    with torch.autocast("cpu", torch.bfloat16):
        rough = discriminator(x)
    assert rough.dtype == torch.float32
    assert (rough - exact).abs().max() < 0.05 * exact.abs().max() + 0.05


def test_a_batch_smaller_than_the_group_is_one_group(discriminator):
    assert discriminator(torch.randn(3, 3, 32, 32)).shape == (3, 1)


@pytest.mark.parametrize(
    "call, reason",
    [
        (lambda d: d(torch.zeros(6, 3, 32, 32)), "a batch of 6 does not split into groups of 4"),
        (lambda d: d(torch.zeros(4, 3, 64, 64)), r"needed is \(N, 3, 32, 32\)"),
        (lambda d: Discriminator(4), "at least 8"),
    ],
)
def test_a_wrong_argument_is_refused_with_the_rule(discriminator, call, reason):
    with pytest.raises(ValueError, match=reason):
        call(discriminator)
