"""Trains the built-in hairnet, from faces out of noise to the shipped file.

    python -m recipes.hairnet --out runs/builtin/hairnet

It runs the stages that `make dataset directions train` runs, on more faces and for longer: a training by the preset
`builtin`, most of whose steps are taught by known codes alone, and two by the preset `polish`, each of which goes on
from the one before and judges the pictures of every step. Each stage keeps what is done, so the same command goes on
after an interruption.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from data.command import run
from data.weights import WEIGHTS, load_network, register, save_network
from directions.pairs import make_pairs
from hairnet.steer import main as steer
from hairnet.steering import FILE
from hairnet.train import main as train
from hairnet.training.loop import NETWORK
from recipes.directions import FACES, directions_of

POLISHED = {"second": 1200, "hairnet": 3000}  # folders of the trainings by the preset polish, and their steps


def main(
    *,
    out: Path,
    faces: int = FACES,
    generator: str = "builtin",
    steps: int | None = None,
    start: str | None = None,
    ship: bool = False,
) -> None:
    """Samples faces, finds directions, makes pairs, trains, and puts the network among the shipped weights if told to.

    Args:
        out: folder for all stages: faces, directions, pairs, first, second, hairnet
        faces: number of faces to sample and pair, seeds 0 to faces - 1
        generator: "builtin" or the generator to train for
        steps: of each training; left out: as the shipped network's
        start: a network to go on from in place of what the first training makes, "builtin" or a file
        ship: put the network into data/weights/, in half precision, and record its sha256
    """
    if ship and generator != "builtin":
        raise ValueError("--ship is for a network of the built-in generator: leave --generator out")
    directions_of(generator, out, faces)
    if pairs := make_pairs(out / "faces", out / "directions", out / "pairs", generator=generator):
        print(f"{pairs['pairs']:,} pairs accepted of {pairs['faces']:,} faces")
    teach = partial(train, pairs=out / "pairs", generator=generator)
    if start is None:
        start = str(out / "first" / NETWORK)
        teach(out=out / "first", preset="builtin", steps=steps)
    for seed, (name, own) in enumerate(POLISHED.items(), 1):
        teach(out=out / name, preset="polish", start_from=start, seed=seed, steps=steps or own)
        start = str(out / name / NETWORK)
    if ship:
        target = WEIGHTS / "hairnet.safetensors"
        tensors, config = load_network(out / "hairnet" / NETWORK)
        save_network(target, tensors, config, half=True)
        register(target)
        steer(out=target.with_name(FILE))
        register(target.with_name(FILE))


if __name__ == "__main__":
    run(main)
