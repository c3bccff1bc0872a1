"""A world small enough for seconds: random networks of every kind, and pairs in the latent space of its generator."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from data.shards import write_arrays
from data.weights import save_network
from faces.identity import Embedder
from faces.parsing import Parser
from hairnet.training.lesson import Plan
from hairnet.training.recipe import PRESETS, Recipe
from synth.generator import load_generator, save_generator
from synth.networks import Generator
from tests.hairnet.trainings import run_training

SMALL = dict(size=32, stem=8, widths=(8, 16), blocks=(1, 1), pool=4, features=16, embedding=16, fusion=32)


@dataclass(frozen=True)
class World:
    """Files of one toy world."""

    generator: Path
    parser: Path
    embedder: Path
    pairs: Path


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    torch.manual_seed(0)
    generator = Generator(z_dim=8, w_dim=12, resolution=32, mapping_layers=2, channel_base=256, channel_max=16)
    save_generator(generator, folder / "generator.safetensors", {"command": "test"})
    parser = Parser(input_size=32, widths=(16, 16, 16))
    save_network(folder / "parser.safetensors", parser.state_dict(),
                 {"kind": "parser", "architecture": parser.config, "recipe": {}})  # fmt: skip
    embedder = Embedder("residual", (16, 16, 16, 16), (1, 1, 1, 1), dimensions=8, input_size=32)
    save_network(folder / "embedder.safetensors", embedder.state_dict(),
                 {"kind": "embedder-loss", "architecture": embedder.config, "recipe": {}})  # fmt: skip
    G = load_generator(folder / "generator.safetensors", "cpu")
    w_face = G.mapping(torch.randn(40, 8))[:, 0].numpy()
    w_hair = w_face + np.float32(0.1) * np.random.RandomState(0).randn(*w_face.shape).astype(np.float32)
    write_arrays(
        folder / "pairs" / "pairs-00000.h5",
        {"seed": np.arange(40), "w_face": w_face, "w_hair": w_hair, "yaw_gap": np.zeros(40, np.float32)},
        {"generator_sha256": G.sha256},
    )
    return World(*(folder / f"{name}.safetensors" for name in ("generator", "parser", "embedder")), folder / "pairs")


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """Eight steps of a small network, half of them judged."""
    plan = Plan(batch=8, pictures=4, swaps=4)
    return dataclasses.replace(
        PRESETS["demo"], steps=8, plan=plan, network=SMALL, unjudged=0.5, warmup=2, held_out=8, amp=False
    )


@pytest.fixture(scope="session")
def trained(world: World, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished training."""
    out = tmp_path_factory.mktemp("trained")
    run_training(world, out, recipe)
    return out
