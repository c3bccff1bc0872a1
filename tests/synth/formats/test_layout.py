"""Architectures told from shapes."""

from pathlib import Path

import pytest

from synth.formats.layout import architecture, generator_arguments, require_layout, shapes
from synth.networks import Generator

ARCHITECTURES = {
    "all layers narrower than channel_max": dict(channel_base=64, channel_max=512),
    "all layers at channel_max": dict(channel_base=10**6, channel_max=6),
    "conditional": dict(channel_base=64, channel_max=12, c_dim=3),
}


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_the_shapes_of_a_generator_tell_its_arguments(kind):
    generator = Generator(5, 7, 16, 3, **ARCHITECTURES[kind])
    tensors = generator.state_dict()
    assert shapes(generator.config) == {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    found = architecture(tensors, Path("file"))
    assert shapes(found) == shapes(generator.config)
    require_layout(tensors, generator.config, Path("file"))
    assert generator_arguments(generator.config | {"kind": "generator"}) == generator.config


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, value) for name in ("z_dim", "resolution", "mapping_layers") for value in (float, str)],
        *[(name, value) for name in ("channel_base", "channel_max", "c_dim") for value in (float, bool)],
        *[("num_fp16_res", value) for value in (1.0, True, -1, 4, None)],
        *[("conv_clamp", value) for value in (10**400, 1e300, float("nan"), 0, True, "2")],
        *[("lr_multiplier", value) for value in (10**400, 1e300, float("inf"), -1, None)],
    ],
)
def test_arguments_that_are_no_proper_numbers_are_refused(name, value):
    generator = Generator(5, 7, 16, 3, 64, 12)
    value = value(generator.config[name]) if isinstance(value, type) else value
    with pytest.raises(ValueError, match=f"^file says {name} "):
        require_layout(generator.state_dict(), generator.config | {name: value}, Path("file"))


def test_what_float16_cannot_hold_is_no_limit_of_its_blocks():
    generator = Generator(5, 7, 16, 3, 64, 12, conv_clamp=1e5)
    require_layout(generator.state_dict(), generator.config, Path("file"))
    with pytest.raises(ValueError, match="says conv_clamp 100000.0, which is not a positive number of float16"):
        require_layout(generator.state_dict(), generator.config | {"num_fp16_res": 1}, Path("file"))


def test_what_is_no_generator_is_refused():
    with pytest.raises(ValueError, match="file lacks the layers of a StyleGAN2 generator"):
        architecture({}, Path("file"))
