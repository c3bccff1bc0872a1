"""Which judges had a part in a training, and what nobody knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.files import sha256
from data.weights import builtin
from evaluation.judge import config_of, embedder_file, judge_of, open_setup, trained_with
from evaluation.table import used
from tests.evaluation.conftest import World

OTHER = "0" * 64  # the sha256 of a file that is not here


def recipe(**judges: object) -> dict:
    return {"recipe": {"identity": OTHER, "hair": None, "parser": OTHER} | judges}


def test_a_judge_that_the_recipe_names_trained_the_network_and_another_did_not() -> None:
    hair, parser = builtin("hair"), builtin("parser")
    assert trained_with(hair, "hair", recipe(hair=sha256(hair))) is True
    assert trained_with(hair, "hair", recipe(hair=None)) is False
    assert trained_with(hair, "hair", recipe(hair=sha256(parser))) is False
    assert trained_with(builtin("embedder"), "embedder", recipe()) is False
    assert trained_with(builtin("pose"), "perceptual", recipe()) is False
    assert trained_with(builtin("pose"), "perceptual", recipe(perceptual=[sha256(builtin("pose"))])) is True


def test_where_the_recipe_may_name_an_earlier_version_of_a_built_in_judge_nobody_knows(tmp_path: Path) -> None:
    assert trained_with(builtin("hair"), "hair", recipe(hair=OTHER)) is None
    assert trained_with(builtin("parser"), "parser", recipe()) is None
    assert trained_with(builtin("hair-scorer"), "hair", recipe(hair=OTHER)) is False, "no version may be a loss"
    (tmp_path / "parser.pth").write_bytes(b"of others")
    assert trained_with(tmp_path / "parser.pth", "parser", recipe()) is False


@pytest.mark.parametrize("told", [{}, {"recipe": {}}, {"recipe": {"file": "best_model.pt"}}, {"recipe": None}])
def test_a_network_that_tells_nothing_of_its_training_leaves_every_judge_unknown(told: dict) -> None:
    for kind, role in (("embedder", "embedder"), ("hair-scorer", "hair"), ("parser", "parser"), ("pose", "perceptual")):
        assert trained_with(builtin(kind), role, told) is None  # type: ignore[arg-type]


def test_a_published_network_may_be_judged_and_its_judges_are_marked_unknown(tmp_path: Path) -> None:
    published = tmp_path / "best_model.pt"
    published.write_bytes(b"PK\x03\x04 of others")
    assert config_of(published) == {"generator": {"name": str(published)}}
    setup = open_setup(str(published), None, "builtin", 1.0, "cpu", "builtin")
    assert setup.generator == published and setup.hair == builtin("hair-scorer")
    judge = judge_of("built-in embedder", setup.embedder, setup)
    assert judge["trained_with"] is None and "UNKNOWN" in used(judge)


def test_names_of_shipped_embedders_mean_the_same_everywhere(world: World) -> None:
    assert embedder_file("builtin") == builtin("embedder")
    assert embedder_file("builtin", "hair") == embedder_file("builtin-hair-scorer") == builtin("hair-scorer")
    assert embedder_file("builtin-hair", "hair") == builtin("hair")
    assert embedder_file(world.hair, "hair") == world.hair
    with pytest.raises(ValueError, match="built-in network of the losses"):
        open_setup(str(world.network), None, "builtin-loss", 1.0, "cpu")
