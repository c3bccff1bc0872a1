"""Hostile pickles: refused with the reason, and nothing in them runs."""

import io
import os
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from synth import load_generator
from synth.formats.inert import read_pickle


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path):
        self.folder = str(folder)

    def __reduce__(self) -> tuple:
        return os.mkdir, (self.folder,)


class Blob:
    """The storage of a tensor: unpickles whatever bytes it holds."""

    def __init__(self, raw: bytes):
        self.raw = raw

    def __reduce__(self) -> tuple:
        return torch.storage._load_from_bytes, (self.raw,)


class Call:
    """Pickles as a call of a function, with a state to set afterwards."""

    def __init__(self, function, arguments: tuple, state=None):
        self.parts = (function, arguments, state) if state else (function, arguments)

    def __reduce__(self) -> tuple:
        return self.parts


def saved(content: object, modern: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=modern)
    return buffer.getvalue()


HOSTILE = {
    "a plain call": Payload,
    "a call in a tensor's data": lambda folder: Blob(pickle.dumps(Payload(folder), protocol=2)),
    "a call in a tensor's data, old torch file": lambda folder: Blob(saved(Payload(folder), modern=False)),
    "a call in a tensor's data, new torch file": lambda folder: Blob(saved(Payload(folder), modern=True)),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_payload_is_refused_and_does_not_run(tmp_path, kind):
    made, path = tmp_path / "made", tmp_path / "network.pkl"
    path.write_bytes(pickle.dumps({"G_ema": HOSTILE[kind](made)}))
    with pytest.raises(ValueError, match="network.pkl is (refused|a truncated or damaged)"):
        load_generator(path)
    assert not made.exists()


def test_the_payload_of_these_tests_would_run_in_an_ordinary_reader(tmp_path):
    pickle.loads(pickle.dumps(Payload(tmp_path / "made")))
    assert (tmp_path / "made").exists()


def test_source_text_in_the_pickle_is_not_executed(tmp_path, generator, nvidia_pickle):
    made = tmp_path / "made"
    load_generator(nvidia_pickle(generator, source=f"import os\nos.mkdir({str(made)!r})"), device="cpu")
    assert not made.exists()


def test_the_refusal_names_what_the_pickle_asks_for(tmp_path):
    path = tmp_path / "network.pkl"
    path.write_bytes(pickle.dumps(Payload(tmp_path / "made")))
    with pytest.raises(ValueError, match=r"refused, nothing of it was run: it asks for posix\.mkdir"):
        load_generator(path)


def test_a_pickle_cannot_change_the_functions_of_the_reader(tmp_path):
    # Opcode BUILD sets attributes on whatever lies on the stack: here on the stand-in for a torch function.
    path = tmp_path / "network.pkl"
    path.write_bytes(b"\x80\x02ctorch._utils\n_rebuild_parameter\nN}X\x09\x00\x00\x00_functionK\x01s\x86b.")
    with pytest.raises(ValueError, match="sets the attribute _function"):
        read_pickle(path)


TENSORS = {
    "reaches outside": (0, (5,), (1,)),
    "starts outside": (4, (1,), (1,)),
    "starts before": (-1, (1,), (1,)),
    "steps back": (3, (2,), (-1,)),
    "repeats itself": (0, (10**6, 10**6), (0, 0)),
}


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize("kind", TENSORS)
def test_a_tensor_larger_than_its_data_is_refused(tmp_path, kind):
    storage = torch.arange(4.0).storage()
    path = tmp_path / "network.pkl"
    call = Call(torch._utils._rebuild_tensor_v2, (storage, *TENSORS[kind], False, OrderedDict()))
    path.write_bytes(pickle.dumps(call))
    with pytest.raises(ValueError, match="larger than its data"):
        read_pickle(path)


def test_tensors_and_numbers_come_back_as_they_were(tmp_path):
    tensor = torch.arange(6.0).reshape(2, 3).t()
    parameter = torch.nn.Parameter(torch.ones(2, dtype=torch.float16))
    content = {"a": tensor, "b": parameter, "c": np.float32(1.5), "d": {1, 2}, "e": OrderedDict(x=np.int64(-3))}
    path = tmp_path / "numbers.pkl"
    path.write_bytes(pickle.dumps(content))
    read = read_pickle(path)
    assert torch.equal(read["a"], tensor) and torch.equal(read["b"], parameter)
    assert (read["c"], read["d"], dict(read["e"])) == (1.5, {1, 2}, {"x": -3})


def test_a_truncated_pickle_is_refused(tmp_path, generator, nvidia_pickle):
    raw = nvidia_pickle(generator).read_bytes()
    path = tmp_path / "cut.pkl"
    for length in (2, 100, len(raw) // 2, len(raw) - 1):
        path.write_bytes(raw[:length])
        with pytest.raises(ValueError, match="cut.pkl is a truncated or damaged pickle"):
            load_generator(path)


def test_a_tensorflow_pickle_is_refused_with_the_way_out(tmp_path):
    path = tmp_path / "tf.pkl"
    path.write_bytes(b"\x80\x03cdnnlib.tflib.network\nNetwork\n.")
    with pytest.raises(ValueError, match="TensorFlow network; convert it to PyTorch first"):
        load_generator(path)
