"""The generator's pictures with the labels of the renders that they stand for."""

import numpy as np
import pytest

from data.files import sha256
from data.shards import shard_path
from faces.labels import LABEL
from recipes.generated import load_generated
from recipes.generated import main as generate


def test_labels_are_those_of_the_picture_beside_them(tmp_path):
    generate(out=tmp_path, images=16, size=96, shard_size=8, workers=1)
    data, made = load_generated(tmp_path)
    assert made["images"] == 16 and data["image"].shape == (16, 96, 96, 3) and data["labels"].shape == (16, 96, 96)
    grey = data["image"].astype(np.float64).mean(3)

    def contrast(labels: np.ndarray) -> float:
        """How far, on average, a picture's hair is from its skin."""
        pairs = [(g[k == LABEL["hair"]], g[k == LABEL["skin"]]) for g, k in zip(grey, labels, strict=True)]
        return float(np.mean([abs(hair.mean() - skin.mean()) for hair, skin in pairs if len(hair) and len(skin)]))

    assert contrast(data["labels"]) > 1.3 * contrast(data["labels"][::-1])


def test_a_resumed_run_has_the_same_bytes(tmp_path):
    generate(out=tmp_path, images=8, size=32, shard_size=4, workers=1)
    before = [sha256(shard_path(tmp_path, k)) for k in range(2)]
    shard_path(tmp_path, 1).unlink()
    with pytest.raises(ValueError, match="missing"):
        load_generated(tmp_path)
    generate(out=tmp_path, images=8, size=32, shard_size=4, workers=1)
    assert [sha256(shard_path(tmp_path, k)) for k in range(2)] == before
    with pytest.raises(ValueError, match="made otherwise"):
        generate(out=tmp_path, images=8, size=32, shard_size=4, psi=0.5, workers=1)


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="recipes.generated"):
        load_generated(tmp_path / "none")
    with pytest.raises(ValueError, match="--shard-size"):
        generate(out=tmp_path, images=7, shard_size=4)
    with pytest.raises(ValueError, match="--size"):
        generate(out=tmp_path, images=8, shard_size=4, size=8)
