"""ONNX embedders: the answers of onnxruntime, gradients, batches; broken and foreign files are refused."""

import numpy as np
import pytest
import torch

from faces import load_embedder
from faces.onnx import OnnxNetwork
from tests.faces.onnx_file import field, model, node, small_weights, write_embedder


@pytest.fixture
def weights() -> dict[str, np.ndarray]:
    return small_weights()


@pytest.fixture
def file(tmp_path):
    return write_embedder(tmp_path / "net.onnx")


def test_the_operations_are_those_of_the_standard(file, weights):
    w = {name: torch.from_numpy(value) for name, value in weights.items()}
    x = torch.randn(5, 3, 32, 32)
    a = torch.nn.functional.conv2d(x, w["k"], None, 2, 1)
    per_channel = {name: w[name].view(8, 1, 1) for name in "sbmv"}
    n = (a - per_channel["m"]) / (per_channel["v"] + 1e-3).sqrt() * per_channel["s"] + per_channel["b"]
    r = torch.where(n < 0, n * w["p"], n)
    assert torch.allclose(OnnxNetwork(file)(x), 2 * r.mean((2, 3)) @ w["g"].T + w["c"], atol=1e-4)


def test_a_file_is_an_embedder_with_gradients(file):
    embedder = load_embedder(file, device="cpu")
    x = (torch.rand(2, 3, 64, 64) * 2 - 1).requires_grad_()
    vectors = embedder(x)
    assert vectors.shape == (2, 4) and torch.allclose(vectors.norm(dim=1), torch.ones(2))
    vectors[:, 0].sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0


def test_a_public_network_answers_as_onnxruntime(shared):
    runtime = pytest.importorskip("onnxruntime")
    path = shared / "material/weights/MobileFaceNet.onnx"
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    x = torch.randn(2, 3, 112, 112)
    reference = np.concatenate([session.run(None, {"input0": one[None].numpy()})[0] for one in x])
    network = OnnxNetwork(path)
    assert network.size == 112
    ours = network(x).numpy()
    assert np.linalg.norm(ours - reference) / np.linalg.norm(reference) < 1e-5


def test_unknown_operations_are_named(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(model([node("LSTM", "x", "y")], []))
    with pytest.raises(ValueError, match="uses LSTM"):
        OnnxNetwork(path)


@pytest.mark.parametrize(
    ("kind", "attributes", "said"),
    [
        ("Conv", {"auto_pad": "SAME_UPPER"}, "auto_pad of Conv"),
        ("Conv", {"pads": [1, 1, 1, 1], "novelty": 3}, "novelty of Conv"),
        ("Flatten", {"axis": 2}, "axis of Flatten"),
        ("BatchNormalization", {"training_mode": 1}, "training_mode of BatchNormalization"),
    ],
)
def test_attributes_that_are_not_implemented_are_refused(tmp_path, kind, attributes, said):
    path = write_embedder(tmp_path / "net.onnx", **{kind: attributes})
    with pytest.raises(ValueError, match=f"net.onnx uses {said}"):
        OnnxNetwork(path)


def test_attributes_that_say_the_usual_change_nothing(file, tmp_path):
    usual = write_embedder(
        tmp_path / "usual.onnx",
        Conv={"auto_pad": "NOTSET", "pads": [1] * 4, "strides": [2, 2], "dilations": [1, 1], "kernel_shape": [3, 3]},
        Flatten={"axis": 1},
        BatchNormalization={"epsilon": 1e-3, "momentum": 0.9, "training_mode": 0},
    )
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(OnnxNetwork(usual)(x), OnnxNetwork(file)(x))


def test_broken_files_are_refused_in_one_sentence(file, tmp_path):
    whole = file.read_bytes()
    path = tmp_path / "broken.onnx"
    for content in (b"", b"not a network", whole[:100], whole[:-30], model([], [], side=8), b"\xff" * 200):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="not a whole ONNX file"):
            OnnxNetwork(path)


def test_weights_outside_the_files_folder_are_not_read(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(400))
    entry = field(1, "location") + field(2, "../secret")
    outside = field(1, 4) + field(2, 1) + field(8, "g") + field(13, entry) + field(14, 1)
    (tmp_path / "inner").mkdir()
    path = tmp_path / "inner" / "net.onnx"
    path.write_bytes(model([node("Add", "x g", "y")], [outside]))
    with pytest.raises(ValueError, match="outside its folder"):
        OnnxNetwork(path)
