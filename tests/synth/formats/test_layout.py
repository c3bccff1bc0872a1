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


def test_what_is_no_generator_is_refused():
    with pytest.raises(ValueError, match="file lacks the layers of a StyleGAN2 generator"):
        architecture({}, Path("file"))
