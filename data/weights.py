"""One network is one safetensors file: its tensors, and its config as JSON in the file's header.

`config` always has "kind" (generator, parser, embedder, ...) and "recipe" (command, seed, figures known when saved).
The shipped networks lie in data/weights/; index.json there holds the sha256 of each, put there by

    python -m data.weights data/weights/generator.safetensors
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from data.command import run
from data.files import atomic_path, read_json, sha256, sweep_temporaries, write_json

WEIGHTS = Path(__file__).parent / "weights"
INDEX = "index.json"


def save_network(
    path: str | Path, tensors: dict[str, torch.Tensor], config: dict[str, Any], half: bool = False
) -> None:
    """Writes a network; the same tensors and config give the same bytes.

    `path` ends in .safetensors; `config` holds JSON values, "kind" among them. `half` stores numbers of 32 bits with 16
    (3 to 4 digits: enough to use a network, or to begin another training with it), and the file is half as large.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"{path} is not a name for a network: end it in .safetensors")
    assert isinstance(config.get("kind"), str), "a network's config says its kind"
    # Clones, because the format refuses tensors that share memory; one metadata key, because their order is not fixed.
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    if half:
        whole = {name: tensor.half() if tensor.dtype == torch.float32 else tensor for name, tensor in whole.items()}
        overflown = [name for name, tensor in whole.items() if tensor.is_floating_point() and tensor.isinf().any()]
        assert not overflown, f"too large for half precision: {overflown}"
        config = config | {"half": True}
    header = {"config": json.dumps(config, sort_keys=True, allow_nan=False)}
    with atomic_path(path) as temporary:
        temporary.write_bytes(safetensors.torch.save(whole, metadata=header))
    sweep_temporaries(path.parent)


def load_network(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """(tensors on the CPU, config) of a file that `save_network` wrote; ValueError with the reason for any other.

    Numbers that it halved come back with 32 bits.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist or is not a file: give the path of a .safetensors network")
    try:
        with safetensors.safe_open(path, framework="pt", device="cpu") as file:
            header = file.metadata() or {}
            config = json.loads(header["config"]) if "config" in header else None
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (safetensors.SafetensorError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not a whole safetensors file ({error}): fetch or save it again") from error
    if not isinstance(config, dict) or not isinstance(config.get("kind"), str):
        raise ValueError(f"{path} is a safetensors file of another program, without our config: convert it first")
    if config.pop("half", False):
        tensors = {
            name: tensor.float() if tensor.dtype == torch.float16 else tensor for name, tensor in tensors.items()
        }
    return tensors, config


def builtin(kind: str) -> Path:
    """The shipped network of a kind, checked against its recorded sha256."""
    path = WEIGHTS / f"{kind}.safetensors"
    record = read_json(WEIGHTS / INDEX).get(path.name) if (WEIGHTS / INDEX).is_file() else None
    if record is None or not path.is_file():
        raise FileNotFoundError(f"the built-in {kind} is not in {WEIGHTS}: run `make builtin` or give a path instead")
    if sha256(path) != record["sha256"]:
        raise ValueError(f"{path} is not the shipped file (its sha256 differs from {INDEX}): restore it with git")
    return path


def resolve(name: str | Path, kind: str) -> Path:
    """The file that a command's argument means: "builtin" is the shipped network of `kind`, all else is a path."""
    if str(name) == "builtin":
        return builtin(kind)
    path = Path(name)
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist or is not a file: give a path to a {kind}, or "builtin"')
    return path


def main(file: Path) -> None:
    """Records the sha256 of a network in data/weights/, so that it counts as shipped.

    Args:
        file: a file below data/weights/
    """
    register(file)


def register(path: str | Path) -> None:
    """Records the sha256 and size of a file below data/weights/ in index.json (several recipes may do so at once)."""
    import fcntl  # here, since only those who make weights need a system that has it

    path = Path(path).resolve()
    if not path.is_file() or not path.is_relative_to(WEIGHTS.resolve()):
        raise ValueError(f"{path} is not a file below {WEIGHTS}: put it there first")
    name = path.relative_to(WEIGHTS.resolve()).as_posix()
    folder = os.open(WEIGHTS, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        index = read_json(WEIGHTS / INDEX) if (WEIGHTS / INDEX).is_file() else {}
        index[name] = {"sha256": sha256(path), "bytes": path.stat().st_size}
        write_json(WEIGHTS / INDEX, dict(sorted(index.items())))
    finally:
        os.close(folder)


if __name__ == "__main__":
    run(main)
