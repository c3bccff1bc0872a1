"""Reads a pickle of NVIDIA's networks as plain data: nothing that it names is imported, nothing in it is executed.

A pickle is a program that calls what it names. Here the few names that these files need stand for functions of this
module that only note their arguments; every other name is refused. Two holes that such readers commonly leave open:

- NVIDIA's classes travel as source text for `exec`: here the text is hashed and dropped (Record).
- `torch.storage._load_from_bytes` holds a second pickle in its argument, which torch's own function would read freely:
  here it is read with `weights_only`.
"""

from __future__ import annotations

import hashlib
import io
import math
import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor


class Refused(Exception):
    """The pickle asks for something that no StyleGAN2 checkpoint needs; the text says what."""


@dataclass(frozen=True)
class Record:
    """One object of a class that is not loaded: its name, its attributes, and the sha256 of the class's source text."""

    class_name: str
    version: int
    state: dict[str, Any]
    source_sha256: str


def read_pickle(path: Path) -> Any:
    """The content of a pickle: dicts, lists, numbers, text, tensors on the CPU, Records."""
    try:
        with open(path, "rb") as file:
            return _InertUnpickler(file).load()
    except Refused as error:
        raise ValueError(f"{path} is refused, nothing of it was run: {error}") from error
    except Exception as error:  # a damaged or forged pickle can raise anything
        raise ValueError(f"{path} is a truncated or damaged pickle ({first_words(error)}): fetch it again") from error


def first_words(error: Exception) -> str:
    """The first sentence of an error of torch or pickle, or its type; torch's go on for a page."""
    text = str(error).strip().split("\n")[0].split(". ")[0]
    return text[:200].rstrip(".") or type(error).__name__


class _InertUnpickler(pickle.Unpickler):
    """Knows ten names. What it gives for them can be called, but not changed for files read later."""

    def __init__(self, file: io.BufferedReader):
        super().__init__(file)
        self._allowed: dict[str, Any] = {
            "torch_utils.persistence._reconstruct_persistent_obj": _Call(_record),
            "torch.storage._load_from_bytes": _Call(_storage),
            "torch._utils._rebuild_tensor_v2": _Call(_tensor),
            "torch._utils._rebuild_parameter": _Call(_parameter),
            "numpy.dtype": _Call(_Dtype),
            "numpy.core.multiarray.scalar": _Call(_scalar),
            "numpy._core.multiarray.scalar": _Call(_scalar),
            "collections.OrderedDict": OrderedDict,
            "builtins.set": set,
            "__builtin__.set": set,
            "dnnlib.util.EasyDict": type("EasyDict", (dict,), {}),
        }

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full == "dnnlib.tflib.network.Network":
            raise Refused("it is a TensorFlow network; convert it to PyTorch first with NVIDIA's legacy.py")
        if full not in self._allowed:
            raise Refused(f"it asks for {full}, which no StyleGAN2 checkpoint needs; get the file from its makers")
        return self._allowed[full]


class _Call:
    """A function that a pickle can call but, other than a plain function, not attach attributes to."""

    __slots__ = ("_function",)
    _function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]):
        object.__setattr__(self, "_function", function)

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setattr__(self, name: str, value: Any) -> None:
        raise Refused(f"it sets the attribute {name} of a function; get the file from its makers")


class _Dtype:
    """Stands for numpy.dtype: keeps the type's code, such as "f4", and ignores the rest."""

    def __init__(self, code: str, *flags: Any):
        self.code = code

    def __setstate__(self, state: Any) -> None:
        pass


def _scalar(dtype: _Dtype, raw: bytes) -> float | int | bool:
    """Stands for numpy's scalar: the number in `raw`."""
    if not isinstance(dtype, _Dtype) or dtype.code not in ("f2", "f4", "f8", "i4", "i8", "u1", "b1"):
        raise Refused("it has a numpy scalar that is not a number")
    return np.frombuffer(raw, dtype="<" + dtype.code, count=1)[0].item()


def _record(meta: dict[str, Any]) -> Record:
    """Stands for NVIDIA's _reconstruct_persistent_obj, which would execute meta["module_src"]."""
    if meta["type"] != "class":
        raise Refused(f"it has an embedded object of type {meta['type']!r} instead of a class")
    source = str(meta["module_src"]).encode("utf-8", "replace")
    return Record(str(meta["class_name"]), int(meta["version"]), meta["state"], hashlib.sha256(source).hexdigest())


def _storage(blob: bytes) -> Tensor:
    """Stands for torch.storage._load_from_bytes: the numbers of one tensor, from a nested torch.save, as (N,)."""
    try:
        storage = torch.load(io.BytesIO(blob), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise Refused("the data of one of its tensors is not plain numbers; get the file from its makers") from error
    if not isinstance(storage, torch.TypedStorage):
        raise Refused("the data of one of its tensors is not plain numbers; get the file from its makers")
    return torch.empty(0, dtype=storage.dtype).set_(storage)


def _tensor(flat: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    """Stands for torch's _rebuild_tensor_v2; a view that reaches outside its data or repeats it is refused."""
    if not isinstance(flat, Tensor) or flat.ndim != 1 or len(size) != len(stride):
        raise Refused("one of its tensors has no data")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if offset < 0 or min((0, *size, *stride)) < 0 or last >= len(flat) or math.prod(size) > len(flat):
        raise Refused("one of its tensors is larger than its data")
    return flat.as_strided(size, stride, offset)


def _parameter(data: Tensor, *_: Any) -> Tensor:
    """Stands for torch's _rebuild_parameter: the tensor itself."""
    if not isinstance(data, Tensor):
        raise Refused("one of its parameters is not a tensor")
    return data
