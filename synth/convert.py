"""A generator's checkpoint of another program -> our .safetensors, so that a pickle need be opened only once.

Run: python -m synth.convert ffhq.pkl ffhq.safetensors
"""

from __future__ import annotations

from pathlib import Path

from data.command import run
from data.files import sha256
from data.weights import resolve, save_network
from synth.formats import read_generator


def main(source: Path, target: Path) -> None:
    """Converts an NVIDIA StyleGAN2 .pkl or a rosinality .pt to .safetensors; the pictures stay the same.

    Nothing in the source is executed. The target's config records the source's name and sha256.

    Args:
        source: the checkpoint to read; its format is told by its content
        target: the file to write; ends in .safetensors
    """
    if target.suffix != ".safetensors":
        raise ValueError(f"{target} is not a name for a network: end it in .safetensors")
    source = resolve(source, "generator")
    if target.exists() and target.samefile(source):
        raise ValueError(f"{target} is the source itself: give another target")
    tensors, config = read_generator(source)
    config["recipe"] = {**config["recipe"], "converted_from": source.name, "converted_sha256": sha256(source)}
    save_network(target, tensors, config)
    print(f"{target}: {config['resolution']} px, z {config['z_dim']}, w {config['w_dim']}, sha256 {sha256(target)}")


if __name__ == "__main__":
    run(main)
