"""A toy network with directions beside it, and pictures that are FFHQ crops already: no detector, no training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from directions.curve import Curve
from hairnet.model import HairNet, load_network, save_hairnet
from hairnet.network import NetworkConfig, TwoEncoders
from hairnet.steering import COLOUR, FILE, HairDirection, save_steering
from synth.generator import load_generator
from tests.hairnet.conftest import SMALL, World

ASPECTS = (*COLOUR, "hair_length")


def toy_network(folder: Path, world: World, seed: int = 0, steered: bool = True) -> Path:
    """A network's file; with `steered`, directions of the right form lie beside it."""
    path = folder / "hairnet.safetensors"
    G = load_generator(world.generator, "cpu")
    torch.manual_seed(seed)
    trained = TwoEncoders(NetworkConfig(G.num_ws, G.w_dim, **SMALL))
    torch.nn.init.normal_(trained.fusion.shared.weight, std=3.0)  # so that other embeddings give other pictures
    save_hairnet(path, trained, {"name": str(world.generator), "sha256": G.sha256}, {"command": "test"})
    if steered:
        save_steering(folder / FILE, load_network(path, "cpu"), toy_directions(SMALL["embedding"]), {"command": "test"})
    return path


def toy_directions(dimensions: int) -> dict[str, HairDirection]:
    """Directions along the axes: each aspect is ten times its own number."""
    axes = np.eye(dimensions)
    curve = Curve(np.array([-40.0, 40.0]), np.array([-40.0, 40.0]))
    return {
        aspect: HairDirection(aspect, "units", axes[k], 10 * axes[k], 0.0, curve, {})
        for k, aspect in enumerate(ASPECTS)
    }


def toy_net(folder: Path, world: World, **settings: bool) -> HairNet:
    return load_network(toy_network(folder, world, **settings), "cpu")


def crops(folder: Path, names: str, side: int = 48) -> list[Path]:
    """Square pictures of smooth noise, one for each letter: a.png, b.png."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in names:
        noise = np.random.RandomState(ord(name)).randint(0, 256, (6, 6, 3)).astype(np.uint8)
        paths.append(folder / f"{name}.png")
        Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC).save(paths[-1])
    return paths
