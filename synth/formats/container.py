"""Files that hold pickled networks: bare pickles and torch.save's two layouts; their content as plain data.

No tensor is made that the file does not hold: storages are views of the mapped file, within its bounds, uncompressed.
"""

from __future__ import annotations

import functools
import io
import mmap
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

import torch
from torch import Tensor

from synth.formats.inert import NAMES, STORAGES
from synth.formats.machine import Name, Refused, read

ZIP = b"PK\x03\x04"  # torch.save since 1.6
OLD_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # torch.save before: its magic number, pickled
PICKLE = b"\x80"  # the protocol opcode: every pickle since Python 2.3


def read_content(path: Path) -> Any:
    """What was pickled: dicts, lists, numbers, text, tensors on the CPU, Records; ValueError with the reason if not."""
    try:
        with open(path, "rb") as file:
            # A copy-on-write map: reading costs nothing before a tensor is used, and no tensor can change the file.
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        return _content(data)
    except Refused as error:
        raise ValueError(f"{path} is refused, nothing of it was run: {error}; get the file from its makers") from error
    except Exception as error:  # a damaged or forged file can raise anything
        words = str(error).strip().split("\n")[0][:200] or type(error).__name__
        raise ValueError(f"{path} is a truncated or damaged checkpoint ({words}): fetch it again") from error


def _content(data: mmap.mmap) -> Any:
    if data[:4] == ZIP:
        return _zip_content(data)
    stream = cast(IO[bytes], data)
    if data[: len(OLD_TORCH)] == OLD_TORCH:
        return _old_torch_content(stream, len(data))
    return _read(stream, _no_storage)


def _read(stream: IO[bytes], persistent: Callable[[Any], Any]) -> Any:
    return read(stream, {**NAMES, "torch.storage._load_from_bytes": _nested}, persistent)


def _nested(blob: bytes) -> Any:
    """Stands for torch.storage._load_from_bytes: the numbers of one tensor, (N,), from a torch file within the file."""
    if not isinstance(blob, bytes) or blob[: len(OLD_TORCH)] != OLD_TORCH:
        raise Refused("the data of one of its tensors is not a torch file")
    flat = _old_torch_content(io.BytesIO(blob), len(blob))
    if not isinstance(flat, Tensor) or flat.ndim != 1:
        raise Refused("the data of one of its tensors is not plain numbers")
    return flat


def _old_torch_content(stream: IO[bytes], size: int) -> Any:
    """A magic number, a version, the machine; then the content, the keys of its storages, and their numbers in turn."""
    storages: dict[str, Tensor] = {}
    room = [size]  # bytes that storages may still take

    def storage(key: Any, dtype: torch.dtype, count: int, *view: Any) -> Tensor:
        if view != (None,):
            raise Refused("it has storages that are views")
        if key not in storages:
            room[0] -= count * dtype.itemsize
            if room[0] < 0:
                raise Refused("one of its tensors is larger than the file")
            storages[key] = torch.zeros(count, dtype=dtype)
        return storages[key]

    stream.seek(len(OLD_TORCH))  # the magic number is larger than numbers may be
    _, machine = (_read(stream, _no_storage) for _ in range(2))
    if machine["little_endian"] is not (sys.byteorder == "little"):
        raise Refused("it has numbers of a machine of another byte order")
    content = _read(stream, functools.partial(_storage, storage))
    keys = _read(stream, _no_storage)
    if sorted(keys) != sorted(storages):
        raise Refused("its storages are not those of its tensors")
    for key in keys:
        (count,) = struct.unpack("<q", stream.read(8))
        flat = storages[key]
        raw = stream.read(flat.nbytes)
        if count != len(flat) or len(raw) != flat.nbytes:
            raise EOFError("too few numbers")
        if raw:
            flat.copy_(torch.frombuffer(bytearray(raw), dtype=flat.dtype))
    return content


def _zip_content(data: mmap.mmap) -> Any:
    """A zip of uncompressed entries: ROOT/data.pkl, and ROOT/data/KEY for every storage."""
    entries = {entry.filename: entry for entry in zipfile.ZipFile(cast(IO[bytes], data)).infolist()}
    (program,) = [name for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")]
    root = program.removesuffix("data.pkl")

    def place(name: str) -> tuple[int, int]:
        """(first byte, number of bytes) of an entry."""
        entry = entries[name]
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise Refused("it is compressed, as torch never writes it")
        name_length, extra_length = struct.unpack_from("<HH", data, entry.header_offset + 26)
        first = entry.header_offset + 30 + name_length + extra_length
        if first + entry.file_size > len(data):
            raise EOFError("too short")
        return first, entry.file_size

    def storage(key: Any, dtype: torch.dtype, count: int) -> Tensor:
        first, size = place(f"{root}data/{key}")
        if count * dtype.itemsize > size:
            raise Refused("one of its tensors is larger than its data")
        return torch.frombuffer(data, dtype=dtype, count=count, offset=first) if count else torch.empty(0, dtype=dtype)

    if f"{root}byteorder" in entries:
        first, size = place(f"{root}byteorder")
        if data[first : first + size] != sys.byteorder.encode():
            raise Refused("it has numbers of a machine of another byte order")
    first, size = place(program)
    return _read(io.BytesIO(data[first : first + size]), functools.partial(_storage, storage))


def _storage(make: Callable[..., Tensor], identity: Any) -> Tensor:
    """A storage (N,) by its persistent id: ("storage", its class, a key, a device, N, ...)."""
    kind, name, key, _, count, *rest = identity
    if kind != "storage" or not isinstance(name, Name) or name.full not in STORAGES:
        raise Refused("it has external data that are no tensor's")
    if type(key) is not str or type(count) is not int or count < 0:
        raise Refused("one of its tensors has no data")
    return make(key, STORAGES[name.full], count, *rest)


def _no_storage(identity: Any) -> Any:
    raise Refused("it has external data where there is no place for them")
