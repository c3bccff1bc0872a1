"""Files that try to run code, to fill the memory or to hang the reader: name -> (bytes, the reason that is given)."""

import io
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch


class Call:
    """Pickles as a call of a function, with a state to set afterwards."""

    def __init__(self, function: Any, arguments: Any, state: Any = None):
        self.parts = (function, arguments, state) if state else (function, arguments)

    def __reduce__(self) -> tuple:
        return self.parts


def text(value: str) -> bytes:
    """The opcode of a short text."""
    return b"\x8c" + bytes([len(value)]) + value.encode()


def named(full: str) -> bytes:
    """The opcode of a name."""
    module, _, name = full.rpartition(".")
    return f"c{module}\n{name}\n".encode()


def program(*opcodes: bytes) -> bytes:
    return b"\x80\x04" + b"".join(opcodes) + b"."


def saved(content: object, modern: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=modern)
    return buffer.getvalue()


def nested(raw: bytes) -> bytes:
    """A tensor's storage whose data are a second pickle."""
    return pickle.dumps({"G_ema": Call(torch.storage._load_from_bytes, (raw,))})


def storage(count: int) -> torch.storage.TypedStorage:
    """The numbers 0, 1, ... as a tensor's storage."""
    wrapped = torch.arange(float(count)).untyped_storage()
    return torch.storage.TypedStorage(wrap_storage=wrapped, dtype=torch.float32, _internal=True)


def viewed(offset: int, size: tuple, stride: tuple) -> bytes:
    """A tensor that claims to see this of four numbers."""
    return pickle.dumps(Call(torch._utils._rebuild_tensor_v2, (storage(4), offset, size, stride, False, OrderedDict())))


def zipped(change: Callable[[dict[str, bytes]], Any], compression: int = zipfile.ZIP_STORED) -> bytes:
    """torch.save's file of one tensor, its entries changed."""
    with zipfile.ZipFile(io.BytesIO(saved({"g_ema": {"style.1.weight": torch.ones(4, 4)}}, modern=True))) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, raw in entries.items():
            archive.writestr(name, raw)
    return buffer.getvalue()


def entry(suffix: str, edit: Callable[[bytes], bytes]) -> Callable[[dict[str, bytes]], None]:
    def change(entries: dict[str, bytes]) -> None:
        (name,) = [name for name in entries if name.endswith(suffix)]
        entries[name] = edit(entries[name])

    return change


def outside(raw: bytes) -> bytes:
    """A zip whose directory points behind its end."""
    end = raw.rindex(b"PK\x05\x06")
    first = struct.unpack_from("<I", raw, end + 16)[0]
    while raw[first : first + 4] == b"PK\x01\x02":
        n, extra, comment = struct.unpack_from("<HHH", raw, first + 28)
        if raw[first + 46 : first + 46 + n].endswith(b"data/0"):
            raw = raw[: first + 20] + struct.pack("<II", 1 << 30, 1 << 30) + raw[first + 28 :]
        first += 46 + n + extra + comment
    return raw


def tuples(depth: int) -> bytes:
    """A tuple of two tuples of two tuples ...: a few bytes per level, 2 ** depth steps to hash."""
    return b")" + b"\x94" + b"".join(b"h" + bytes([k]) + b"\x86\x94" for k in range(depth))


def giant_storage() -> bytes:
    """An old torch file whose tensor claims 2 ** 40 numbers."""
    raw = saved(storage(3), modern=False)
    assert raw.count(b"K\x03N") == 1
    return raw.replace(b"K\x03N", b"\x8a\x06" + (1 << 40).to_bytes(6, "little") + b"N")


def array(shape: tuple, code: str, raw: bytes) -> bytes:
    dtype = named("numpy.dtype") + text(code) + b"\x89\x88\x87R"
    shape_code = b"(" + b"".join(b"\x8a\x08" + n.to_bytes(8, "little") for n in shape) + b"t"
    bytes_code = b"C" + bytes([len(raw)]) + raw
    made = named("numpy.core.multiarray._reconstruct") + named("numpy.ndarray") + b"K\x00\x85C\x01b\x87R"
    return program(made, b"(K\x01", shape_code, dtype, b"\x89", bytes_code, b"tb")


def persistent_object(meta: dict[str, Any]) -> bytes:
    raw = pickle.dumps(meta, protocol=2)[2:-1]
    return b"\x80\x02" + named("torch_utils.persistence._reconstruct_persistent_obj") + raw + b"\x85R."


def hostile(folder: Path) -> dict[str, tuple[bytes, str]]:
    """All of them; those that carry a payload try to make `folder`."""
    mkdir = Call(os.mkdir, (str(folder),))
    payload = text(str(folder)) + b"\x85R"
    meta = {"type": "class", "version": 6, "module_src": "", "class_name": "Generator", "state": {}}
    refused: dict[str, tuple[bytes, str]] = {
        "a call": (pickle.dumps({"G_ema": mkdir}), r"posix\.mkdir"),
        "a call, protocol 2": (pickle.dumps(mkdir, protocol=2), r"posix\.mkdir"),
        "a call, protocol 5": (pickle.dumps([mkdir], protocol=5), r"posix\.mkdir"),
        "a call of a builtin": (program(named("builtins.eval"), text("1"), b"\x85R"), r"builtins\.eval"),
        "a call by getattr": (program(named("builtins.getattr"), payload), r"builtins\.getattr"),
        "a call by apply": (program(named("builtins.map"), payload), r"builtins\.map"),
        "a call by a name on the stack": (program(text("os"), text("mkdir"), b"\x93", payload), r"os\.mkdir"),
        "a dotted name": (program(text("torch"), text("os.mkdir"), b"\x93", payload), r"torch\.os\.mkdir"),
        "a method of an allowed class": (
            program(text("collections"), text("OrderedDict.fromkeys"), b"\x93", payload),
            "OrderedDict.fromkeys",
        ),
        "a call by torch": (program(named("torch.load"), payload), r"torch\.load"),
        "a call by numpy": (program(named("numpy.load"), payload), r"numpy\.load"),
        "torch's own loader of bytes in a class": (program(named("torch.jit.load"), payload), r"torch\.jit\.load"),
        "an instance, protocol 0": (b"\x80\x02(" + text(str(folder)) + b"ios\nmkdir\n.", "opcode INST"),
        "an object, protocol 1": (program(b"(", named("collections.OrderedDict"), b"o"), "opcode OBJ"),
        "an extension": (program(b"\x82\x01"), "opcode EXT1"),
        "a text as persistent id": (b"\x80\x02Pname\n.", "opcode PERSID"),
        "a persistent id without a store": (program(text("x"), b"Q"), "external data"),
        "a class with keywords": (program(named("collections.OrderedDict"), b")}\x92"), "opcode NEWOBJ_EX"),
        "throwing away what was made": (program(b"N0N"), "opcode POP"),
        "a buffer from outside": (program(b"\x97"), "opcode NEXT_BUFFER"),
        "attributes of a function": (program(named("torch._utils._rebuild_parameter"), b"}b"), "sets attributes"),
        "attributes of a list": (program(b"]", b"}b"), "sets attributes"),
        "a call of a text": (program(text("x"), b")R"), "not a function"),
        "a call of a marker": (program(named("numpy.ndarray"), b")R"), "not a function"),
        "a call with a list": (program(named("collections.OrderedDict"), b"]R"), "not a function"),
        "appending to a dict": (program(b"}", b"K\x01a"), "not a list"),
        "items of a list": (program(b"]", b"K\x01K\x02s"), "not a dict"),
        "members of a list": (program(b"](K\x01\x90"), "not a set"),
        "a tuple that hashes for years as a key": (program(b"}", tuples(60), b"K\x01s"), "key of type tuple"),
        "a tuple that hashes for years in a set": (program(b"\x8f(", tuples(60), b"\x90"), "key of type tuple"),
        "a tuple that hashes for years in builtins.set": (
            program(named("builtins.set"), b"](", tuples(60), b"e\x85R"),
            "key of type tuple",
        ),
        "a tuple that hashes for years in an OrderedDict": (
            program(named("collections.OrderedDict"), b"]", tuples(60), b"K\x01\x86a\x85R"),
            "key of type tuple",
        ),
        "a memo of 2 ** 31 places": (program(b"Nr\xff\xff\xff\x7f"), "holds no StyleGAN2 generator"),
        "bytes of 2 ** 62": (b"\x80\x04\x8e" + (1 << 62).to_bytes(8, "little") + b"x.", "damaged"),
        "text of 2 ** 62": (b"\x80\x04\x8d" + (1 << 62).to_bytes(8, "little") + b"x.", "damaged"),
        "a number of 2 ** 31 bytes": (b"\x80\x04\x8b\xff\xff\xff\x7fx.", "damaged"),
        "a number of 5000 digits as a key": (
            program(b"}\x8b", struct.pack("<i", 2100), b"\x7f" * 2100, b"Ns"),
            "64 bits",
        ),
        "a frame of 2 ** 62": (b"\x80\x04\x95" + (1 << 62).to_bytes(8, "little") + b"N.", "holds no"),
        "lists in lists": (program(b"]" * 10**5, b"a" * (10**5 - 1)), "holds no StyleGAN2 generator"),
        "an empty stack": (program(b"a"), "damaged"),
        "a missing memo": (program(b"h\x07"), "damaged"),
        "no end": (b"\x80\x04N", "damaged"),
        "a call in a tensor's data": (nested(pickle.dumps(mkdir, protocol=2)), "not a torch file"),
        "a call in a tensor's old torch file": (nested(saved(mkdir, modern=False)), r"posix\.mkdir"),
        "a call in a tensor's new torch file": (nested(saved(mkdir, modern=True)), "not a torch file"),
        "a list in a tensor's data": (nested(saved([1], modern=False)), "not plain numbers"),
        "a tensor's data that are text": (pickle.dumps(Call(torch.storage._load_from_bytes, ("x",))), "not a torch"),
        "a tensor of 2 ** 40 numbers": (nested(giant_storage()), "larger than the file"),
        "a tensor that reaches outside": (viewed(0, (5,), (1,)), "larger than its data"),
        "a tensor that starts outside": (viewed(4, (1,), (1,)), "larger than its data"),
        "a tensor that starts before": (viewed(-1, (1,), (1,)), "larger than its data"),
        "a tensor that steps back": (viewed(3, (2,), (-1,)), "larger than its data"),
        "a tensor that repeats itself": (viewed(0, (10**6, 10**6), (0, 0)), "larger than its data"),
        "a parameter that is text": (
            program(named("torch._utils._rebuild_parameter"), text("x"), b"\x85R"),
            "not a tensor",
        ),
        "an array of objects": (array((1,), "O8", b"x" * 8), "not numbers"),
        "an array of 2 ** 60": (array((1 << 60,), "f4", b"x" * 4), "larger than its data"),
        "an array of 2 ** 62": (array((1 << 31, 1 << 31), "f4", b""), "larger than its data"),
        "a number that is text": (
            program(named("numpy.core.multiarray.scalar"), text("f4"), text("x"), b"\x86R"),
            "not numbers",
        ),
        "an embedded function": (persistent_object(meta | {"type": "func"}), "type 'func'"),
        "an embedded object without a state": (persistent_object(meta | {"state": [1]}), "embedded object"),
        "a call in a torch file": (saved({"g_ema": mkdir}, modern=True), r"posix\.mkdir"),
        "a call in an old torch file": (saved({"g_ema": mkdir}, modern=False), r"posix\.mkdir"),
        "a torch file that is compressed": (zipped(lambda entries: None, zipfile.ZIP_DEFLATED), "compressed"),
        "a zip that unpacks to 10 MB": (
            zipped(lambda entries: entries.update({"archive/data/0": bytes(10**7)}), zipfile.ZIP_DEFLATED),
            "compressed|damaged",
        ),
        "a torch file with a shorter storage": (zipped(entry("data/0", lambda raw: raw[:8])), "larger than its data"),
        "a torch file of another machine": (zipped(entry("byteorder", lambda raw: b"big")), "byte order"),
        "a torch file with storages elsewhere": (outside(saved({"a": torch.ones(9)}, modern=True)), "damaged"),
        "a torch file with two programs": (
            zipped(lambda entries: entries.update({"other/data.pkl": b"\x80\x02N."})),
            "damaged",
        ),
        "a torch file without a program": (zipped(lambda entries: entries.clear()), "no generator|damaged"),
        "a zip of something else": (zipped(lambda e: (e.clear(), e.update({"a.txt": b"x"}))), "damaged"),
        "a path as storage": (
            zipped(entry("data.pkl", lambda raw: raw.replace(b"X\x01\x00\x00\x000", b"X\x04\x00\x00\x00../0"))),
            "damaged",
        ),
        "a program of protocol 0": (b"cos\nsystem\n(S'true'\ntR.", "no generator checkpoint"),
        "nothing": (b"", "no generator checkpoint"),
        "a page of the web": (b"<html>404</html>", "no generator checkpoint"),
        "zeros": (bytes(100), "no generator checkpoint"),
    }
    np.random.seed(0)
    noise = {f"noise {k}": (b"\x80\x04" + np.random.bytes(200), "") for k in range(20)}
    return refused | noise
