"""Small ONNX files, written byte by byte: face embedders of random weights."""

import struct
from pathlib import Path

import numpy as np


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
    if isinstance(value, str):
        return field(1, name) + field(4, value)
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


def small_weights() -> dict[str, np.ndarray]:
    """Convolution, normalisation, PReLU and linear layer of `write_embedder`."""
    random = np.random.RandomState(0)
    shapes = {"k": (8, 3, 3, 3), "s": (8,), "b": (8,), "m": (8,), "p": (8, 1, 1), "g": (4, 8), "c": (4,)}
    drawn = {name: random.randn(*shape).astype(np.float32) for name, shape in shapes.items()}
    return drawn | {"v": np.abs(random.randn(8)).astype(np.float32)}


def write_embedder(path: Path, **changes: dict) -> Path:
    """An embedder of 32 px faces with 4 numbers; `changes`: attributes of its nodes by kind, instead of the usual."""
    attributes: dict[str, dict] = {"Conv": dict(pads=[1, 1, 1, 1], strides=[2, 2], group=1), "Flatten": {}}
    attributes |= {"BatchNormalization": dict(epsilon=1e-3), "Gemm": dict(transB=1, alpha=2.0)} | changes
    nodes = [
        node("Conv", "x k", "a", **attributes["Conv"]),
        node("BatchNormalization", "a s b m v", "n", **attributes["BatchNormalization"]),
        node("PRelu", "n p", "r"),
        node("GlobalAveragePool", "r", "q"),
        node("Flatten", "q", "f", **attributes["Flatten"]),
        node("Gemm", "f g c", "y", **attributes["Gemm"]),
    ]
    path.write_bytes(model(nodes, [tensor(name, value) for name, value in small_weights().items()]))
    return path
