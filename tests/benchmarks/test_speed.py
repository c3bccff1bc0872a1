"""The time of fits: the world that is fitted, and what is kept of the time."""

import numpy as np

from benchmarks.directions import shown
from benchmarks.speed import fit_codes, linear_world
from directions.attributes import others
from directions.fitting import fit_direction


def test_a_whole_direction_is_fitted_with_all_else_held_fixed():
    faces, tools = linear_world(1500, 24)
    direction = fit_direction(faces, "yaw", tools)[0]
    assert direction.figures["keeps"] == others("yaw")
    assert set(direction.figures["ways"]) == {"covariance", "whitened", "normal"}
    assert direction.figures["leak_rms"] < 0.3 and direction.accuracy > 0.7
    assert np.isnan(faces.columns["hair_hue"]).sum() == 300


def test_times_of_the_models_and_of_the_whole_fit_stand_in_the_table():
    found = fit_codes(1000, 20)
    assert all(found[part]["wall"] > 0 < found[part]["cpu"] for part in ("models", "direction"))
    rows = shown({"speed": found})
    assert [row[0] for row in rows] == [
        "fit on 1,000 x 20: SVM and ridge",
        "fit on 1,000 x 20: a whole direction, without renders",
    ]


def test_figures_kept_from_an_earlier_form_are_no_trouble():
    assert shown({"speed": {"codes": 100_000, "wall": 32.0}}) == []
