"""Pairs in the plain world: the asked gap, the hair held fixed, files that can be taken up again."""

import shutil
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from data.files import sha256
from data.shards import read_arrays, read_attrs
from directions.attributes import HAIR_ATTRIBUTES
from directions.check import MOST_UNLIT, nearest_strangers
from directions.fitting import fit_direction
from directions.pairs import Move, gaps_within, make_pairs, pair_up

FACES, SHARD = 1500, 500
JUDGE = "c" * 64
LIGHT = "skin_lightness"  # stands for light_side, which the plain world does not have


@pytest.fixture(scope="module")
def world(plain, tmp_path_factory):
    """(faces, their shards, the direction of yaw, a folder of pairs, its report)."""
    root = tmp_path_factory.mktemp("plain")
    faces = plain.faces(FACES)
    shards = plain.write(faces, root / "faces", SHARD)
    yaw = fit_direction(faces, "yaw", plain.tools)[0]
    report = pair_up(shards, faces, [Move(yaw, 40.0)], root / "pairs", plain.tools, JUDGE, plain.masks)
    return faces, shards, yaw, root / "pairs", report


def test_a_pair_has_the_same_hair_and_the_asked_gap(world, plain):
    faces, _, _, folder, _ = world
    pairs = read_arrays(folder / "pairs-00001.h5")
    assert set(pairs) == {"seed", "w_face", "w_hair", "yaw_gap"}
    assert set(pairs["seed"]) <= set(range(500, 1000))
    np.testing.assert_array_equal(pairs["w_face"], faces.w[pairs["seed"]])
    shift = (pairs["w_hair"] - pairs["w_face"]).astype(float)
    np.testing.assert_allclose(shift @ plain.slopes["yaw"], pairs["yaw_gap"], atol=1.5)
    for name in HAIR_ATTRIBUTES:
        assert np.abs(shift @ plain.slopes[name] / faces.sd[name]).mean() < 0.1
    assert pairs["yaw_gap"].dtype == pairs["w_hair"].dtype == np.float32


def test_the_report_measures_gap_likeness_and_drift_on_all_pairs(world):
    report = world[-1]
    assert report["faces"] == FACES == report["pairs"] + sum(report["rejected"].values())
    assert report["pairs"] > 0.9 * FACES
    assert report["yaw_gap"]["slope"] == pytest.approx(1, abs=0.03)
    assert report["hair"]["nearer_than_strangers"] > 0.95
    for drift in report["drift"].values():
        assert drift["rms_sd"] < 0.3 < 1 < drift["unrelated_rms_sd"]
    assert {"report.json", "pairs.png"} <= {path.name for path in world[3].iterdir()}


def test_pairs_that_contradict_the_intent_are_left_out_with_a_reason(world, plain, tmp_path: Path):
    faces, shards, turn, folder, _ = world
    out = tmp_path / "pairs"

    def measure(images: np.ndarray) -> dict[str, np.ndarray]:
        columns = plain.measure(images)
        columns["yaw"][0::10] = np.nan
        columns["yaw"][1::10] += 30
        return columns

    wrong = replace(plain.tools, measure=measure)
    report = pair_up(shards, faces, [Move(turn, 40.0)], out, wrong, JUDGE)
    assert report["rejected"]["without a face"] == report["rejected"]["turned otherwise"] == FACES // 10
    checked = read_arrays(out / "checked-00000.h5")
    np.testing.assert_array_equal(checked["verdict"][:10:10], 1)
    np.testing.assert_array_equal(checked["verdict"][1::10], 2)
    kept = read_arrays(out / "pairs-00000.h5", ["seed"])["seed"]
    np.testing.assert_array_equal(kept, checked["seed"][checked["verdict"] == 0])


def test_an_interrupted_run_ends_with_the_same_bytes(world, plain, tmp_path: Path):
    faces, shards, turn, folder, _ = world
    again = tmp_path / "pairs"
    again.mkdir()
    for name in ("pairs-00001.h5", "checked-00001.h5", "masks-00001.h5", "checked-00002.h5"):
        shutil.copy2(folder / name, again)
    pair_up(shards, faces, [Move(turn, 40.0)], again, plain.tools, JUDGE, plain.masks)
    before, after = ({path.name: sha256(path) for path in place.iterdir()} for place in (folder, again))
    assert before == after
    assert read_attrs(again / "pairs-00000.h5")["generator_sha256"] == faces.generator


def test_another_direction_in_the_same_folder_is_refused(world, plain, tmp_path: Path):
    faces, shards, turn, folder, _ = world
    other = fit_direction(faces, "yaw", plain.tools, keep=[])[0]
    with pytest.raises(ValueError, match="pairs-00000.h5 was made with other settings"):
        pair_up(shards, faces, [Move(other, 40.0)], shutil.copytree(folder, tmp_path / "pairs"), plain.tools, JUDGE)


def test_other_settings_in_the_same_folder_are_refused(world, plain, tmp_path: Path):
    faces, shards, turn, folder, _ = world
    again = shutil.copytree(folder, tmp_path / "pairs")
    with pytest.raises(ValueError, match="pairs-00000.h5 was made with other settings"):
        pair_up(shards, faces, [Move(turn, 20.0)], again, plain.tools, JUDGE)


def test_pairs_of_other_faces_in_the_same_folder_are_refused(world, plain, tmp_path: Path):
    faces, shards, turn, folder, _ = world
    again = shutil.copytree(folder, tmp_path / "pairs")
    other = replace(faces, seeds=faces.seeds + 1)
    with pytest.raises(ValueError, match="checked-00000.h5 is of other faces: delete its folder or give another --out"):
        pair_up(shards, other, [Move(turn, 40.0)], again, plain.tools, JUDGE, plain.masks)
    shutil.copy2(again / "pairs-00002.h5", again / "pairs-00003.h5")
    with pytest.raises(ValueError, match="pairs-00003.h5 is of faces that are not in .*faces: delete it"):
        pair_up(shards, faces, [Move(turn, 40.0)], again, plain.tools, JUDGE, plain.masks)


def test_a_folder_that_grows_keeps_the_bar_of_its_first_pairs(world, plain, tmp_path: Path):
    faces, shards, turn, folder, _ = world
    again = tmp_path / "pairs"
    again.mkdir()
    for name in ("pairs-00000.h5", "checked-00000.h5"):
        shutil.copy2(folder / name, again)

    def alike(images: np.ndarray) -> dict[str, np.ndarray]:
        found = {name: rows + 1 for name, rows in plain.describe(images).items()}
        return {name: rows / np.linalg.norm(rows, axis=1, keepdims=True) for name, rows in found.items()}

    other = replace(plain.tools, describe=alike)
    bar = read_attrs(folder / "checked-00000.h5")["strangers_95"]
    assert nearest_strangers(shards, other) > bar + 0.01
    pair_up(shards, faces, [Move(turn, 40.0)], again, other, JUDGE)
    assert {read_attrs(path)["strangers_95"] for path in again.glob("checked-*.h5")} == {bar}


def test_gaps_keep_the_yaw_in_range_and_depend_on_the_seed_alone():
    seeds = np.arange(500)
    yaw = np.linspace(-50, 50, 500)
    gaps = gaps_within(seeds, yaw, (-35, 35), 40)
    assert np.abs(gaps).max() <= 40
    inside = np.abs(yaw) <= 35
    assert np.abs((yaw + gaps)[inside]).max() <= 35
    assert (gaps[yaw > 35] <= 0).all() and (gaps[yaw < -35] >= 0).all()
    np.testing.assert_array_equal(gaps_within(seeds[100:200], yaw[100:200], (-35, 35), 40), gaps[100:200])
    assert np.abs(gaps).mean() > 10


WRONG = ({"max_yaw_gap": 0}, {"max_yaw_gap": 90}, {"max_pitch_gap": -1}, {"max_pitch_gap": 45}, {"max_light_gap": -1})


@pytest.mark.parametrize("flags", WRONG)
def test_flags_out_of_range_are_refused_in_a_sentence(tmp_path: Path, flags: dict):
    with pytest.raises(ValueError, match="--" + next(iter(flags)).replace("_", "-")):
        make_pairs(tmp_path, tmp_path, tmp_path, **flags)


def test_a_folder_without_the_direction_of_yaw_is_refused_by_its_flag(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="^--directions .*nope has no yaw.json: give a folder"):
        make_pairs(tmp_path, tmp_path / "nope", tmp_path / "pairs")


def test_a_folder_without_the_direction_of_pitch_is_told_how_to_do_without(tmp_path: Path):
    (tmp_path / "yaw.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="has no pitch.json: .* --attributes yaw,pitch, or --max-pitch-gap 0"):
        make_pairs(tmp_path, tmp_path, tmp_path / "pairs")


def test_heads_nod_too_when_asked_and_those_that_nod_otherwise_are_left_out(world, plain, tmp_path: Path):
    faces, shards, turn, _, _ = world
    moves = [Move(turn, 40.0), Move(fit_direction(faces, "pitch", plain.tools)[0], 8.0)]

    calls = count()

    def measure(images: np.ndarray) -> dict[str, np.ndarray]:
        columns = plain.measure(images)
        columns["pitch"][::10] += 10
        start = SHARD * next(calls)
        columns["pitch"][5::10] = faces.columns["pitch"][start : start + SHARD][5::10]  # these do not nod at all
        return columns

    report = pair_up(shards, faces, moves, tmp_path, replace(plain.tools, measure=measure), JUDGE)
    pairs, checked = (read_arrays(tmp_path / f"{name}-00000.h5") for name in ("pairs", "checked"))
    nod = (pairs["w_hair"] - pairs["w_face"]).astype(float) @ plain.slopes["pitch"]
    np.testing.assert_allclose(nod, pairs["pitch_gap"], atol=1.0)
    assert 2 < np.abs(nod).mean() < 8 and np.abs(np.corrcoef(nod, pairs["yaw_gap"])[0, 1]) < 0.2
    assert report["max_pitch_gap"] == 8 and set(report["pitch_gap"]) == set(report["yaw_gap"])
    astray = checked["verdict"] == 2
    assert astray[::10].all() and astray[5::10][np.abs(checked["pitch_gap"][5::10]) > 4].all() and astray.mean() < 0.25
    assert set(report["rejected"]) == {"without a face", "turned otherwise", "with other hair"}


def test_masks_of_both_pictures_lie_beside_the_pairs(world, plain):
    folder = world[3]
    masks, pairs = (read_arrays(folder / f"{name}-00000.h5") for name in ("masks", "pairs"))
    np.testing.assert_array_equal(masks["seed"], pairs["seed"])
    assert masks["hair"].shape == (len(pairs["seed"]), 2, plain.side**2 // 8)
    both = np.stack([plain.render(pairs["w_face"]), plain.render(pairs["w_hair"])], axis=1)
    found = np.unpackbits(masks["hair"], axis=2).reshape(both.shape[:4])
    np.testing.assert_array_equal(found, both[..., 0] > 128)
    assert read_attrs(folder / "masks-00000.h5")["size"] == plain.side


@pytest.fixture(scope="module")
def lit(world, plain, tmp_path_factory):
    """(moves that change the lightness of skin too, a folder of such pairs, its report)."""
    faces, shards, turn, _, _ = world
    moves = [Move(turn, 40.0), Move(fit_direction(faces, LIGHT, plain.tools)[0], 6.0)]
    folder = tmp_path_factory.mktemp("lit") / "pairs"
    return moves, folder, pair_up(shards, faces, moves, folder, plain.tools, JUDGE)


def test_light_changes_beside_the_turn_when_asked(lit, plain):
    _, folder, report = lit
    pairs = read_arrays(folder / "pairs-00000.h5")
    shift = (pairs["w_hair"] - pairs["w_face"]).astype(float)
    changes = shift @ plain.slopes[LIGHT]
    assert 1 < np.abs(changes).mean() < 6.5
    np.testing.assert_allclose(changes, pairs[f"{LIGHT}_gap"], atol=1.5)
    assert read_attrs(folder / "pairs-00000.h5")[f"unit_{LIGHT}_gap"] == "CIE L*"
    np.testing.assert_allclose(shift @ plain.slopes["yaw"], pairs["yaw_gap"], atol=2.5)
    assert report["max_light_gap"] == 6 and report["pairs"] > 0.8 * FACES


def test_the_report_measures_the_change_of_light_as_it_does_the_turn(lit):
    _, folder, report = lit
    found = report[f"{LIGHT}_gap"]
    assert set(found) == set(report["yaw_gap"])
    checked = [read_arrays(folder / f"checked-0000{k}.h5") for k in range(FACES // SHARD)]
    asked, got = (np.concatenate([part[f"{LIGHT}_gap{end}"] for part in checked]) for end in ("", "_measured"))
    assert found["slope"] == pytest.approx(np.polyfit(asked, got, 1)[0], abs=0.05) == pytest.approx(1, abs=0.2)
    assert found["mae"] == pytest.approx(np.abs(got - asked).mean(), rel=1e-5)
    assert report["rejected"]["lit otherwise"] <= (np.abs(got - asked) > MOST_UNLIT).sum() < 0.1 * FACES


def test_pairs_lit_otherwise_than_asked_are_left_out_with_a_reason_of_their_own(world, lit, plain, tmp_path: Path):
    faces, shards, *_ = world
    moves, folder, _ = lit

    def measure(images: np.ndarray) -> dict[str, np.ndarray]:
        columns = plain.measure(images)
        columns[LIGHT][0::10] = np.nan
        columns[LIGHT][1::10] += 4 * MOST_UNLIT
        columns[LIGHT][2::10] -= 4 * MOST_UNLIT
        return columns

    out = tmp_path / "pairs"
    report = pair_up(shards, faces, moves, out, replace(plain.tools, measure=measure), JUDGE)
    before, after = (read_arrays(place / "checked-00000.h5", ["verdict"])["verdict"] for place in (folder, out))
    changed = np.arange(len(after)) % 10 < 3
    np.testing.assert_array_equal(after[~changed], before[~changed])
    np.testing.assert_array_equal(after[changed], np.where(before[changed] == 0, 4, before[changed]))
    assert report["rejected"]["lit otherwise"] > 0.25 * FACES


def test_without_a_change_of_light_nothing_speaks_of_it(world):
    *_, folder, report = world
    assert set(report["rejected"]) == {"without a face", "turned otherwise", "with other hair"}
    told = {*report, *read_arrays(folder / "checked-00000.h5"), *read_attrs(folder / "pairs-00000.h5")}
    assert {name for name in told if "light" in name} <= {"max_light_gap", "hair_lightness_change"}


def test_light_that_nothing_measures_is_refused_by_its_flag(tmp_path: Path):
    for name in ("yaw", "light_side"):
        (tmp_path / f"{name}.json").write_text("{}")
    with pytest.raises(ValueError, match="^--max-light-gap needs light_side measured: give --own"):
        make_pairs(tmp_path, tmp_path, tmp_path / "pairs", max_pitch_gap=0, max_light_gap=10)


def test_a_process_of_several_leaves_the_others_their_shards_and_the_report(
    world, plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    faces, shards, turn, folder, _ = world
    for rank in ("1", "0"):
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("WORLD_SIZE", "2")
        report = pair_up(shards, faces, [Move(turn, 40.0)], tmp_path / "pairs", plain.tools, JUDGE, plain.masks)
        assert (report is None) == (rank == "1")
    for path in folder.iterdir():
        assert sha256(path) == sha256(tmp_path / "pairs" / path.name)
