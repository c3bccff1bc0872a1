"""Direction files: round trip, and refusal of all that is not one."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from directions.curve import Curve
from directions.direction import Direction, load_direction, load_directions, save_direction
from directions.edit import edit

D = 8


@dataclass
class Owner:
    """Stands for a generator where only its name and width matter."""

    sha256: str = "a" * 64
    w_dim: int = D
    z_dim: int = D + 2


def direction(attribute: str = "yaw") -> Direction:
    random = np.random.RandomState(0)
    vector = random.randn(D)
    return Direction(
        attribute=attribute,
        unit="deg",
        space="W",
        vector=vector / np.linalg.norm(vector),
        step=12.5,
        curve=Curve(np.array([-30.0, 0.0, 30.0]), np.array([-30.0, 0.0, 30.0])),
        normal=random.randn(D),
        intercept=0.25,
        threshold=0.0,
        ridge=12.5 * vector / np.linalg.norm(vector),
        ridge_intercept=-1.5,
        sd=14.0,
        value_range=(-31.0, 30.0),
        accuracy=0.97,
        balanced_accuracy=0.96,
        n=4000,
        generator=Owner().sha256,
        psi=1.0,
        seeds="0-4095",
        scorer={"parser_sha256": "b" * 64},
        figures={"r2": 0.9},
    )


def test_a_direction_comes_back_exactly(tmp_path: Path):
    save_direction(direction(), tmp_path / "yaw.json")
    found = load_direction(tmp_path / "yaw.json", Owner())
    for name, value in vars(direction()).items():
        if name == "curve":
            np.testing.assert_array_equal(found.curve.scores, value.scores)
            np.testing.assert_array_equal(found.curve.values, value.values)
        else:
            np.testing.assert_array_equal(getattr(found, name), value)


def test_another_generators_direction_is_refused_in_one_sentence(tmp_path: Path):
    save_direction(direction(), tmp_path / "yaw.json")
    with pytest.raises(ValueError, match="yaw.json belongs to the generator aaaaaaaaaaaa, not to cccccccccccc"):
        load_direction(tmp_path / "yaw.json", Owner("c" * 64))


@pytest.mark.parametrize(
    "change",
    [
        {"vector": [0.0] * D},
        {"vector": ["1"] * D},
        {"vector": [1.0] * (D - 1)},
        {"step": 0},
        {"step": None},
        {"step": True},
        {"normal": "abc"},
        {"value_range": [1]},
        {"step": -1},
        {"ridge": [0] * D},
        {"curve": {"scores": [0, 1], "values": [1, 0]}},
        {"curve": {"scores": [0, 1], "values": [0]}},
        {"curve": [[0, 1], [0, 1]]},
        {"space": "V+1"},
        {"space": "Z"},
        {"sd": 0},
        {"figures": {"scores": "abc"}},
        {"figures": {"scores": [1.0]}},
        {"figures": {"scores": [1.0, None]}},
        {"figures": {"scores": [1.0, 0.0]}},
        {"n": "many"},
        {"scorer": []},
        {"extra": 1},
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, change: dict):
    path = tmp_path / "yaw.json"
    save_direction(direction(), path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match="yaw.json"):
        load_direction(path, Owner())


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"vector": NaN}', "\x00\x01"])
def test_what_is_no_direction_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "yaw.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="yaw.json"):
        load_direction(path, Owner())


def test_a_missing_direction_names_the_remedy(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="directions.fit"):
        load_direction(tmp_path / "yaw.json", Owner())
    with pytest.raises(FileNotFoundError, match="directions.fit"):
        load_direction("no_such_attribute", Owner())
    with pytest.raises(FileNotFoundError, match="directions.fit"):
        load_directions(tmp_path, Owner())


def test_a_folder_gives_all_its_directions_but_not_the_report(tmp_path: Path):
    for name in ("yaw", "hair_length"):
        save_direction(direction(name), tmp_path / f"{name}.json")
    (tmp_path / "report.json").write_text("{}")
    assert set(load_directions(tmp_path, Owner())) == {"yaw", "hair_length"}


def test_an_edit_of_one_step_moves_by_the_unit_vector():
    ws = torch.zeros(2, D)
    moved = edit(ws, direction(), 12.5)
    np.testing.assert_allclose(moved.numpy(), np.tile(direction().vector, (2, 1)), rtol=1e-6)


def test_an_edit_moves_all_layers_alike_and_each_sample_by_its_own_amount():
    ws = torch.randn(3, 5, D)
    moved = edit(ws, direction(), torch.tensor([0.0, 12.5, -25.0])) - ws
    assert torch.allclose(moved, moved[:, :1].expand_as(moved), atol=1e-6)
    assert torch.allclose(moved[:, 0].norm(dim=1), torch.tensor([0.0, 1.0, 2.0]), atol=1e-6)


def test_an_edit_there_and_back_is_the_identity_and_differentiable():
    ws = torch.randn(2, D, requires_grad=True)
    back = edit(edit(ws, direction(), 30.0), direction(), -30.0)
    assert torch.allclose(back, ws, atol=1e-5)
    back.sum().backward()
    assert torch.equal(ws.grad, torch.ones_like(ws))


def test_an_edit_ends_at_the_value_that_the_curve_says():
    steep = np.array([-30.0, -5.0, 5.0, 30.0])
    bent = replace(direction(), curve=Curve(np.array([-30.0, -15.0, 15.0, 30.0]), steep))
    w = np.random.RandomState(1).randn(5, D).astype(np.float32)
    before = bent.estimate(w)
    after = bent.estimate(edit(torch.from_numpy(w), bent, torch.linspace(-20, 20, 5)).numpy())
    np.testing.assert_allclose(after - before, np.linspace(-20, 20, 5), atol=1e-4)
    np.testing.assert_allclose(bent.curve.value(np.array([-15.0, 0.0, 15.0])), [-5, 0, 5])


def test_the_layers_of_a_code_share_one_estimate():
    ws = torch.randn(2, 5, D)
    moved = edit(ws, direction(), 5.0)
    together = direction().estimate(moved.mean(dim=1).numpy()) - direction().estimate(ws.mean(dim=1).numpy())
    np.testing.assert_allclose(together, 5, atol=1e-4)
