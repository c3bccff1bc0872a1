import importlib.util
import json
import pickle

import numpy as np
import pytest
import torch

from hairnet import load_network
from hairnet.model import save_hairnet
from hairnet.network import arch_of, new_network
from hairnet.subrtova import LastLayerEncoder, Subrtova, SubrtovaConfig, hull_masks
from synth.formats import rosinality
from synth.generator import load_generator

TOY = SubrtovaConfig(num_ws=8, w_dim=12, size=64, stages=((16, 1), (32, 2)))
THEIRS = {"face.": "encoder.encoder_face.", "hair.": "encoder.encoder_hair.", "fusion.": "encoder."}


@pytest.fixture(scope="module")
def conformance(shared):
    """(folder of reference answers, the program that makes the checkpoints)."""
    folder = shared / "conformance"
    spec = importlib.util.spec_from_file_location("conformance_checkpoint", folder / "checkpoint.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return folder, module


def error(ours, reference):
    reference = torch.from_numpy(reference)
    return float((ours.reshape(reference.shape) - reference).norm() / reference.norm())


def crop(program, seed):
    return torch.tanh(program.normal(seed, 1, 3, 256, 256))


def read_spec(folder):
    return json.loads((folder / "subrtova.json").read_text())["keys"]


@pytest.mark.slow
@torch.no_grad()
def test_its_encoder_answers_as_the_public_implementation(conformance, monkeypatch):
    folder, program = conformance
    spec = {"keys": {key: s for key, s in read_spec(folder).items() if key.startswith("encoder.encoder_face.")}}
    monkeypatch.setattr(program.json, "loads", lambda text: spec)
    state = {key.removeprefix("encoder.encoder_face."): x for key, x in program.state_dict("subrtova").items()}
    with torch.device("meta"):
        encoder = LastLayerEncoder(SubrtovaConfig(num_ws=18, w_dim=512)).eval()
    encoder.load_state_dict(state, assign=True)
    assert error(encoder(crop(program, 1)), np.load(folder / "subrtova.npz")["face_embedding"]) < 1e-4


@pytest.mark.slow
@torch.no_grad()
def test_its_file_answers_as_the_public_implementation(conformance, tmp_path):
    folder, program = conformance
    torch.save(program.checkpoint("subrtova"), tmp_path / "best_model.pt")
    net = load_network(tmp_path / "best_model.pt", "cpu")
    answer = np.load(folder / "subrtova.npz")
    face, hair = net.network.face(crop(program, 1)), net.network.hair(crop(program, 2))
    ws = net.decode(face, hair)
    image = net.generator.synthesis(ws, noise="const")
    assert error(face, answer["face_embedding"]) < 1e-4 and error(hair, answer["hair_embedding"]) < 1e-4
    assert error(ws, answer["codes"]) < 1e-4
    assert error(torch.nn.functional.avg_pool2d(image, 16), answer["image_pool64"]) < 1e-4
    assert error(image[:, :, 480:544, 480:544], answer["image_crop"]) < 1e-4


def test_the_published_sizes_are_those_of_ffhqs_generator():
    with torch.device("meta"):
        network = Subrtova(SubrtovaConfig(num_ws=18, w_dim=512))
    millions = [sum(x.numel() for x in module.parameters()) / 1e6 for module in (network.face, network.fusion)]
    assert 40 < millions[0] < 50 and 169 < millions[1] < 171


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Subrtova(TOY).eval()


def published(network, world, folder, under=None):
    """A file in the layout of best_model.pt: the network with the toy world's generator."""
    generator = load_generator(world.generator, "cpu")
    rosinality.write(generator.state_dict(), generator.config, folder / "decoder.pt")
    decoder = torch.load(folder / "decoder.pt", weights_only=True)["g_ema"]
    state = {f"decoder.{key}": x for key, x in decoder.items()}
    for key, x in network.state_dict().items():
        prefix = next(prefix for prefix in THEIRS if key.startswith(prefix))
        state[THEIRS[prefix] + key.removeprefix(prefix)] = x
    torch.save({under: state} if under else state, folder / "best_model.pt")
    return folder / "best_model.pt"


@pytest.mark.parametrize("under", [None, "state_dict"])
def test_a_published_file_gives_its_network_and_its_generator(network, world, tmp_path, under):
    path = published(network, world, tmp_path, under)
    net = load_network(path, "cpu")
    assert net.network.config.stages == TOY.stages and net.network.config.size == 256
    face, hair = torch.rand(2, 2, 3, 256, 256, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        assert torch.allclose(net.network(face, hair), network(face, hair), atol=1e-5)
    ws = net.codes(face, hair)
    assert ws.shape == (2, 8, 12) and net.pictures(ws).shape == (2, 3, 32, 32)
    mixed = net.decode(net.encode_face(face), net.encode_hair(hair))
    assert torch.allclose(mixed, ws, atol=1e-5)


def test_a_published_file_is_refused_with_another_generator_or_without_its_own(network, world, tmp_path):
    other = Subrtova(SubrtovaConfig(num_ws=6, w_dim=12, stages=TOY.stages))
    with pytest.raises(ValueError, match="takes 8 x 12 numbers"):
        load_network(published(other, world, tmp_path), "cpu", world.generator)
    state = torch.load(tmp_path / "best_model.pt", weights_only=True)
    torch.save({k: x for k, x in state.items() if not k.startswith("decoder")}, tmp_path / "bare.pt")
    with pytest.raises(ValueError, match="lacks the decoder"):
        load_network(tmp_path / "bare.pt", "cpu")


def test_what_else_is_pickled_is_refused_and_nothing_of_it_runs(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "written"), "w"))

    (tmp_path / "evil.pt").write_bytes(pickle.dumps({"state_dict": Evil()}))
    torch.save({"state_dict": {"weight": torch.zeros(2)}}, tmp_path / "other.pt")
    for name, message in (("evil.pt", "refused"), ("other.pt", "encoder.map.0.weight")):
        with pytest.raises(ValueError, match=message):
            load_network(tmp_path / name, "cpu")
    assert not (tmp_path / "written").exists()


def test_a_file_with_parts_of_other_shapes_is_refused(network, world, tmp_path):
    path = published(network, world, tmp_path)
    state = torch.load(path, weights_only=True)
    for key, x in (("encoder.encoder_hair.linear.weight", torch.zeros(3, 3)), ("encoder.map.0.bias", "text")):
        torch.save(state | {key: x}, path)
        with pytest.raises(ValueError, match="best_model.pt .*fetch it again"):
            load_network(path, "cpu")


def test_it_is_saved_and_loaded_as_our_own_file(network, world, tmp_path):
    generator = load_generator(world.generator, "cpu")
    names = {"name": str(world.generator), "sha256": generator.sha256}
    save_hairnet(tmp_path / "hairnet.safetensors", network, names, {"command": "test"})
    net = load_network(tmp_path / "hairnet.safetensors", "cpu")
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        assert arch_of(net.network) == "subrtova" and torch.allclose(net.network(x, x), network(x, x), atol=1e-5)


def test_its_config_survives_json_and_other_sizes_are_refused():
    assert new_network("subrtova", TOY.asdict()).config == TOY
    for change in (dict(stages=[]), dict(stages=[[8, 1]]), dict(stages=[[16, 10**9]]), dict(size=1)):
        with pytest.raises(ValueError):
            SubrtovaConfig.read(TOY.asdict() | change)


def test_the_hull_of_the_landmarks_is_filled_and_nothing_else():
    corners = np.array([(10, 10), (50, 10), (50, 40), (10, 40)], np.float32)
    landmarks = np.concatenate([corners, np.full((64, 2), 25, np.float32)])[None]
    mask = hull_masks(landmarks, 64)
    assert mask.shape == (1, 1, 64, 64) and mask.sum() == 41 * 31 and mask[0, 0, 10:41, 10:51].min() == 1


def test_masked_pixels_are_black_before_scaling(network, world, tmp_path):
    net = load_network(published(network, world, tmp_path), "cpu")
    seen = {}
    net.network.hair.register_forward_pre_hook(lambda _, inputs: seen.update(hair=inputs[0]))
    net.network.face.register_forward_pre_hook(lambda _, inputs: seen.update(face=inputs[0]))
    images = torch.rand(1, 3, 256, 256) * 0.5 + 0.25
    net.codes(images, images)
    inside = seen["face"] != -1
    assert torch.equal(inside, seen["hair"] == -1) and 0.02 < inside.float().mean() < 0.9
    assert torch.allclose(torch.where(inside, seen["face"], seen["hair"]), images, atol=1e-6)
