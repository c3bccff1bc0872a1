"""The generator: the same mathematics as the textbook form, in all its modes."""

import copy

import pytest
import torch
import torch._dynamo

from benchmarks.stylegan2 import textbook
from synth import latents
from synth.networks import Generator


@pytest.fixture(params=["as defined", "by Winograd's algorithm"])
def generator(request, monkeypatch) -> Generator:
    """Whose convolutions are few enough to be taken as they are defined, or are all taken otherwise."""
    if request.param != "as defined":
        for least in ("LEAST_CHANNELS", "LEAST_TILES", "LEAST_TILES_ANEW"):
            monkeypatch.setattr(f"synth.winograd.{least}", 1)
    torch.manual_seed(0)
    generator = Generator(8, 12, 32, mapping_layers=2, channel_base=256, channel_max=16)
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if name.endswith(("strength", "bias")):
                parameter.add_(0.3 * torch.randn_like(parameter))
    generator.mapping.w_avg.normal_()
    return generator


def pictures(generator: Generator, seeds=range(4), **options) -> torch.Tensor:
    with torch.no_grad():
        return generator.synthesis(generator.mapping(latents(seeds, generator.z_dim)), **options)


def test_modulating_activations_equals_modulating_weights(generator):
    ws = generator.mapping(latents(range(4), 8)).detach()
    ours, book = generator.synthesis(ws), textbook(generator, ws)
    assert ((ours - book).norm() / book.norm()).item() < 1e-5


def test_what_is_kept_of_frozen_weights_follows_every_change_of_them(generator):
    def changed() -> None:
        ours, book = pictures(generator), textbook(generator, generator.mapping(latents(range(4), 8))).detach()
        assert ((ours - book).norm() / book.norm()).item() < 1e-5

    generator.requires_grad_(False)
    weight = generator.synthesis.b16.conv0.weight
    with torch.inference_mode():
        generator.synthesis(generator.mapping(latents([0], 8)))
    changed()
    weight.mul_(torch.linspace(0.1, 2, 16)[:, None, None, None])
    changed()
    generator.load_state_dict({name: value.flip(0) for name, value in generator.state_dict().items()}, assign=True)
    changed()
    copied = copy.deepcopy(generator)
    for parameter in copied.parameters():
        parameter.copy_(parameter.flip(0))
    assert not torch.equal(pictures(copied), pictures(generator))
    generator.double().float()
    changed()
    rows = generator.mapping(latents([0], 8)).requires_grad_()
    generator.synthesis(rows).sum().backward()
    assert rows.grad.abs().sum() > 0


def test_the_synthesis_of_a_frozen_generator_compiles_to_one_graph(generator):
    generator.requires_grad_(False)
    ws = generator.mapping(latents(range(2), 8))
    explained = torch._dynamo.explain(generator.synthesis)(ws)
    assert explained.graph_break_count == 0, explained.break_reasons


def test_its_gradients_are_those_of_the_textbook_form(generator):
    ws = generator.mapping(latents(range(4), 8)).detach()
    target = torch.randn(4, 3, 32, 32)
    gradients = []
    for form in (generator.synthesis, lambda rows: textbook(generator, rows)):
        generator.zero_grad()
        rows = ws.clone().requires_grad_()
        (form(rows) * target).sum().backward()
        gradients.append(torch.cat([rows.grad.flatten(), generator.synthesis.b16.conv0.weight.grad.flatten()]))
    ours, book = gradients
    assert ((ours - book).norm() / book.norm()).item() < 1e-2  # kinks of the leaky ReLU fall to either side


@pytest.mark.parametrize("small", [0, 1 << 18])
def test_one_row_of_styles_goes_with_all_features_and_one_of_features_with_all_styles(generator, small, monkeypatch):
    monkeypatch.setattr("synth.gradients.SMALL", small)
    ws = generator.mapping(latents(range(3), 8)).detach()
    for styled, started in ((1, 3), (3, 1)):
        rows = ws[:styled].clone().requires_grad_()
        start = generator.synthesis.features(ws[:started], resolution=8)
        one = generator.synthesis(rows, start=start)
        whole = rows.expand(3, -1, -1)
        three = generator.synthesis(whole, start=tuple(part.expand(3, -1, -1, -1) for part in start))
        assert torch.allclose(one, three, atol=1e-6)
        first, second = (torch.autograd.grad(x.square().sum(), rows, retain_graph=True)[0] for x in (one, three))
        assert torch.allclose(first, second, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("resolution, num_ws", [(4, 2), (64, 10), (256, 14), (1024, 18)])
def test_the_number_of_ws_follows_from_the_resolution(resolution, num_ws):
    assert Generator(4, 4, resolution, 1, channel_base=4096, channel_max=4).num_ws == num_ws


def test_psi_moves_w_towards_its_mean(generator):
    z = latents(range(3), 8)
    w = generator.mapping(z)
    assert torch.allclose(generator.mapping(z, psi=0.0), generator.w_avg.expand_as(w))
    assert torch.allclose(generator.mapping(z, psi=0.7), generator.w_avg + 0.7 * (w - generator.w_avg), atol=1e-6)


def test_single_rows_of_ws_can_be_edited_in_place(generator):
    with torch.no_grad():
        ws = generator.mapping(latents([0], 8))
    before = ws.clone()
    ws[:, 2] += 1
    assert torch.equal(ws[:, 3], before[:, 3])


def test_a_lower_resolution_is_the_lower_part_of_the_network(generator):
    assert pictures(generator, resolution=8).shape == (4, 3, 8, 8)
    small = Generator(8, 12, 8, mapping_layers=2, channel_base=256, channel_max=16)
    weights = {key: value for key, value in generator.state_dict().items() if key in small.state_dict()}
    small.load_state_dict(weights)
    ws = generator.mapping(latents(range(4), 8))
    assert torch.equal(generator.synthesis(ws, resolution=8), small.synthesis(ws[:, : small.num_ws]))


def test_noise_is_stored_fresh_or_absent(generator):
    assert torch.equal(pictures(generator), pictures(generator, noise="const"))
    assert not torch.allclose(pictures(generator), pictures(generator, noise="none"))
    assert not torch.allclose(pictures(generator, noise="random"), pictures(generator, noise="random"))


def test_noise_of_strength_zero_changes_nothing():
    generator = Generator(8, 12, 16, 2, 128, 16)
    assert torch.equal(pictures(generator), pictures(generator, noise="none"))


def test_a_picture_does_not_depend_on_its_neighbours_in_a_padded_batch(generator):
    """What synth.sample relies on: one batch shape, any company."""
    whole = pictures(generator, range(8))
    for seeds in ([5, 0, 1, 2, 3, 4, 6, 7], [9, 9, 9, 5, 9, 9, 9, 9], [5] * 8):
        assert torch.equal(pictures(generator, seeds)[seeds.index(5)], whole[5])


def test_the_clamp_limits_every_layer():
    torch.manual_seed(0)
    generator = Generator(8, 12, 16, 2, 128, 16, conv_clamp=0.5)
    largest = []
    for module in generator.synthesis.modules():
        if hasattr(module, "clamp"):
            module.register_forward_hook(lambda module, inputs, output: largest.append(output.abs().max().item()))
    pictures(generator)
    assert len(largest) == 8 and max(largest) == 0.5


def test_bfloat16_stays_near_float32_even_for_large_styles(generator):
    ws = 30 * generator.mapping(latents(range(4), 8)).detach()
    exact = generator.synthesis(ws)
    with torch.autocast("cpu", torch.bfloat16):
        rough = generator.synthesis(ws)
    assert rough.dtype == torch.float32
    assert ((rough - exact).norm() / exact.norm()).item() < 0.03


def test_gradients_of_gradients_exist(generator):
    """Path length regularisation differentiates a gradient."""
    ws = generator.mapping(latents(range(2), 8)).detach().requires_grad_()
    image = generator.synthesis(ws)
    (gradient,) = torch.autograd.grad((image * torch.randn_like(image)).sum(), ws, create_graph=True)
    gradient.square().sum().backward()
    assert generator.synthesis.b4.conv1.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    "call, reason",
    [
        (lambda g: Generator(resolution=48), "resolution 48 is not a power of two"),
        (lambda g: g.mapping(torch.zeros(2, 9)), r"needs \(N, 8\)"),
        (lambda g: g.mapping(torch.zeros(2, 8), label=1), "unconditional; leave it out"),
        (lambda g: g.synthesis(torch.zeros(2, 7, 12)), r"needs \(N, 8, 12\)"),
        (lambda g: g.synthesis(torch.zeros(2, 8, 12), noise="fixed"), "one of const, none, random"),
        (lambda g: g.synthesis(torch.zeros(2, 8, 12), resolution=64), "has 4, 8, 16, 32"),
    ],
)
def test_a_wrong_argument_is_refused_with_the_rule(generator, call, reason):
    with pytest.raises(ValueError, match=reason):
        call(generator)
