"""ONNX embedders: the answers of onnxruntime, gradients, batches; broken and foreign files are refused."""

import struct

import numpy as np
import pytest
import torch

from faces import load_embedder
from faces.onnx import OnnxNetwork


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number: int, value) -> bytes:
    """One protobuf field: integers as varints, everything else by length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name: str, values: np.ndarray) -> bytes:
    values = np.asarray(values, np.float32)
    return b"".join(field(1, n) for n in values.shape) + field(2, 1) + field(8, name) + field(9, values.tobytes())


def attribute(name: str, value) -> bytes:
    if isinstance(value, float):
        return field(1, name) + varint(2 << 3 | 5) + struct.pack("<f", value)
    return field(1, name) + (field(3, value) if isinstance(value, int) else b"".join(field(8, n) for n in value))


def node(kind: str, inputs: str, output: str, **attributes) -> bytes:
    body = b"".join(field(1, name) for name in inputs.split()) + field(2, output) + field(4, kind)
    return body + b"".join(field(5, attribute(name, value)) for name, value in attributes.items())


def value_info(name: str, shape: tuple[int, ...]) -> bytes:
    dimensions = b"".join(field(1, field(1, n)) for n in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dimensions)))


def model(nodes: list[bytes], tensors: list[bytes], side: int = 32) -> bytes:
    graph = b"".join(field(1, n) for n in nodes) + b"".join(field(5, t) for t in tensors)
    return field(7, graph + field(11, value_info("x", (1, 3, side, side))) + field(12, value_info("y", (1, 4))))


@pytest.fixture
def weights() -> dict[str, np.ndarray]:
    random = np.random.RandomState(0)
    shapes = {"k": (8, 3, 3, 3), "s": (8,), "b": (8,), "m": (8,), "p": (8, 1, 1), "g": (4, 8), "c": (4,)}
    drawn = {name: random.randn(*shape).astype(np.float32) for name, shape in shapes.items()}
    return drawn | {"v": np.abs(random.randn(8)).astype(np.float32)}


@pytest.fixture
def file(weights, tmp_path):
    nodes = [
        node("Conv", "x k", "a", pads=[1, 1, 1, 1], strides=[2, 2], group=1),
        node("BatchNormalization", "a s b m v", "n", epsilon=1e-3),
        node("PRelu", "n p", "r"),
        node("GlobalAveragePool", "r", "q"),
        node("Flatten", "q", "f"),
        node("Gemm", "f g c", "y", transB=1, alpha=2.0),
    ]
    path = tmp_path / "net.onnx"
    path.write_bytes(model(nodes, [tensor(name, value) for name, value in weights.items()]))
    return path


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
