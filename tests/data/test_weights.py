"""One network, one file, and no code in it."""

import hashlib
import pickle
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import torch

from data import weights
from data.files import read_json
from data.weights import builtin, load_network, register, resolve, save_network

CONFIG = {"kind": "parser", "recipe": {"command": "python -m recipes.parser", "seed": 0}, "size": 64}


def tensors() -> dict[str, torch.Tensor]:
    base = torch.arange(12.0).reshape(3, 4)
    return {"b.weight": base.T, "a": base, "tied": base, "half": base.half(), "count": torch.tensor(7)}


def test_a_network_comes_back_as_it_was(tmp_path: Path):
    save_network(tmp_path / "n.safetensors", tensors(), CONFIG)
    found, config = load_network(tmp_path / "n.safetensors")
    assert config == CONFIG
    assert found.keys() == tensors().keys()
    for name, tensor in tensors().items():
        assert found[name].dtype == tensor.dtype and torch.equal(found[name], tensor)


def test_the_same_network_gives_the_same_bytes(tmp_path: Path):
    for name, order in (("a", 1), ("b", -1)):
        config = dict(list(CONFIG.items())[::order])
        save_network(tmp_path / f"{name}.safetensors", dict(list(tensors().items())[::order]), config)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_half_precision_halves_the_file_and_comes_back_with_32_bits(tmp_path: Path):
    tensors = {"weight": torch.randn(1000), "count": torch.tensor([70_000])}
    save_network(tmp_path / "full.safetensors", tensors, {"kind": "parser"})
    save_network(tmp_path / "half.safetensors", tensors, {"kind": "parser"}, half=True)
    back, _ = load_network(tmp_path / "half.safetensors")
    assert back["weight"].dtype == torch.float32 and torch.allclose(back["weight"], tensors["weight"], rtol=1e-3)
    assert torch.equal(back["count"], tensors["count"])
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("full", "half")]
    assert sizes[0] - sizes[1] > 1900  # 1000 numbers of 2 bytes less, a word in the header more


def test_a_network_needs_its_suffix(tmp_path: Path):
    with pytest.raises(ValueError, match="end it in .safetensors"):
        save_network(tmp_path / "n.pt", tensors(), CONFIG)


class Exploit:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code of a network file ran')",))


def write_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Exploit()))


def write_torch_file(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Exploit()))


def write_truncated(path: Path) -> None:
    save_network(path, tensors(), CONFIG)
    path.write_bytes(path.read_bytes()[:-8])


def write_huge_header(path: Path) -> None:
    path.write_bytes((1 << 62).to_bytes(8, "little") + b"{}")


def write_foreign(path: Path) -> None:
    safetensors.torch.save_file({"a": torch.zeros(2)}, path)


def write_odd_config(path: Path) -> None:
    safetensors.torch.save_file({"a": torch.zeros(2)}, path, metadata={"config": "[1]"})


def write_deep_config(path: Path) -> None:
    safetensors.torch.save_file({"a": torch.zeros(2)}, path, metadata={"config": "[" * 100_000})


HOSTILE = [write_pickle, write_torch_file, write_truncated, write_huge_header]
HOSTILE += [write_foreign, write_odd_config, write_deep_config]


@pytest.mark.parametrize("write", HOSTILE)
def test_anything_else_is_refused_by_name(write, tmp_path: Path):
    write(tmp_path / "n.safetensors")
    with pytest.raises(ValueError, match=r"n\.safetensors is (not a whole|a) safetensors file"):
        load_network(tmp_path / "n.safetensors")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data/weights/."""
    monkeypatch.setattr(weights, "WEIGHTS", tmp_path)
    return tmp_path


def test_a_builtin_network_is_checked_against_its_record(shelf: Path):
    path = shelf / "parser.safetensors"
    save_network(path, tensors(), CONFIG)
    with pytest.raises(FileNotFoundError, match="built-in parser is not in .*`make builtin`"):
        builtin("parser")
    register(path)
    assert builtin("parser") == path == resolve("builtin", "parser")
    record = read_json(shelf / "index.json")["parser.safetensors"]
    assert record == {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ValueError, match="sha256 differs from index.json"):
        builtin("parser")


def test_the_index_keeps_what_was_registered_before_and_names_subfolders(shelf: Path):
    (shelf / "directions").mkdir()
    for name in ("hair.safetensors", "directions/yaw.json"):
        (shelf / name).write_text("x")
        register(shelf / name)
    assert list(read_json(shelf / "index.json")) == ["directions/yaw.json", "hair.safetensors"]


def test_only_files_on_the_shelf_are_registered(shelf: Path, tmp_path_factory: pytest.TempPathFactory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "parser.safetensors"
    elsewhere.touch()
    for path in (elsewhere, shelf / "none.safetensors"):
        with pytest.raises(ValueError, match="is not a file below"):
            register(path)


def test_every_shipped_file_is_the_registered_one():
    for name, record in read_json(weights.WEIGHTS / weights.INDEX).items():
        path = weights.WEIGHTS / name
        assert path.stat().st_size == record["bytes"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == record["sha256"], name


def test_a_path_that_is_not_there_says_what_to_give(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match='give a path to a parser, or "builtin"'):
        resolve(tmp_path / "none.safetensors", "parser")
    (tmp_path / "own.pkl").touch()
    assert resolve(tmp_path / "own.pkl", "parser") == tmp_path / "own.pkl"
