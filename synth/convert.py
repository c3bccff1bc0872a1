"""A generator's checkpoint from one format into another; the pictures stay the same.

    python -m synth.convert ffhq.pkl ffhq.safetensors      any format that is read -> ours, so that it need be read once
    python -m synth.convert ffhq.safetensors ffhq.pt       -> rosinality's, for its many descendants

These two hold every number as it is, there and back. NVIDIA's pickles are not written: their readers execute code from
them; TensorFlow's and genforce's layouts store biases less one, which rounds.
"""

from __future__ import annotations

from pathlib import Path

from data.command import run
from data.files import atomic_path, check_file_place, sha256
from data.weights import resolve, save_network
from synth.formats import read_generator, rosinality


def main(source: Path, target: Path) -> None:
    """Converts a StyleGAN2 generator to our .safetensors or to a rosinality .pt.

    Nothing in the source is executed. The target records the source's name, sha256 and format; a network that is
    converted again keeps those of the first.

    Args:
        source: the checkpoint to read; its format is told by its content
        target: the file to write; ends in .safetensors or .pt
    """
    if target.suffix not in (".safetensors", ".pt"):
        raise ValueError(f"TARGET {target} is not a name for a generator: end it in .safetensors or .pt")
    check_file_place(target, "TARGET")
    source = resolve(source, "generator")
    if target.exists() and target.samefile(source):
        raise ValueError(f"TARGET {target} is the source itself: give another name")
    tensors, config = read_generator(source)
    recipe = dict(config["recipe"])
    origin = {"converted_from": source.name, "converted_sha256": sha256(source)}
    origin["converted_format"] = recipe.pop("format", "our safetensors")
    config["recipe"] = origin | recipe
    if target.suffix == ".pt":
        with atomic_path(target) as temporary:
            rosinality.write(tensors, config, temporary)
        if unknown := {name: config[name] for name, fixed in rosinality.FIXED.items() if config[name] != fixed}:
            settings = ", ".join(f"{name} {value}" for name, value in unknown.items())
            print(f"{target} keeps {settings} for us; rosinality's own code knows {rosinality.FIXED} only")
    else:
        save_network(target, tensors, config)
    print(f"{target}: {config['resolution']} px, z {config['z_dim']}, w {config['w_dim']}, sha256 {sha256(target)}")


if __name__ == "__main__":
    run(main)
