"""The few names that checkpoints need, and what stands for them; nothing of a file is imported or executed.

Two holes that readers of such files commonly leave open:

- NVIDIA's classes travel as source text for `exec`: here the text is hashed and dropped (Record).
- `torch.storage._load_from_bytes` holds a second pickle in its argument, which torch's own function would read freely:
  here it is read by the same machine.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synth.formats.machine import Refused, Restored, plain_key

NUMBERS = ("f2", "f4", "f8", "i4", "i8", "u1", "b1")  # numpy's codes of what is read


@dataclass(frozen=True)
class Record:
    """One object of a class that is not loaded: its name, its attributes, and the sha256 of the class's source text."""

    class_name: str
    version: int
    state: dict[str, Any]
    source_sha256: str


class Network(Restored):
    """A network of NVIDIA's TensorFlow code (dnnlib.tflib): its state, which would bring source text to execute."""

    state: dict[str, Any] = {}

    def restore(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise Refused("it has a network without a state")
        self.state = state


class Namespace(Restored):
    """Stands for argparse.Namespace, a program's command line, which is dropped."""

    def restore(self, state: Any) -> None:
        pass


class Dtype(Restored):
    """Stands for numpy.dtype: keeps the type's code, such as "f4"."""

    def __init__(self, code: str, *flags: Any):
        if code not in NUMBERS:
            raise Refused(f"it has numpy data of type {code!r}, not numbers")
        self.code = "<" + code

    def restore(self, state: Any) -> None:
        if state[1] == ">":
            raise Refused("it has numbers of a machine of another byte order")


class Array(Restored):
    """Stands for a numpy array as it is unpickled: empty first, then filled."""

    value: np.ndarray = np.empty(0)

    def restore(self, state: Any) -> None:
        _, shape, dtype, fortran, raw = state
        values = numbers(dtype, raw)
        if type(shape) is not tuple or min((0, *shape)) < 0 or math.prod(shape) != len(values):
            raise Refused("one of its arrays is larger than its data")
        self.value = values.reshape(shape, order="F" if fortran else "C")


def numbers(dtype: Any, raw: Any) -> np.ndarray:
    """(N,) the numbers in `raw`."""
    if not isinstance(dtype, Dtype) or not isinstance(raw, bytes):
        raise Refused("it has numpy data that are not numbers")
    return np.frombuffer(raw, dtype.code)


def scalar(dtype: Any, raw: Any) -> float | int | bool:
    """Stands for numpy's scalar: the number in `raw`."""
    (value,) = numbers(dtype, raw)
    return value.item()


def record(meta: dict[str, Any]) -> Record:
    """Stands for NVIDIA's _reconstruct_persistent_obj, which would execute meta["module_src"]."""
    if meta["type"] != "class" or not isinstance(meta["state"], dict):
        raise Refused(f"it has an embedded object of type {meta['type']!r} instead of a class")
    source = str(meta["module_src"]).encode("utf-8", "replace")
    return Record(str(meta["class_name"]), int(meta["version"]), meta["state"], hashlib.sha256(source).hexdigest())


def tensor(flat: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    """Stands for torch's _rebuild_tensor_v2; a view that reaches outside its data or repeats it is refused."""
    if not isinstance(flat, Tensor) or flat.ndim != 1 or len(size) != len(stride):
        raise Refused("one of its tensors has no data")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if offset < 0 or min((0, *size, *stride)) < 0 or last >= len(flat) or math.prod(size) > len(flat):
        raise Refused("one of its tensors is larger than its data")
    return flat.as_strided(size, stride, offset)


def parameter(data: Tensor, *_: Any) -> Tensor:
    """Stands for torch's _rebuild_parameter: the tensor itself."""
    if not isinstance(data, Tensor):
        raise Refused("one of its parameters is not a tensor")
    return data


def latin(text: str, encoding: str) -> bytes:
    """Stands for _codecs.encode, by which old protocols spell bytes."""
    if encoding != "latin1":
        raise Refused(f"it has bytes as text in {encoding}")
    return text.encode(encoding)


def mapping(items: Any = ()) -> dict[Any, Any]:
    """Stands for OrderedDict and EasyDict."""
    return {plain_key(key): value for key, value in items}


STORAGES = {
    "torch.FloatStorage": torch.float32,
    "torch.DoubleStorage": torch.float64,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}
NAMES: dict[str, Any] = {
    "torch_utils.persistence._reconstruct_persistent_obj": record,
    "torch._utils._rebuild_tensor_v2": tensor,
    "torch._utils._rebuild_parameter": parameter,
    "torch.Size": lambda items: tuple(items),
    "torch.device": lambda *words: None,
    "numpy.dtype": Dtype,
    "numpy.core.multiarray.scalar": scalar,
    "numpy._core.multiarray.scalar": scalar,
    "numpy.core.multiarray._reconstruct": lambda *_: Array(),
    "numpy._core.multiarray._reconstruct": lambda *_: Array(),
    "numpy.ndarray": None,
    "collections.OrderedDict": mapping,
    "builtins.set": lambda items=(): {plain_key(item) for item in items},
    "__builtin__.set": lambda items=(): {plain_key(item) for item in items},
    "_codecs.encode": latin,
    "dnnlib.util.EasyDict": mapping,
    "dnnlib.tflib.network.Network": Network,
    "argparse.Namespace": Namespace,
    **dict.fromkeys(STORAGES),
}
