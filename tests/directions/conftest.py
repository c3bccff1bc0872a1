"""Worlds for the directions: tiny random networks with faces sampled from them, and one without any network."""

from pathlib import Path

import numpy as np
import pytest
import torch

from data.shards import Shards, attributes_path, shard_path, write_arrays
from data.weights import save_network
from directions.attributes import HAIR_ATTRIBUTES, MEASURED
from directions.instruments import Instruments
from directions.measure import measure_shards
from directions.measured import MeasuredFaces
from directions.scorer import Scorer
from faces.parsing import Parser
from synth.generator import save_generator
from synth.networks import Generator
from synth.sample import sample

SEEDS = 90
SHARD = 30


@pytest.fixture(scope="session")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a random 32 px generator."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = {"z_dim": 8, "w_dim": 8, "resolution": 32, "mapping_layers": 2, "channel_base": 256, "channel_max": 16}
        network = Generator(**config, lr_multiplier=1.0)
    path = tmp_path_factory.mktemp("networks") / "generator.safetensors"
    save_generator(network, path, {"command": "random weights of a test", "seed": 0})
    return path


@pytest.fixture(scope="session")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a random parser whose last layer knows hair and skin alone, so that both occur."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        network = Parser(input_size=32, widths=(16, 16, 16))
    tensors = network.state_dict()
    bias = tensors["logits.0.bias"].reshape(19, 4)
    bias.fill_(-100)
    bias[[1, 13]] = 0
    path = tmp_path_factory.mktemp("networks") / "parser.safetensors"
    config = {"kind": "parser", "architecture": network.config, "recipe": {"command": "test", "seed": 1}}
    save_network(path, tensors, config)
    return path


@pytest.fixture(scope="session")
def sampled(generator: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three shards of 30 pictures (no detector finds a face in them)."""
    folder = tmp_path_factory.mktemp("run") / "faces"
    sample(str(generator), list(range(SEEDS)), folder, shard_size=SHARD, workers=1, device="cpu")
    return folder


@pytest.fixture(scope="session")
def measured(sampled: Path, parser: Path) -> Path:
    """The same folder with its measurements."""
    measure_shards(sampled, Scorer(str(parser)), workers=1, device="cpu")
    return sampled


@pytest.fixture(scope="session")
def measured_many(generator: Path, parser: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough pictures of the tiny generator to fit directions on."""
    folder = tmp_path_factory.mktemp("many") / "faces"
    sample(str(generator), list(range(400)), folder, shard_size=200, workers=1, device="cpu")
    measure_shards(folder, Scorer(str(parser)), workers=2, device="cpu")
    return folder


class PlainWorld:
    """A world without networks: attributes are known functions of w, and a picture holds each in a row of its own.

    `render` and `measure` stand where a generator and a scorer stand; `slopes` are {attribute: (D,)} units per w.
    """

    width, side = 24, 24

    def __init__(self) -> None:
        random = np.random.RandomState(0)
        self.root = np.linalg.qr(random.randn(self.width, self.width))[0] * np.logspace(0, -1.5, self.width)
        self.slopes = {name: random.randn(self.width) * scale for name, scale in zip(MEASURED, UNITS, strict=True)}

    def faces(self, count: int, noise: float = 0.2) -> MeasuredFaces:
        """Samples of an ill-conditioned W with measured attributes; `noise` in SD."""
        random = np.random.RandomState(1)
        w = (random.randn(count, self.width) @ self.root.T).astype(np.float32)
        columns = {}
        for name, slope in self.slopes.items():
            values = w @ slope
            columns[name] = (values + noise * values.std() * random.randn(count)).astype(np.float32)
        return MeasuredFaces(
            np.arange(count),
            w,
            columns,
            "a" * 64,
            1.0,
            {"parser_sha256": "b" * 64, "pose_sha256": "e" * 64, "check": ""},
        )

    def render(self, w: np.ndarray) -> np.ndarray:
        """(N, D) -> (N, 24, 24, 3) uint8: 100 x attribute + 32768 in two bytes, row k for attribute k."""
        images = np.zeros((len(w), self.side, self.side, 3), np.uint8)
        for row, name in enumerate(MEASURED):
            code = np.clip(np.round(100 * (w.astype(np.float64) @ self.slopes[name])) + 32768, 0, 65535).astype(int)
            images[:, row, :, 0], images[:, row, :, 1] = (code // 256)[:, None], (code % 256)[:, None]
        return images

    @staticmethod
    def measure(images: np.ndarray) -> dict[str, np.ndarray]:
        """What `render` has written."""
        codes = images[:, :, 0, 0].astype(int) * 256 + images[:, :, 0, 1] - 32768
        return {name: (codes[:, row] / 100).astype(np.float32) for row, name in enumerate(MEASURED)}

    def describe(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """What hair measures is its descriptor, what other attributes measure that of the person."""
        columns = {name: column / np.linalg.norm(self.slopes[name]) for name, column in self.measure(images).items()}
        hair = np.stack([columns[name] for name in HAIR_ATTRIBUTES], axis=1)
        person = np.stack([columns[name] for name in MEASURED if name not in ("yaw", *HAIR_ATTRIBUTES)], axis=1)
        return {
            name: x / np.linalg.norm(x, axis=1, keepdims=True) for name, x in (("hair", hair), ("identity", person))
        }

    @staticmethod
    def masks(images: np.ndarray) -> dict[str, np.ndarray]:
        """Bits of what is bright."""
        packed = np.packbits((images[..., 0] > 128).reshape(len(images), -1), axis=1)
        return {"hair": packed, "inner": packed}

    @property
    def tools(self) -> Instruments:
        return Instruments(self.render, self.measure, self.describe)

    def write(self, faces: MeasuredFaces, folder: Path, shard_size: int) -> Shards:
        """The faces as shards with measurements."""
        made = {"generator_sha256": faces.generator, "psi": 1.0, "noise": "const", "image_size": self.side}
        for k in range(len(faces.seeds) // shard_size):
            rows = slice(k * shard_size, (k + 1) * shard_size)
            seed, w = faces.seeds[rows], faces.w[rows]
            arrays = {"seed": seed, "w": w, "image": self.render(w)}
            write_arrays(shard_path(folder, k), arrays, made | {"shard_size": shard_size})
            columns = {name: column[rows] for name, column in faces.columns.items()}
            write_arrays(attributes_path(shard_path(folder, k)), {"seed": seed} | columns, faces.scorer)
        return Shards(folder)


UNITS = (10.0, 8.0, 5.0, 6.0, 4.0, 9.0, 3.0, 2.0, 5.0, 6.0, 7.0, 5.0, 4.0, 6.0, 8.0)  # size of the attributes


@pytest.fixture(scope="session")
def plain() -> PlainWorld:
    return PlainWorld()
