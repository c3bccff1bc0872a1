"""People of the built-in generator, each several times."""

import numpy as np
import pytest

from data.files import sha256
from data.shards import shard_path
from faces import load_embedder
from recipes import factors
from recipes.figures import embeddings
from recipes.generated_people import SAME, class_latents, load_people
from recipes.generated_people import main as generate


@pytest.mark.parametrize(("same", "least"), [("person", 30), ("hair", 10)])
def test_pictures_of_a_class_share_its_factors_alone(same, least):
    own = SAME[same].columns
    unit = factors.unit_factors(class_latents(same, range(5), views=3)).view(5, 3, -1)
    spread = unit.std(1)
    assert len(own) > least and spread[..., own].max() < 1e-4
    others = [number for number in range(factors.Z_DIM) if number not in own]
    assert spread[..., others].mean() > 0.2
    alone = factors.unit_factors(class_latents(same, range(4, 5), views=1))[0, own]
    assert (alone - unit[4, 0, own]).abs().max() < 0.05, "a class is the same however many are made"


def test_all_pictures_of_a_hairstyle_are_of_one_cut():
    units = factors.unit_factors(class_latents("hair", range(100), views=4)).view(100, 4, -1)
    cuts = [[factors.head(unit).hair.style for unit in views] for views in units]
    assert len({views[0] for views in cuts}) > 5 and all(len(set(views)) == 1 for views in cuts)


def test_persons_and_hairstyles_share_no_factor():
    assert not set(SAME["person"].columns) & set(SAME["hair"].columns)


def test_pictures_of_a_person_are_alike_to_a_face_network(tmp_path):
    generate(out=tmp_path, classes=8, views=3, shard_size=4, workers=1)
    data, made = load_people(tmp_path)
    assert made["views"] == 3 and data["image"].shape == (24, 64, 64, 3)
    assert data["person"].tolist() == np.repeat(range(8), 3).tolist()
    vectors = embeddings(load_embedder("builtin", device="cpu"), data["image"])
    cosines, same = vectors @ vectors.T, data["person"][:, None] == data["person"][None]
    assert cosines[same & ~np.eye(24, dtype=bool)].mean() > cosines[~same].mean() + 0.4


def test_pictures_of_a_hairstyle_are_alike_to_a_hair_descriptor(tmp_path):
    generate(out=tmp_path, same="hair", classes=8, views=3, shard_size=4, workers=1)
    data, made = load_people(tmp_path, "hair")
    assert made["hairs"] == 8 and data["hair"].tolist() == np.repeat(range(8), 3).tolist()
    vectors = embeddings(load_embedder("builtin-hair", device="cpu"), data["image"])
    cosines, same = vectors @ vectors.T, data["hair"][:, None] == data["hair"][None]
    assert cosines[same & ~np.eye(24, dtype=bool)].mean() > cosines[~same].mean() + 0.3


def test_a_folder_of_persons_is_no_folder_of_hairstyles(tmp_path):
    generate(out=tmp_path, classes=4, views=2, shard_size=2, workers=1)
    with pytest.raises(ValueError, match="--same hair"):
        load_people(tmp_path, "hair")


def test_a_resumed_run_has_the_same_bytes(tmp_path):
    generate(out=tmp_path, classes=4, views=2, shard_size=2, workers=1)
    before = [sha256(shard_path(tmp_path, k)) for k in range(2)]
    shard_path(tmp_path, 1).unlink()
    with pytest.raises(ValueError, match="missing"):
        load_people(tmp_path)
    generate(out=tmp_path, classes=4, views=2, shard_size=2, workers=1)
    assert [sha256(shard_path(tmp_path, k)) for k in range(2)] == before
    with pytest.raises(ValueError, match="made otherwise"):
        generate(out=tmp_path, classes=4, views=2, shard_size=2, psi=0.5, workers=1)


def test_a_folder_without_pictures_and_odd_numbers_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="recipes.generated_people"):
        load_people(tmp_path / "none")
    with pytest.raises(ValueError, match="--shard-size"):
        generate(out=tmp_path, classes=7, shard_size=4)
    with pytest.raises(ValueError, match="--views"):
        generate(out=tmp_path, classes=8, views=1, shard_size=4)
