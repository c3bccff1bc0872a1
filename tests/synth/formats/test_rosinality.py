"""Checkpoints of rosinality's stylegan2-pytorch."""

import importlib.util
import os

import numpy as np
import pytest
import torch

from synth import latents, load_generator


@pytest.fixture
def conformance(shared):
    """The folder of reference answers, and the program there that makes the checkpoint."""
    folder = shared / "conformance"
    spec = importlib.util.spec_from_file_location("checkpoint", folder / "checkpoint.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return folder, module


def test_pictures_are_those_of_rosinalitys_implementation(conformance, tmp_path):
    folder, program = conformance
    path = tmp_path / "rosinality.pt"
    torch.save(program.checkpoint("rosinality"), path)
    network = load_generator(path, device="cpu")
    path.unlink()
    expected = {key: torch.from_numpy(value) for key, value in np.load(folder / "rosinality.npz").items()}
    ws = network.mapping(expected["z"])
    found = {
        "w": ws[:, 0],
        "latent_avg": network.w_avg,
        "image": network.synthesis(ws),
        "image_trunc07": network.synthesis(network.mapping(expected["z"], psi=0.7)),
    }
    for name, ours in found.items():
        assert ((ours - expected[name]).norm() / expected[name].norm()).item() < 1e-5, name


@pytest.mark.parametrize("modern", [True, False])
def test_a_converted_checkpoint_gives_the_generator_that_was_written(generator, rosinality_state, tmp_path, modern):
    path = tmp_path / "network.pt"
    content = {"g_ema": rosinality_state(generator), "latent_avg": generator.w_avg}
    torch.save(content, path, _use_new_zipfile_serialization=modern)
    read = load_generator(path, device="cpu")
    expected = generator.state_dict()
    assert read.state_dict().keys() == expected.keys()
    assert all(torch.equal(value, expected[key]) for key, value in read.state_dict().items())
    assert read.config["conv_clamp"] is None and read.config["recipe"]["w_avg"] == "its latent_avg"


def test_a_training_checkpoint_gets_a_mean_w_that_is_always_the_same(
    generator, rosinality_state, training_arguments, tmp_path
):
    state = rosinality_state(generator)
    torch.save({"g": state, "g_ema": state, "args": training_arguments, "ada_aug_p": 0.1}, tmp_path / "train.pt")
    first, second = (load_generator(tmp_path / "train.pt", device="cpu") for _ in range(2))
    assert torch.equal(first.w_avg, second.w_avg)
    w = first.mapping(latents(range(2000), 8))[:, 0]
    deviation = w.std(dim=0) / len(w) ** 0.5
    assert ((first.w_avg - w.mean(dim=0)).abs() < 5 * deviation).all()
    assert first.config["recipe"]["w_avg"] == "mean of 10000 w, z from RandomState(0)"


class Payload:
    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("modern", [True, False])
def test_a_payload_is_refused_and_does_not_run(tmp_path, modern):
    path = tmp_path / "network.pt"
    torch.save({"g_ema": Payload(tmp_path / "made")}, path, _use_new_zipfile_serialization=modern)
    with pytest.raises(ValueError, match=r"refused, nothing of it was run: it asks for posix\.mkdir"):
        load_generator(path)
    assert not (tmp_path / "made").exists()


def test_a_truncated_file_is_refused(generator, rosinality_state, tmp_path):
    path = tmp_path / "network.pt"
    torch.save({"g_ema": rosinality_state(generator)}, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="truncated or damaged checkpoint"):
        load_generator(path)


def test_a_tensor_larger_than_its_data_is_refused(generator, rosinality_state, tmp_path):
    path = tmp_path / "network.pt"
    giant = {"style.1.weight": torch.ones(1, 1).expand(10**6, 10**6)}
    torch.save({"g_ema": rosinality_state(generator) | giant}, path)
    with pytest.raises(ValueError, match="one of its tensors is larger than its data"):
        load_generator(path)


def test_other_torch_files_are_refused(generator, rosinality_state, tmp_path):
    path = tmp_path / "network.pt"
    torch.save({"state_dict": {"layer.weight": torch.ones(2)}}, path)
    with pytest.raises(ValueError, match="holds no StyleGAN2 generator"):
        load_generator(path)
    torch.save({"g_ema": rosinality_state(generator) | {"extra.weight": torch.ones(2)}}, path)
    with pytest.raises(ValueError, match="unknown entry 'extra.weight'"):
        load_generator(path)
    state = rosinality_state(generator)
    del state["convs.3.activate.bias"]
    torch.save({"g_ema": state}, path)
    with pytest.raises(ValueError, match="lacks the tensor synthesis.b16.conv1.bias"):
        load_generator(path)
