"""What is in a checkpoint? Nothing of it is executed.

python -m synth.inspect ffhq.pkl
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.command import printable, run
from data.files import sha256
from data.weights import load_network, resolve
from synth.formats import is_own, read_generator
from synth.formats.layout import generator_arguments


def main(file: Path) -> None:
    """Prints what a file is: the format, the network's architecture, where it comes from; or why it is not read.

    Args:
        file: a checkpoint in any format that is read, or "builtin" for the built-in generator
    """
    for name, value in describe(resolve(file, "generator")).items():
        print(printable(f"{name:<24} {value}"))


def describe(path: Path) -> dict[str, Any]:
    """What a checkpoint holds, by headings; ValueError with the reason for one that is not read."""
    own = is_own(path)
    tensors, config = load_network(path) if own else read_generator(path)
    if config["kind"] == "generator":
        tensors, config = read_generator(path)
    recipe = dict(config["recipe"]) if isinstance(config.get("recipe"), dict) else {}
    found = {
        "file": path,
        "bytes": f"{path.stat().st_size:,}",
        "sha256": sha256(path),
        "format": "our safetensors" if own else recipe.pop("format"),
        "kind": config["kind"],
        "numbers": f"{sum(tensor.numel() for tensor in tensors.values()):,} in {len(tensors)} tensors",
    }
    return found | generator_arguments(config) | {f"recipe.{name}": value for name, value in recipe.items()}


if __name__ == "__main__":
    run(main)
