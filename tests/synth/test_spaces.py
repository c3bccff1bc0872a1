"""Z, W, W+, S and F: every space that a picture passes through can be entered, changed and differentiated."""

import pytest
import torch

from synth import latents, mix
from synth.networks import Generator


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(0)
    generator = Generator(8, 12, 32, mapping_layers=2, channel_base=256, channel_max=16, num_fp16_res=2)
    for name, tensor in generator.state_dict().items():
        if name.endswith(("strength", "bias", "w_avg")):
            tensor.add_(0.3 * torch.randn_like(tensor))
    return generator.requires_grad_(False)


@pytest.fixture
def ws(generator) -> torch.Tensor:
    return generator.mapping(latents(range(3), 8))


def test_the_styles_of_ws_give_the_picture_of_ws(generator, ws):
    styles = generator.synthesis.styles(ws)
    assert torch.equal(generator.synthesis(styles), generator.synthesis(ws))
    assert list(styles)[:5] == ["b4.conv1", "b4.torgb", "b8.conv0", "b8.conv1", "b8.torgb"]
    assert [style.shape[1] for style in styles.values()] == [16] * 9 + [8, 8]


def test_one_style_channel_changes_its_layer_alone(generator, ws):
    styles = generator.synthesis.styles(ws)
    styles["b16.conv1"][:, 3] += 5
    assert torch.equal(generator.synthesis(styles, resolution=8), generator.synthesis(ws, resolution=8))
    assert not torch.allclose(generator.synthesis(styles), generator.synthesis(ws))


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
@pytest.mark.parametrize("size", [4, 8, 16])
def test_synthesis_goes_on_from_the_features_of_any_block(generator, ws, size, precision):
    generator.synthesis.precision = precision
    start = generator.synthesis.features(ws, resolution=size)
    assert start[0].shape[2:] == start[1].shape[2:] == (size, size)
    assert torch.equal(generator.synthesis(ws, start=start), generator.synthesis(ws))


def test_seeded_noise_goes_on_with_the_same_fields(generator, ws):
    options = {"noise": "random", "seeds": [5, 6, 7]}
    start = generator.synthesis.features(ws, resolution=8, **options)
    assert torch.equal(generator.synthesis(ws, start=start, **options), generator.synthesis(ws, **options))


def test_the_noise_of_a_sample_depends_on_its_seed_alone(generator, ws):
    torch.manual_seed(1)
    whole = generator.synthesis(ws, noise="random", seeds=[5, 6, 5])
    part = generator.synthesis(ws[1:], noise="random", seeds=[6, 5])
    assert torch.allclose(whole[1:], part, atol=1e-5)
    assert not torch.allclose(whole, generator.synthesis(ws, noise="random", seeds=[5, 2**40 + 6, 5]), atol=1e-3)


def test_truncation_stops_at_the_cutoff(generator, ws):
    z = latents(range(3), 8)
    cut = generator.mapping(z, psi=0.5, cutoff=3)
    assert torch.equal(cut[:, :3], generator.mapping(z, psi=0.5)[:, :3])
    assert torch.equal(cut[:, 3:], ws[:, 3:])


def test_mixing_takes_whole_rows_of_the_other(generator, ws):
    mixed = mix(ws[:1], ws[1:], [0, 1, 7])
    assert mixed.shape == (2, 8, 12)
    assert torch.equal(mixed[:, [0, 1, 7]], ws[1:, [0, 1, 7]])
    assert torch.equal(mixed[:, 2:7], ws[:1, 2:7].expand(2, -1, -1))
    with pytest.raises(ValueError, match="8 rows"):
        mix(ws, ws, [8])


def test_pictures_have_gradients_in_every_space(generator, ws):
    synthesis = generator.synthesis
    z = latents(range(3), 8).requires_grad_()
    synthesis(generator.mapping(z)).square().sum().backward()
    plus = ws.clone().requires_grad_()
    synthesis(plus).square().sum().backward()
    styles = {name: style.requires_grad_() for name, style in synthesis.styles(ws).items()}
    synthesis(styles).square().sum().backward()
    start = tuple(part.requires_grad_() for part in synthesis.features(ws, resolution=8))
    synthesis(ws, start=start).square().sum().backward()
    for leaf in (z, plus, *styles.values(), *start):
        assert leaf.grad is not None and leaf.grad.abs().sum() > 0


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_the_half_precisions_have_gradients_too(generator, ws, precision):
    gradients = []
    for chosen in ("fp32", precision):
        generator.synthesis.precision = chosen
        plus = ws.clone().requires_grad_()
        generator.synthesis(plus).square().sum().backward()
        gradients.append(plus.grad.flatten())
    assert torch.cosine_similarity(*gradients, dim=0) > 0.99


@pytest.mark.parametrize(
    "options, reason",
    [
        ({"noise": "const", "seeds": [1, 2, 3]}, "seeds are given for noise 'const'"),
        ({"noise": "random", "seeds": [1]}, "1 seeds are given for 3 samples"),
        ({"start": (torch.zeros(3, 8, 32, 32), torch.zeros(3, 3, 32, 32))}, "start is at 32 px; it must be one of"),
        ({"start": (torch.zeros(3, 8, 6, 6), torch.zeros(3, 3, 6, 6))}, "start is at 6 px"),
    ],
)
def test_a_wrong_argument_is_refused_with_the_rule(generator, ws, options, reason):
    with pytest.raises(ValueError, match=reason):
        generator.synthesis(ws, **options)
