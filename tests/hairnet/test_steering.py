import pickle

import numpy as np
import pytest
import torch

from data.weights import load_network as read_network
from data.weights import save_network
from hairnet.steer import ASPECTS, command_of, find_directions
from hairnet.steering import FILE, Steering, load_steering, read_published, save_steering
from tests.hairnet.conftest import SMALL
from tests.hairnet.toys import toy_directions, toy_net, toy_network

D = SMALL["embedding"]


@pytest.fixture(scope="module")
def net(world, tmp_path_factory):
    return toy_net(tmp_path_factory.mktemp("steered"), world)


def test_directions_lie_beside_the_network_and_come_back_as_they_were(net):
    for aspect, one in toy_directions(D).items():
        found = net.steering[aspect]
        assert np.allclose(found.vector, one.vector) and found.unit == one.unit and found.reach == one.reach


def test_moves_are_in_the_aspects_units_and_the_way_back_is_the_opposite():
    one = toy_directions(D)["hair_length"]
    embeddings = torch.randn(3, D)
    moved = one.move(embeddings, 5.0)
    assert np.allclose(one.estimate(moved) - one.estimate(embeddings), 5, atol=1e-5)
    assert torch.allclose(one.move(moved, -5.0), embeddings, atol=1e-5)
    many = one.move(embeddings, np.array([0.0, 5.0, 10.0]))
    assert np.allclose(one.estimate(many) - one.estimate(embeddings), [0, 5, 10], atol=1e-5)


def test_colour_and_shape_share_the_difference_between_them():
    steering = Steering(toy_directions(D))
    own, other = torch.randn(2, D), torch.randn(2, D)
    colour, shape = (steering.take(own, other, take) for take in ("colour", "shape"))
    assert torch.allclose(colour + shape, own + other, atol=1e-5) and torch.equal(
        steering.take(own, other, "all"), other
    )
    assert torch.allclose(colour[:, :3], other[:, :3], atol=1e-5) and torch.allclose(
        colour[:, 3:], own[:, 3:], atol=1e-5
    )
    for aspect in ("hair_lightness", "hair_red", "hair_yellow"):
        assert np.allclose(steering[aspect].estimate(colour), steering[aspect].estimate(other), atol=1e-4)


def test_directions_of_another_network_and_an_unknown_aspect_are_refused(net, world, tmp_path):
    other = toy_net(tmp_path, world, seed=1, steered=False)
    with pytest.raises(FileNotFoundError, match="hairnet.steer"):
        _ = other.steering
    with pytest.raises(ValueError, match="belongs to another network: run `python -m hairnet.steer`"):
        load_steering(net.file.with_name(FILE), other)
    with pytest.raises(ValueError, match="--attribute is 'hair_mood', but it is one of hair_length, hair_lightness"):
        _ = net.steering["hair_mood"]


@pytest.mark.parametrize("damage", ["scores", "vector", "kind", "directions"])
def test_a_damaged_file_is_refused(net, tmp_path, damage):
    tensors, config = read_network(net.file.with_name(FILE))
    if damage == "scores":
        config["directions"]["hair_red"]["scores"] = [1.0, 1.0]
    elif damage == "vector":
        tensors["hair_red.vector"] = -tensors["hair_red.vector"]
    elif damage == "kind":
        config["kind"] = "hairnet"
    else:
        config["directions"] = ["hair_red"]
    save_network(tmp_path / "odd.safetensors", tensors, config)
    with pytest.raises(ValueError, match="hairnet.steer"):
        load_steering(tmp_path / "odd.safetensors", net)


def test_the_published_directions_are_read_without_running_anything(tmp_path):
    path = tmp_path / "latent_directions.pkl"
    vectors = {"color": np.random.randn(1, D).astype(np.float32), "structure": np.random.randn(2, D // 2)}
    path.write_bytes(pickle.dumps(vectors, protocol=4))
    found = read_published(path)
    assert set(found) == {"color", "structure"} and np.allclose(found["color"], vectors["color"][0])
    assert found["structure"].shape == (D,)


class Trap:
    def __reduce__(self):
        return (open, ("trapped", "w"))


@pytest.mark.parametrize(
    "content", [Trap(), {"color": Trap()}, {"color": "red"}, {}, [1.0], {"color": np.array([np.nan])}]
)
def test_any_other_pickle_is_refused(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd.pkl").write_bytes(pickle.dumps(content, protocol=4))
    with pytest.raises(ValueError, match="odd.pkl"):
        read_published(tmp_path / "odd.pkl")
    assert not (tmp_path / "trapped").exists()


def test_the_recorded_command_is_a_whole_line():
    assert command_of("builtin", None, "builtin", 2048) == (
        "python -m hairnet.steer --network builtin --parser builtin --faces 2048"
    )
    assert "--generator ffhq.pkl" in command_of("x.safetensors", "ffhq.pkl", "builtin", 512)


@pytest.mark.slow
def test_found_directions_move_what_is_measured_in_the_built_in_world(tmp_path):
    from faces import load_parser
    from hairnet import load_network

    net, parser = load_network("builtin", "cpu"), load_parser("builtin", "cpu")
    found, failed = find_directions(net, parser, 512)
    assert {"hair_lightness", "hair_length", "hair_volume"} <= set(found) and set(found) | set(failed) == set(ASPECTS)
    for aspect in ("hair_lightness", "hair_length", "hair_volume"):
        one = found[aspect]
        assert one.figures["r2"] > 0.6 and one.reach[1] - one.reach[0] > 2 * one.figures["sd"]
    save_steering(tmp_path / FILE, net, found, {"command": "test"})
    assert set(load_steering(tmp_path / FILE, net).directions) == set(found)


def test_the_network_that_directions_belong_to_is_known_by_its_weights(world, tmp_path):
    path = toy_network(tmp_path, world)
    tensors, config = read_network(path)
    tensors["hair.head.5.bias"] = tensors["hair.head.5.bias"] + 1
    save_network(path, tensors, config)
    from hairnet import load_network

    with pytest.raises(ValueError, match="belongs to another network"):
        _ = load_network(path, "cpu").steering
