"""Loading and saving generators."""

import json
from pathlib import Path

import pytest
import torch

from data.files import sha256
from data.images import to_uint8
from data.weights import load_network, save_network
from synth import latents, load_generator
from synth.generator import precision_error, save_generator
from synth.networks import Generator


@pytest.fixture
def path(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    generator = Generator(8, 12, 16, 2, 128, 16, conv_clamp=3.0, lr_multiplier=0.5)
    generator.mapping.w_avg.normal_()
    save_generator(generator, tmp_path / "network.safetensors", {"command": "test", "seed": 0})
    return tmp_path / "network.safetensors"


def test_what_was_saved_gives_the_same_pictures(path):
    torch.manual_seed(0)
    made = Generator(8, 12, 16, 2, 128, 16, conv_clamp=3.0, lr_multiplier=0.5)
    read = load_generator(path, device="cpu")
    z = latents([0, 1], 8)
    assert torch.equal(read.synthesis(read.mapping(z)), made.synthesis(made.mapping(z)))
    assert read.config["recipe"] == {"command": "test", "seed": 0} and read.config["kind"] == "generator"
    assert (read.z_dim, read.w_dim, read.num_ws, read.resolution) == (8, 12, 6, 16)
    assert read.sha256 == sha256(path)


def test_a_loaded_generator_is_frozen_but_pictures_have_gradients_in_ws(path):
    read = load_generator(path, device="cpu")
    assert not read.training and not any(p.requires_grad for p in read.parameters())
    ws = read.mapping(latents([0], 8)).clone().requires_grad_()
    read.synthesis(ws).square().sum().backward()
    assert (ws.grad.abs().sum(dim=(0, 2)) > 0).all()


def test_loading_leaves_the_callers_random_stream_alone(path):
    torch.manual_seed(5)
    expected = torch.randn(3)
    torch.manual_seed(5)
    load_generator(path, device="cpu")
    assert torch.equal(torch.randn(3), expected)


def test_the_content_decides_not_the_suffix(path):
    moved = path.rename(path.with_suffix(".pkl"))
    assert load_generator(moved, device="cpu").resolution == 16


@pytest.mark.parametrize("content", [b"", b"\x80", b"hello, this is text", b"<html>404</html>", bytes(100)])
def test_files_that_are_no_checkpoint_are_refused(tmp_path, content):
    (tmp_path / "file.pkl").write_bytes(content)
    with pytest.raises(ValueError, match="file.pkl is (no generator checkpoint|a truncated or damaged checkpoint)"):
        load_generator(tmp_path / "file.pkl")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent.pkl"):
        load_generator(tmp_path / "absent.pkl")


def test_a_truncated_file_is_refused(path):
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        load_generator(path)


def test_a_network_of_another_kind_is_refused(tmp_path):
    save_network(tmp_path / "parser.safetensors", {"w": torch.ones(1)}, {"kind": "parser", "recipe": {}})
    with pytest.raises(ValueError, match="kind 'parser': give one of kind 'generator'"):
        load_generator(tmp_path / "parser.safetensors")


FORGED = {
    "resolution": 1024,
    "z_dim": 10**12,
    "mapping_layers": 10**9,
    "channel_base": "many",
    "channel_max": None,
    "conv_clamp": -1,
    "lr_multiplier": None,
    "c_dim": 7,
}


@pytest.mark.parametrize("name", FORGED)
def test_a_config_that_its_tensors_contradict_is_refused(path, name):
    tensors, config = load_network(path)
    save_network(path, tensors, config | {name: FORGED[name]})
    with pytest.raises(ValueError, match=name):
        load_generator(path)


def test_a_config_of_giant_layers_is_refused_without_making_them(path):
    tensors, config = load_network(path)
    save_network(path, tensors, config | {"channel_base": 10**12, "channel_max": 10**9})
    with pytest.raises(ValueError, match="1000000000"):
        load_generator(path)


def test_a_tensor_of_another_shape_or_type_is_refused(path):
    tensors, config = load_network(path)
    for changed in (torch.ones(5), torch.ones(16, dtype=torch.float16)):
        save_network(path, tensors | {"synthesis.b8.conv1.bias": changed}, config)
        with pytest.raises(ValueError, match="has synthesis.b8.conv1.bias as"):
            load_generator(path)


def test_a_safetensors_file_of_another_program_is_refused(tmp_path):
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "other.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(ValueError, match="without our config"):
        load_generator(tmp_path / "other.safetensors")


@pytest.mark.gpu
def test_pictures_on_a_gpu_are_those_of_the_cpu(path, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    here, there = load_generator(path, device="cpu"), load_generator(path)
    z = latents(range(4), 8)
    image = there.synthesis(there.mapping(z.cuda(), psi=0.7))
    assert image.is_cuda
    assert (image.cpu() - here.synthesis(here.mapping(z, psi=0.7))).abs().max() < 1e-4


@pytest.mark.gpu
@pytest.mark.parametrize("dtype, limit", [("fp32", 1), ("fp16", 2), ("bf16", 24)])
def test_grey_levels_on_a_gpu_are_near_those_of_the_cpu(tmp_path, monkeypatch, dtype, limit):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    torch.manual_seed(0)
    generator = Generator(64, 64, 64, 2, 1024, 64, conv_clamp=256.0, num_fp16_res=2)
    save_generator(generator, tmp_path / "network.safetensors", {})
    here = load_generator(tmp_path / "network.safetensors", device="cpu")
    there = load_generator(tmp_path / "network.safetensors", device="cuda", dtype=dtype)
    ws = here.mapping(latents(range(4), 64), psi=0.7)
    exact = to_uint8(here.synthesis(ws)).astype(int)
    assert abs(to_uint8(there.synthesis(ws.cuda())).astype(int) - exact).max() <= limit


def test_a_precision_that_does_not_exist_is_refused(path):
    with pytest.raises(ValueError, match="dtype is 'fp8'; it must be one of fp32, fp16, bf16"):
        load_generator(path, dtype="fp8")


def test_the_error_of_a_precision_is_measured_and_leaves_it_as_it_was(path):
    rough = load_generator(path, device="cpu", dtype="bf16")
    ws = rough.mapping(latents([0, 1], 8))
    error = precision_error(rough, ws)
    exact = load_generator(path, device="cpu").synthesis(ws)
    assert error["largest"] == pytest.approx((rough.synthesis(ws) - exact).abs().max().item())
    assert 0 < error["rms"] < error["largest"] and rough.synthesis.precision == "bf16"
