"""Shards as NVIDIA's trainers read them."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.archive import export_zip
from data.files import sha256
from data.shards import Shards, shard_path, write_arrays


def write_shards(folder: Path, size: int = 8, **attrs) -> Shards:
    for index in range(2):
        images = np.random.RandomState(index).randint(0, 256, (600, size, size, 3)).astype(np.uint8)
        arrays = {"seed": np.arange(600) + 600 * index, "w": np.zeros((600, 4), np.float32), "image": images}
        write_arrays(shard_path(folder, index), arrays, {"shard_size": 600, **attrs})
    return Shards(folder)


def test_the_zip_has_every_face_uncompressed_and_in_order(tmp_path: Path):
    shards = write_shards(tmp_path)
    export_zip(tmp_path, tmp_path / "faces.zip")
    with zipfile.ZipFile(tmp_path / "faces.zip") as archive:
        names = archive.namelist()
        assert names[0] == "00000/img00000000.png" and names[-2:] == ["00001/img00001199.png", "dataset.json"]
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
        assert json.loads(archive.read("dataset.json")) == {"labels": None}
        for row in (0, 601, 1199):
            pixels = np.asarray(Image.open(io.BytesIO(archive.read(names[row]))))
            assert np.array_equal(pixels, shards.images([row])[0])


def test_classes_are_named_for_every_face(tmp_path: Path):
    write_shards(tmp_path, label=2)
    export_zip(tmp_path, tmp_path / "faces.zip")
    with zipfile.ZipFile(tmp_path / "faces.zip") as archive:
        labels = json.loads(archive.read("dataset.json"))["labels"]
    assert len(labels) == 1200 and labels[1] == ["00000/img00000001.png", 2]


def test_the_same_shards_give_the_same_bytes(tmp_path: Path):
    write_shards(tmp_path)
    for name in ("a.zip", "b.zip"):
        export_zip(tmp_path, tmp_path / name)
    assert sha256(tmp_path / "a.zip") == sha256(tmp_path / "b.zip")


def test_a_size_that_trainers_refuse_is_refused_here(tmp_path: Path):
    write_shards(tmp_path, size=12)
    with pytest.raises(ValueError, match="12 px, but this layout takes powers of two"):
        export_zip(tmp_path, tmp_path / "faces.zip")
    assert not (tmp_path / "faces.zip").exists()
