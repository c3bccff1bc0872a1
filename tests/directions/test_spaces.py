"""Spaces of a tiny generator: the start of a face is the face, and only what a space names moves."""

from pathlib import Path

import numpy as np
import pytest
import torch

from data.shards import Shards
from directions.measured import MeasuredFaces, open_faces
from directions.render import Renderer
from directions.scorer import Scorer
from directions.spaces import Outside, coded, layers_of, open_space


@pytest.fixture(scope="module")
def world(measured: Path, generator: Path, parser: Path) -> tuple[MeasuredFaces, Renderer, Shards]:
    shards = Shards(measured)
    faces, _, render = open_faces(shards, str(generator), Scorer(str(parser)), "cpu")
    return faces, render, shards


@pytest.mark.parametrize("name", ["Z", "W", "W+coarse", "W+2-5", "S"])
def test_the_start_of_a_face_is_its_picture(world, name: str):
    faces, render, shards = world
    space = open_space(name, render, faces.psi)
    known = coded(faces, space)
    rows = np.arange(4)
    images = space.render(known.start(rows))
    assert np.abs(images.astype(int) - shards.images(rows)).max() <= 1
    slope = np.random.RandomState(0).randn(known.codes.shape[1])
    np.testing.assert_allclose(known.start(rows) @ space.lift_slope(slope), known.codes[rows] @ slope, rtol=1e-4)


def test_layers_move_only_what_they_name(world):
    faces, render, _ = world
    space = open_space("W+4-5", render, 1.0)
    vector = np.random.RandomState(1).randn(faces.w.shape[1])
    start = space.start(faces.w[:2], faces, np.arange(2))
    moved = space.render(start + space.lift(vector))
    ws = torch.from_numpy(faces.w[:2])[:, None].repeat(1, render.generator.num_ws, 1)
    ws[:, 4:6] += torch.from_numpy(vector.astype(np.float32))
    np.testing.assert_array_equal(moved, render.layered(ws.numpy()))


def test_an_encoder_from_elsewhere_gives_a_space_with_the_face_beside_it(world):
    faces, render, shards = world
    space = Outside(
        "hair",
        encode=lambda images: images[:, ::8, 0, 0].astype(np.float32),
        decode=lambda codes, w: render(w),
        pictures=shards.images,
        w_dim=faces.w.shape[1],
    )
    known = coded(faces, space)
    assert known.codes.shape == (len(faces.w), 4)
    start = known.start(np.arange(3))
    np.testing.assert_array_equal(space.render(start), render(faces.w[:3]))
    assert (start @ space.lift_slope(np.ones(4)) == known.codes[:3].sum(axis=1)).all()


@pytest.mark.parametrize("name", ["", "w", "W+", "W+9-3", "W+0-99", "V", "W+fin"])
def test_other_names_are_refused_in_a_sentence(world, name: str):
    with pytest.raises(ValueError, match="is no space|layers that there are not"):
        open_space(name, world[1], 1.0)


def test_groups_of_layers_are_those_of_resolutions():
    assert (layers_of("W+coarse", 18), layers_of("W+fine", 18), layers_of("W+fine", 10)) == ((0, 3), (8, 17), (8, 9))
