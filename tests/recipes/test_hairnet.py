"""The recipe of the shipped network from faces to two trainings, on a toy budget."""

import pytest

from data.files import sha256
from data.weights import load_network
from recipes.hairnet import main

TOY = {"faces": 700, "steps": 4}


@pytest.mark.slow  # a minute: it samples, measures, fits and pairs faces first
def test_the_second_training_goes_on_from_the_first_and_nothing_is_made_twice(tmp_path):
    main(out=tmp_path, **TOY)
    first, last = (tmp_path / name / "hairnet.safetensors" for name in ("first", "hairnet"))
    assert load_network(last)[1]["recipe"]["start"]["sha256"] == sha256(first)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    main(out=tmp_path, **TOY)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")} == made


def test_a_network_for_another_generator_is_not_shipped(tmp_path):
    with pytest.raises(ValueError, match="--ship is for a network of the built-in generator"):
        main(out=tmp_path, generator="other.pkl", ship=True)
