"""A world of small random networks, as files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from data.files import sha256
from data.weights import save_network
from evaluation.studio import Setup
from faces.identity import Embedder
from hairnet.model import save_hairnet
from hairnet.network import NetworkConfig, TwoEncoders
from synth.generator import load_generator, save_generator
from synth.networks import Generator


@dataclass(frozen=True)
class World:
    """Files of one toy world; `loss` is the embedder that the network says it was trained with."""

    generator: Path
    network: Path
    embedder: Path
    loss: Path
    hair: Path

    @property
    def setup(self) -> Setup:
        return Setup(self.generator, self.embedder, self.network, 1.0, "cpu", self.hair)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    files = World(*(folder / f"{name}.safetensors" for name in ("generator", "network", "embedder", "loss", "hair")))
    torch.manual_seed(0)
    generator = Generator(z_dim=8, w_dim=12, resolution=32, mapping_layers=2, channel_base=256, channel_max=16)
    save_generator(generator, files.generator, {"command": "test"})
    for path, kind in ((files.embedder, "embedder"), (files.loss, "embedder-loss"), (files.hair, "hair")):
        embedder = Embedder("residual", (16, 16, 16, 16), (1, 1, 1, 1), dimensions=8, input_size=32)
        save_network(path, embedder.state_dict(), {"kind": kind, "architecture": embedder.config, "recipe": {}})
    save_small_hairnet(files.network, files.generator, {"identity": sha256(files.loss)}, seed=0)
    return files


def save_small_hairnet(path: Path, generator: Path, recipe: dict, seed: int) -> None:
    """A random HairNet for the generator of that file."""
    torch.manual_seed(seed)
    G = load_generator(generator, "cpu")
    config = NetworkConfig(
        G.num_ws, G.w_dim, size=32, stem=8, widths=(8, 16), blocks=(1, 1), features=16, embedding=16, fusion=32
    )
    save_hairnet(path, TwoEncoders(config).eval(), {"name": str(generator), "sha256": G.sha256}, recipe)
