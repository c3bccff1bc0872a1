"""Writes the cards of the shipped networks, data/weights/README.md, from what their files say of themselves.

python -m recipes.cards
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from data.command import run
from data.files import atomic_path, read_json
from data.weights import INDEX, WEIGHTS, builtin, load_network

ABOUT = {
    "generator": "StyleGAN2 of the built-in world: heads with hair, 64 px, from z.",
    "parser": "19 classes of CelebAMask-HQ in an aligned crop; finds the hair.",
    "pose": "68 landmarks and yaw, pitch, roll of an aligned crop.",
    "embedder": "Identity, ArcFace-trained. It only ever scores; no loss has used it.",
    "embedder-loss": "Identity, ArcFace-trained: another architecture, other persons. For losses.",
    "hair": "Hair descriptor, ArcFace-trained with hairstyles as classes: same hair, same vector. For losses.",
    "hair-scorer": "Hair descriptor, larger, also of the generator's hair. It only ever scores; no loss has used it. "
    "Not independent of `hair` in everything: kind of network, window and kind of renders are the same.",
    "hairnet": "The two encoders and their fusion, trained on pairs of the built-in generator.",
    "hair-directions": "Directions in the hair embedding of hairnet, calibrated in units (`python -m hairnet.steer`).",
}
INTRODUCTION = """# Shipped weights

Trained here, on renders of `synth/heads/`, on pictures of the generator that learned from them, and on nothing else;
under the project's MIT licence. `make builtin` makes such networks anew; some of these learned from earlier versions
of others, or from fewer renders, as their sha256 and counts below say. This page is written by
`python -m recipes.cards` from the record inside each file; figures are on renders or samples that the training has not
seen. `index.json` holds the sha256 that is checked whenever one is loaded.
"""


def card(kind: str, record: dict[str, Any]) -> str:
    """One network's card in Markdown; `record` is its entry of index.json."""
    tensors, config = load_network(builtin(kind))
    recipe = dict(config["recipe"])
    weights = sum(tensor.numel() for tensor in tensors.values())
    rows = {
        "file": f"`{kind}.safetensors`, {record['bytes']:,} bytes, {weights:,} numbers",
        "sha256": f"`{record['sha256']}`",
        "command": f"`{recipe.pop('command')}`",
    }
    rows |= {name: text for name, value in recipe.items() if (text := _text(value))}
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"\n## {kind}\n{ABOUT[kind]}\n\n| | |\n|---|---|\n{table}\n"


def cards() -> str:
    """The whole page."""
    index = read_json(WEIGHTS / INDEX)
    return INTRODUCTION + "".join(card(kind, index[f"{kind}.safetensors"]) for kind in ABOUT)


def main(*, out: Path = WEIGHTS / "README.md") -> None:
    """Writes the cards of all shipped networks.

    Args:
        out: the page to write
    """
    page = cards()
    with atomic_path(out) as temporary:
        temporary.write_text(page)


def _text(value: Any) -> str:
    """A value of the record in one table cell."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(inner)}" for name, inner in value.items())
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value).strip('"')


if __name__ == "__main__":
    run(main)
