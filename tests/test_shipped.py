"""The product as it is shipped: every network loads, and they belong together."""

import numpy as np
import pytest
import torch

from data.files import read_json
from data.images import to_tensor
from data.weights import INDEX, WEIGHTS, builtin, load_network
from directions.attributes import ATTRIBUTES
from directions.direction import load_directions
from evaluation.retrieval import open_setup, retrieval
from faces import load_embedder, load_parser
from faces.landmarks import load_pose_network
from hairnet import load_network as load_hairnet
from hairnet.split import find_points
from synth import latents, load_generator
from synth.heads import Head, render

LOADERS = {
    "generator": lambda: load_generator("builtin", "cpu"),
    "parser": lambda: load_parser("builtin", "cpu"),
    "embedder": lambda: load_embedder("builtin", "cpu"),
    "embedder-loss": lambda: load_embedder("builtin-loss", "cpu"),
    "hair": lambda: load_embedder("builtin-hair", "cpu"),
    "hair-scorer": lambda: load_embedder("builtin-hair-scorer", "cpu"),
    "pose": lambda: load_pose_network("builtin", "cpu"),
    "hairnet": lambda: load_hairnet("builtin", "cpu"),
    "hair-directions": lambda: load_hairnet("builtin", "cpu").steering,
}
SHIPPED = [path.removesuffix(".safetensors") for path in read_json(WEIGHTS / INDEX) if path.endswith(".safetensors")]


def test_what_the_commands_take_by_default_is_shipped():
    assert {"generator", "parser", "embedder", "embedder-loss", "hair", "hair-scorer", "hairnet"} <= set(SHIPPED)


@pytest.mark.parametrize("kind", SHIPPED)
def test_every_shipped_network_is_of_its_kind_and_loads(kind):
    assert load_network(builtin(kind))[1]["kind"] == kind
    LOADERS[kind]()


def test_every_shipped_direction_belongs_to_the_shipped_generator():
    directions = load_directions("builtin", load_generator("builtin", "cpu"))
    assert set(ATTRIBUTES) <= directions.keys()


def test_shipped_directions_stay_among_likely_faces():
    directions = load_directions("builtin", load_generator("builtin", "cpu"))
    assert all(direction.figures["distance_per_sd"] < 3 for direction in directions.values())


def test_the_shipped_scorer_may_judge_the_shipped_network():
    assert open_setup("builtin", None, "builtin", 1.0, "cpu").embedder == builtin("embedder")


def test_the_descriptors_that_judged_the_training_of_the_shipped_network_are_shipped():
    digests = {record["sha256"] for record in read_json(WEIGHTS / INDEX).values()}
    recipe = load_network(builtin("hairnet"))[1]["recipe"]
    assert {recipe[judge] for judge in ("identity", "hair")} <= digests, "the parser was an earlier one"


def test_the_shipped_network_draws_another_picture_for_other_hair():
    net = load_hairnet("builtin", "cpu")
    renders = np.stack([render(Head.sample(seed), net.generator.resolution).image for seed in (1, 2)])
    crops = to_tensor(renders)
    pictures = net.pictures(net.codes(face=crops[:1].expand(2, -1, -1, -1), hair=crops))
    assert pictures.shape == crops.shape and torch.isfinite(pictures).all()
    assert not torch.equal(pictures[0], pictures[1])


@pytest.mark.slow  # minutes: 10,000 faces and 1,000 transfers
def test_the_shipped_network_keeps_the_person_among_ten_thousand(tmp_path):
    found = retrieval(gallery=10_000, queries=1000, corrections=1, out=tmp_path)
    assert found["transfer"]["rank_1"] >= 0.983 and found["transfer"]["mean_rank"] <= 1.143
    assert found["hair_donor"]["rank_1"] <= 0.01


def test_a_second_look_brings_what_the_network_reads_of_its_picture_nearer_to_what_was_meant():
    net = load_hairnet("builtin", "cpu")
    G = net.generator
    crops = net.pictures(G.mapping(latents(range(900, 924), G.z_dim)))
    points = find_points(crops)
    meant = net.codes(crops[:12], crops[12:], points[:12], points[12:])

    def missed(ws):
        picture = net.pictures(ws)
        return (net.codes(picture, picture, points[:12], points[:12]) - meant).square().mean()

    assert missed(net.codes(crops[:12], crops[12:], points[:12], points[12:], corrections=1)) < 0.7 * missed(meant)
    embed = load_embedder("builtin", "cpu")

    def likeness(ws):
        return (embed(net.pictures(ws)) * embed(crops[:12])).sum(1).mean()

    assert likeness(net.corrected(meant, points[:12])) > likeness(meant)
