"""The parser's recipe from end to end on a toy budget, and its figures."""

import numpy as np
import pytest
import torch

from data.files import sha256
from data.weights import builtin, load_network
from faces import load_parser
from faces.labels import LABEL
from recipes.figures import confusion, parsing_figures
from recipes.generated import main as generate
from recipes.parser import changed, class_weights, parsing_loss, train_parser
from recipes.renders import Plan, load_set, write_set
from recipes.training import Schedule


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    """Renders of the generator's size."""
    folder = tmp_path_factory.mktemp("heads")
    write_set(Plan("faces", heads=12, wigs=1, poses=1, size=64, first=0, shard_size=12), folder, workers=1)
    return folder


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """The generator's pictures with the labels of their renders."""
    folder = tmp_path_factory.mktemp("generated")
    generate(out=folder, images=12, size=64, shard_size=12, workers=1)
    return folder


def test_the_command_trains_saves_and_resumes_to_the_same_bytes(train_twice, heads, generated):
    out, said = train_twice("parser", f"--generated={generated}", renders=heads)
    assert "held-out renders: {'hair_iou'" in said
    config = load_network(out)[1]
    assert config["kind"] == "parser" and config["recipe"]["steps"] == 4
    assert 0 <= config["recipe"]["held_out"]["mean_iou"] <= 1
    assert 0 <= config["recipe"]["held_out_generated"]["mean_iou"] <= 1
    assert load_parser(out, device="cpu").input_size == 64


def test_a_training_learns_its_renders(heads, generated, tmp_path):
    parser, record = train_parser(heads, generated, tmp_path, Schedule(steps=70, batch=8, rate=6e-3, seed=0))
    data = load_set(heads, "faces", ("image", "labels"))
    figures = parsing_figures(confusion(parser.labels, data["image"], data["labels"]))
    assert figures["pixel_accuracy"] > 0.5, figures
    assert record["loss"] < 4.5


def test_a_training_goes_on_from_a_parser_and_tells_its_making(train_twice, heads, generated, tmp_path):
    first, _ = train_twice("parser", f"--generated={generated}", renders=heads)
    schedule = Schedule(steps=1, batch=2, rate=1e-9, seed=5)
    parser, record = train_parser(heads, generated, tmp_path / "second", schedule, start=first)
    tensors, config = load_network(first)
    assert record["start"] == config["recipe"] | {"sha256": sha256(first)}
    assert all(torch.allclose(tensor, tensors[name], atol=1e-5) for name, tensor in parser.state_dict().items())


def test_going_on_from_a_parser_of_another_size_is_refused(heads, generated, tmp_path):
    with pytest.raises(ValueError, match="no parser of 64 px"):
        train_parser(heads, generated, tmp_path, Schedule(1, 2, 1e-3, 0), start=builtin("parser"))


def test_pictures_of_two_sizes_are_refused(faces, generated, tmp_path):
    with pytest.raises(ValueError, match="one size"):
        train_parser(faces, generated, tmp_path, Schedule(steps=1, batch=8, rate=1e-3, seed=0))


def test_a_share_of_the_pictures_is_shown_as_it_was_made():
    g = torch.Generator().manual_seed(0)
    x = torch.rand(200, 3, 32, 32, generator=g) * 2 - 1
    labels = torch.randint(0, 19, (200, 32, 32), generator=g).to(torch.uint8)
    seen, known = changed(x, labels, g)
    same = (seen == x).flatten(1).all(1)
    assert 0.2 < same.float().mean() < 0.4 and torch.equal(known[same], labels[same])
    assert (known[~same] != labels[~same]).flatten(1).any(1).float().mean() > 0.9


def test_the_loss_is_smallest_at_the_truth_and_ignores_what_is_hidden():
    labels = torch.randint(0, 19, (2, 16, 16), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    logits = torch.nn.functional.one_hot(labels.long(), 19).permute(0, 3, 1, 2).float() * 30
    weights = class_weights(labels.numpy())
    assert parsing_loss(logits, labels, weights) < 0.01
    wrong = logits.clone()
    wrong[:, :, :4] = wrong[:, :, :4].roll(1, 1)
    assert parsing_loss(wrong, labels, weights) > 1
    hidden = labels.clone()
    hidden[:, :4] = 255
    assert parsing_loss(wrong, hidden, weights) < 0.01


def test_rare_classes_weigh_more_and_the_mean_weight_is_one():
    labels = np.zeros((1, 100, 100), np.uint8)
    labels[0, :10] = LABEL["hair"]
    labels[0, 99, :5] = LABEL["l_eye"]
    weights = class_weights(labels).numpy()
    assert weights[0] < weights[LABEL["hair"]] < weights[LABEL["l_eye"]]
    assert np.isclose((weights[labels]).mean(), 1, atol=1e-5)


def test_figures_of_a_perfect_and_of_a_blind_parser():
    images = np.zeros((3, 8, 8, 3), np.uint8)
    labels = np.zeros((3, 8, 8), np.uint8)
    labels[:, :4] = LABEL["hair"]
    truth = torch.from_numpy(labels)
    perfect = parsing_figures(confusion(lambda x: truth[: len(x)], images, labels))
    assert perfect["hair_iou"] == perfect["mean_iou"] == perfect["pixel_accuracy"] == 1
    blind = parsing_figures(confusion(lambda x: torch.zeros(len(x), 8, 8, dtype=torch.uint8), images, labels))
    assert blind["hair_iou"] == 0 and blind["iou_background"] == 0.5 and blind["mean_iou"] == 0.25
