"""The recipe of the shipped network from faces to three trainings, on a toy budget."""

import pytest

from data.files import sha256
from data.weights import load_network
from recipes.hairnet import main

TOY = {"faces": 700, "steps": 4}


@pytest.mark.slow  # a minute: it samples, measures, fits and pairs faces first
def test_every_training_goes_on_from_the_one_before_and_nothing_is_made_twice(tmp_path):
    main(out=tmp_path, **TOY)
    networks = [tmp_path / name / "hairnet.safetensors" for name in ("first", "second", "hairnet")]
    for before, after in zip(networks, networks[1:], strict=False):
        assert load_network(after)[1]["recipe"]["start"]["sha256"] == sha256(before)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    main(out=tmp_path, **TOY)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")} == made


def test_a_network_for_another_generator_is_not_shipped(tmp_path):
    with pytest.raises(ValueError, match="--ship is for a network of the built-in generator"):
        main(out=tmp_path, generator="other.pkl", ship=True)
