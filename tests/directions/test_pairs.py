"""Pairs in the plain world: the asked gap, the hair held fixed, files that can be taken up again."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from data.files import sha256
from data.shards import read_arrays, read_attrs
from directions.attributes import HAIR_ATTRIBUTES
from directions.direction import save_direction
from directions.fit import fit_direction
from directions.pairs import make_pairs, pair_up, yaw_gaps
from directions.turn import fit_turn, stored_turn

FACES, SHARD = 1500, 500


@pytest.fixture(scope="module")
def world(plain, tmp_path_factory):
    """(faces, their shards, fitted directions, the turn, a folder of pairs, its report)."""
    root = tmp_path_factory.mktemp("plain")
    faces = plain.faces(FACES)
    shards = plain.write(faces, root / "faces", SHARD)
    fitted = {name: fit_direction(faces, name, plain.render, plain.measure)[0] for name in ("yaw", *HAIR_ATTRIBUTES)}
    hair = [fitted[name] for name in HAIR_ATTRIBUTES]
    turn = fit_turn(fitted["yaw"], hair, faces, plain.render, plain.measure)
    save_direction(turn, root / "pairs" / "turn.json")
    report = pair_up(shards, faces, turn, root / "pairs", 40.0, 100, plain.render, plain.measure)
    return faces, shards, fitted, turn, root / "pairs", report


def test_a_pair_has_the_same_hair_and_the_asked_gap(world, plain):
    faces, _, _, _, folder, _ = world
    pairs = read_arrays(folder / "pairs-00001.h5")
    assert set(pairs) == {"seed", "w_face", "w_hair", "yaw_gap"}
    np.testing.assert_array_equal(pairs["seed"], np.arange(500, 1000))
    np.testing.assert_array_equal(pairs["w_face"], faces.w[500:1000])
    shift = (pairs["w_hair"] - pairs["w_face"]).astype(float)
    np.testing.assert_allclose(shift @ plain.slopes["yaw"], pairs["yaw_gap"], atol=1)
    for name in HAIR_ATTRIBUTES:
        assert np.abs(shift @ plain.slopes[name] / faces.sd[name]).mean() < 0.1
    assert pairs["yaw_gap"].dtype == pairs["w_hair"].dtype == np.float32


def test_plain_yaw_would_have_changed_the_hair(world, plain):
    faces, _, fitted, turn, _, _ = world
    moved = {
        which: max(abs(direction.vector @ plain.slopes[name] / faces.sd[name]) for name in HAIR_ATTRIBUTES)
        for which, direction in (("yaw", fitted["yaw"]), ("turn", turn))
    }
    assert moved["turn"] / turn.step < moved["yaw"] / fitted["yaw"].step / 5


def test_the_report_measures_gap_and_drift_on_rendered_pairs(world):
    report = world[-1]
    assert report["pairs"] == FACES
    assert report["checked"] == 100
    assert report["yaw_gap"]["slope"] == pytest.approx(1, abs=0.03)
    for drift in report["drift"].values():
        assert drift["rms_sd"] < 0.2 < 1 < drift["unrelated_rms_sd"]
    assert {"report.json", "pairs.png", "turn.json"} <= {path.name for path in world[4].iterdir()}


def test_an_interrupted_run_ends_with_the_same_bytes(world, plain, tmp_path: Path):
    faces, shards, _, turn, folder, _ = world
    again = tmp_path / "pairs"
    again.mkdir()
    for name in ("turn.json", "pairs-00001.h5"):
        shutil.copy2(folder / name, again)
    pair_up(shards, faces, turn, again, 40.0, 100, plain.render, plain.measure)
    before, after = ({path.name: sha256(path) for path in place.iterdir()} for place in (folder, again))
    assert before == after
    assert read_attrs(again / "pairs-00000.h5")["generator_sha256"] == faces.generator


def test_other_settings_in_the_same_folder_are_refused(world, plain, tmp_path: Path):
    faces, shards, _, turn, folder, _ = world
    again = shutil.copytree(folder, tmp_path / "pairs")
    with pytest.raises(ValueError, match="pairs-00000.h5 was made with other settings"):
        pair_up(shards, faces, turn, again, 20.0, 100, plain.render, plain.measure)


def test_a_turn_of_other_directions_is_refused(world):
    _, _, fitted, _, folder, _ = world

    class Owner:
        sha256, w_dim = "a" * 64, 12

    hair = [fitted[name] for name in HAIR_ATTRIBUTES]
    assert stored_turn(folder / "turn.json", fitted["yaw"], hair, Owner()) is not None
    assert stored_turn(folder / "none.json", fitted["yaw"], hair, Owner()) is None
    with pytest.raises(ValueError, match="turn.json was made from other directions"):
        stored_turn(folder / "turn.json", fitted["yaw"], hair[:1], Owner())


def test_gaps_keep_the_yaw_in_range_and_depend_on_the_seed_alone():
    seeds = np.arange(500)
    yaw = np.linspace(-50, 50, 500)
    gaps = yaw_gaps(seeds, yaw, (-35, 35), 40)
    assert np.abs(gaps).max() <= 40
    inside = np.abs(yaw) <= 35
    assert np.abs((yaw + gaps)[inside]).max() <= 35
    assert (gaps[yaw > 35] <= 0).all() and (gaps[yaw < -35] >= 0).all()
    np.testing.assert_array_equal(yaw_gaps(seeds[100:200], yaw[100:200], (-35, 35), 40), gaps[100:200])
    assert np.abs(gaps).mean() > 10


@pytest.mark.parametrize("flags", [{"max_yaw_gap": 0}, {"max_yaw_gap": 90}, {"check": 3}])
def test_flags_out_of_range_are_refused_in_a_sentence(tmp_path: Path, flags: dict):
    with pytest.raises(ValueError, match="--" + next(iter(flags)).replace("_", "-")):
        make_pairs(tmp_path, tmp_path, tmp_path, **flags)
