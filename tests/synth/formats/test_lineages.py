"""The other lineages: NVIDIA's TensorFlow pickles, genforce, and the encoders that carry a rosinality decoder."""

import pytest
import torch

from synth import latents, load_generator


def assert_same_pictures(read, generator):
    """Biases that were stored less one come back within rounding."""
    ws = generator.mapping(latents(range(3), 8), psi=0.7)
    assert torch.allclose(read.mapping(latents(range(3), 8), psi=0.7), ws, atol=1e-6)
    assert torch.allclose(read.synthesis(ws), generator.synthesis(ws), atol=1e-4)


@pytest.mark.parametrize("options", [{}, {"alone": True}, {"protocol": 2}, {"protocol": 4}])
def test_a_tensorflow_pickle_gives_the_generator_that_was_written(generator, tensorflow_pickle, options):
    read = load_generator(tensorflow_pickle(generator, **options), device="cpu")
    assert_same_pictures(read, generator)
    assert (read.config["conv_clamp"], read.config["recipe"]["format"]) == (2, "NVIDIA TensorFlow pickle")


def test_a_tensorflow_pickle_tells_its_float16_blocks(generator, tensorflow_pickle):
    assert load_generator(tensorflow_pickle(generator, num_fp16_res=1), device="cpu", dtype="fp16").resolution == 16


@pytest.mark.parametrize(
    "kwargs, reason",
    [
        ({"architecture": "resnet"}, "architecture 'resnet': only 'skip'"),
        ({"resample_kernel": [1, 2, 1]}, "resample_kernel"),
        ({"conv_clamp": "x"}, "conv_clamp 'x'"),
        ({"num_fp16_res": 9}, "num_fp16_res 9"),
    ],
)
def test_other_tensorflow_networks_are_refused_with_their_difference(generator, tensorflow_pickle, kwargs, reason):
    with pytest.raises(ValueError, match=reason):
        load_generator(tensorflow_pickle(generator, **kwargs))


def test_older_tensorflow_networks_are_refused_by_their_format(generator, tensorflow_pickle):
    with pytest.raises(ValueError, match="TensorFlow network of format 3"):
        load_generator(tensorflow_pickle(generator, version=3))


def test_a_genforce_checkpoint_gives_the_generator_that_was_written(generator, genforce_state, tmp_path):
    for module in generator.modules():
        if hasattr(module, "clamp"):
            module.clamp = None
    state = genforce_state(generator)
    torch.save({"generator": {}, "discriminator": {}, "generator_smooth": state}, tmp_path / "network.pth")
    assert_same_pictures(load_generator(tmp_path / "network.pth", device="cpu"), generator)


def test_an_unknown_entry_of_a_genforce_checkpoint_is_named(generator, genforce_state, tmp_path):
    state = genforce_state(generator) | {"mapping.label_weight": torch.ones(3, 8)}
    torch.save({"generator_smooth": state}, tmp_path / "network.pth")
    with pytest.raises(ValueError, match="unknown entry 'mapping.label_weight'"):
        load_generator(tmp_path / "network.pth")


@pytest.mark.parametrize("rows", [None, 1, 6])
def test_the_decoder_of_an_encoders_checkpoint_is_read(generator, rosinality_state, tmp_path, rows):
    state = {f"decoder.{key}": value for key, value in rosinality_state(generator).items()}
    state |= {"encoder.input_layer.0.weight": torch.ones(8, 3, 3, 3)}
    content = {"state_dict": state, "opts": {"device": "cuda", "batch_size": 8}}
    if rows:
        content["latent_avg"] = generator.w_avg.repeat(rows, 1)
    torch.save(content, tmp_path / "encoder.pt")
    read = load_generator(tmp_path / "encoder.pt", device="cpu")
    expected = generator.state_dict()
    if not rows:
        assert read.config["recipe"]["w_avg"].startswith("mean of 10000 w")
        expected.pop("mapping.w_avg")
    assert all(torch.equal(value, read.state_dict()[key]) for key, value in expected.items())


def test_a_bare_state_dict_is_read(generator, rosinality_state, tmp_path):
    torch.save(rosinality_state(generator), tmp_path / "state.pt")
    assert load_generator(tmp_path / "state.pt", device="cpu").resolution == 16
