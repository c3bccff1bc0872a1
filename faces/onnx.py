"""Face networks from ONNX files as PyTorch modules: differentiable, on any device, without an ONNX library.

Only what the ArcFace networks of insightface (`w600k_r50.onnx`) and their mobile relatives are made of: convolutions,
normalisations, activations, sums and a linear layer at the end. A file is read as data; nothing in it is executed, and
weights beside it (`external_data`) are read from its own folder alone. Format: onnx/onnx.proto3, the numbers below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

TYPES = {1: "<f4", 6: "<i4", 7: "<i8", 10: "<f2", 11: "<f8"}  # TensorProto.DataType -> numpy
FLOAT, INTS, EXTERNAL = 1, 7, 1  # AttributeProto.FLOAT, .INTS; TensorProto.EXTERNAL


@dataclass(frozen=True)
class Node:
    """One operation: its kind, the names of its inputs ("" where one is left out) and output, its attributes."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]


def _fields(data: memoryview) -> Iterator[tuple[int, Any]]:
    """(number, value) of each field of a protobuf message: int for varints, memoryview for everything else."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        kind = key & 7
        if kind == 0:
            value, place = _varint(data, place)
            yield key >> 3, value
            continue
        if kind == 2:
            length, place = _varint(data, place)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if place + length > len(data):
            raise ValueError("a field longer than its message")
        yield key >> 3, data[place : place + length]
        place += length


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        byte = data[place]
        number |= (byte & 127) << shift
        place += 1
        if byte < 128:
            return number - (1 << 64) if number >= 1 << 63 else number, place
    raise ValueError("a number of more than ten bytes")


def _text(value: Any) -> str:
    return bytes(value).decode()


def _numbers(value: Any) -> list[int]:
    """A repeated integer field: one number, or packed into bytes."""
    if isinstance(value, int):
        return [value]
    numbers, place = [], 0
    while place < len(value):
        number, place = _varint(value, place)
        numbers.append(number)
    return numbers


def _tensor(data: memoryview, folder: Path) -> tuple[str, Tensor]:
    """A TensorProto: its name and values."""
    shape: list[int] = []
    name, kind, raw, where, place = "", 0, b"", {}, 0
    for number, value in _fields(data):
        if number == 1:
            shape += _numbers(value)
        elif number == 2:
            kind = value
        elif number == 8:
            name = _text(value)
        elif number in (4, 7, 9):  # float_data, raw_data; int64_data is packed varints
            raw = np.array(_numbers(value), "<i8").tobytes() if number == 7 else bytes(value)
        elif number == 13:
            entry = dict(_fields(value))
            where[_text(entry[1])] = _text(entry[2])
        elif number == 14:
            place = value
    if place == EXTERNAL:
        raw = _external(where, folder)
    values = np.frombuffer(raw, TYPES[kind]).reshape(shape)
    return name, torch.from_numpy(values.astype(np.float32 if values.dtype.kind == "f" else np.int64))


def _external(where: dict[str, str], folder: Path) -> bytes:
    if Path(where["location"]).name != where["location"]:
        raise ValueError(f"weights at {where['location']!r}, outside its folder")
    with open(folder / where["location"], "rb") as file:
        file.seek(int(where.get("offset", 0)))
        return file.read(int(where.get("length", -1)))


def _attribute(data: memoryview, folder: Path) -> tuple[str, Any]:
    """An AttributeProto: its name and its float, integer, text, list of integers or tensor."""
    name, numbers = "", []
    value: Any = None
    for number, content in _fields(data):
        if number == 1:
            name = _text(content)
        elif number == 2:
            value = float(np.frombuffer(content, "<f4")[0])
        elif number == 3:
            value = content
        elif number == 4:
            value = _text(content)
        elif number == 5:
            value = _tensor(content, folder)[1]
        elif number == 8:
            numbers += _numbers(content)
    return name, numbers or value


def _node(data: memoryview, folder: Path) -> Node:
    lists: dict[int, list[Any]] = {1: [], 2: [], 4: [], 5: []}
    for number, value in _fields(data):
        if number in lists:
            lists[number].append(_attribute(value, folder) if number == 5 else _text(value))
    return Node(lists[4][0], tuple(lists[1]), lists[2][0], dict(lists[5]))


def _conv(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    at = node.attributes
    top, left, bottom, right = at.get("pads", [0, 0, 0, 0])
    if (top, left) != (bottom, right):
        x, top, left = F.pad(x, (left, right, top, bottom)), 0, 0
    strides, dilations = at.get("strides", [1, 1]), at.get("dilations", [1, 1])
    return F.conv2d(x, weight, bias, tuple(strides), (top, left), tuple(dilations), at.get("group", 1))


def _batch_norm(node: Node, x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    return F.batch_norm(x, mean, variance, scale, bias, eps=node.attributes.get("epsilon", 1e-5))


def _gemm(node: Node, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    at = node.attributes
    a, b = (a.T if at.get("transA") else a), (b.T if at.get("transB") else b)
    y = at.get("alpha", 1.0) * (a @ b)
    return y if c is None else y + at.get("beta", 1.0) * c


def _clip(node: Node, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    at = node.attributes  # before version 11 the limits are attributes
    return torch.clamp(x, at.get("min") if low is None else low, at.get("max") if high is None else high)


def _prelu(node: Node, x: Tensor, slope: Tensor) -> Tensor:
    return torch.where(x < 0, x * slope, x)


def _reshape(node: Node, x: Tensor, shape: Tensor) -> Tensor:
    # files are written for one picture: the first number is that batch, here any
    return x.reshape(len(x), *shape.tolist()[1:])


OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "Add": lambda node, a, b: a + b,
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Constant": lambda node: node.attributes["value"],
    "Conv": _conv,
    "Div": lambda node, a, b: a / b,
    "Dropout": lambda node, x, *_: x,
    "Flatten": lambda node, x: x.flatten(1),
    "Gemm": _gemm,
    "GlobalAveragePool": lambda node, x: x.mean((2, 3), keepdim=True),
    "Identity": lambda node, x: x,
    "MatMul": lambda node, a, b: a @ b,
    "Mul": lambda node, a, b: a * b,
    "PRelu": _prelu,
    "Relu": lambda node, x: F.relu(x),
    "Reshape": _reshape,
    "Sigmoid": lambda node, x: torch.sigmoid(x),
    "Sub": lambda node, a, b: a - b,
}
# What an operation reads, and what it may say since it changes nothing here: None is any value.
READ: dict[str, set[str]] = {
    "BatchNormalization": {"epsilon"},
    "Clip": {"min", "max"},
    "Constant": {"value"},
    "Conv": {"pads", "strides", "dilations", "group"},
    "Gemm": {"transA", "transB", "alpha", "beta"},
}
USUAL: dict[str, dict[str, Any]] = {
    "BatchNormalization": {"momentum": None, "spatial": 1, "training_mode": 0},
    "Conv": {"auto_pad": "NOTSET", "kernel_shape": None},
    "Dropout": {"ratio": None, "seed": None},
    "Flatten": {"axis": 1},
    "Reshape": {"allowzero": 0},
}


class OnnxNetwork(nn.Module):
    """An ONNX graph with a picture (N, 3, H, W) in and a vector (N, D) out; `size` is the H = W that it asks for."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        try:
            self.nodes, tensors, self.source, self.size, self.result = _read(path)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, OSError) as error:
            raise ValueError(f"{path} is not a whole ONNX file of a face network ({error}): fetch it again") from error
        strange = sorted({node.kind for node in self.nodes} - set(OPERATIONS))
        if strange:
            raise ValueError(f"{path} uses {', '.join(strange)}: only plain convolutional embedders can be read")
        if unread := sorted({f"{name} of {node.kind}" for node in self.nodes for name in _unread(node)}):
            raise ValueError(f"{path} uses {', '.join(unread)}: only plain convolutional embedders can be read")
        self.names = {name: f"tensor_{k}" for k, name in enumerate(tensors)}
        for name, value in tensors.items():
            self.register_buffer(self.names[name], value)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, size, size) -> (N, D), as the file says."""
        values: dict[str, Any] = {name: getattr(self, held) for name, held in self.names.items()}
        values |= {self.source: x, "": None}
        for node in self.nodes:
            values[node.output] = OPERATIONS[node.kind](node, *(values[name] for name in node.inputs))
        return values[self.result]


def _unread(node: Node) -> list[str]:
    """The attributes of a node that would change its result, were they not ignored."""
    usual = USUAL.get(node.kind, {})
    return [
        name
        for name, value in node.attributes.items()
        if name not in READ.get(node.kind, ()) and not (name in usual and usual[name] in (None, value))
    ]


def _read(path: Path) -> tuple[list[Node], dict[str, Tensor], str, int, str]:
    """(nodes in order, named tensors, name of the input, its side in pixels, name of the output) of a file."""
    graphs = [value for number, value in _fields(memoryview(path.read_bytes())) if number == 7]
    parts: dict[int, list[Any]] = {1: [], 5: [], 11: [], 12: []}
    for number, value in _fields(graphs[0]):
        if number in parts:
            parts[number].append(value)
    tensors = dict(_tensor(value, path.parent) for value in parts[5])
    nodes = [_node(value, path.parent) for value in parts[1]]
    for node in [node for node in nodes if node.kind == "Constant"]:
        tensors[node.output] = node.attributes["value"]
    nodes = [node for node in nodes if node.kind != "Constant"]
    inputs = [value for value in parts[11] if _text(dict(_fields(value))[1]) not in tensors]
    if len(inputs) != 1 or len(parts[12]) != 1:
        raise ValueError(f"{len(inputs)} inputs and {len(parts[12])} outputs")
    picture = dict(_fields(inputs[0]))
    shape = dict(_fields(dict(_fields(picture[2]))[1]))[2]  # ValueInfo.type.tensor_type.shape
    sides = [dict(_fields(value)).get(1, 0) for number, value in _fields(shape) if number == 1]
    if len(sides) != 4 or sides[1] != 3 or sides[2] != sides[3] or not 32 <= sides[2] <= 1024:
        raise ValueError(f"an input of shape {sides}")
    return nodes, tensors, _text(picture[1]), sides[2], _text(dict(_fields(parts[12][0]))[1])
