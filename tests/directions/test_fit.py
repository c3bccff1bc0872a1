"""Fits in the plain world, where the true slopes are known; the whole command on tiny networks."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from data.command import run
from directions.attributes import others
from directions.fit import fit_directions, main, parse_attributes
from directions.fitting import fit_direction, least_leaking
from directions.linear import held_out
from directions.report import table
from directions.scorer import Scorer
from directions.vectors import WAYS, edit_vector


def test_the_true_edit_is_recovered_with_its_unit(plain):
    faces = plain.faces(2500)
    direction, calibration = fit_direction(faces, "yaw", plain.tools)
    kept = np.stack([plain.slopes[name] for name in others("yaw")])
    expected = edit_vector(faces.w, plain.slopes["yaw"], kept)[0]
    assert direction.vector @ expected > 0.99
    assert direction.step == pytest.approx(plain.slopes["yaw"] @ direction.vector, rel=0.01)
    assert direction.accuracy > 0.9
    assert direction.figures["accuracy_shuffled"] == pytest.approx(0.5, abs=0.08)
    assert direction.figures["edit_r2"] > 0.95
    assert direction.threshold == 0
    assert direction.n == 2500
    assert calibration.images.shape[:2] == (48, 7)
    np.testing.assert_allclose(direction.curve.slope, 1, atol=0.03)


def test_the_leakage_is_that_of_the_world(plain):
    faces = plain.faces(2500)
    direction, _ = fit_direction(faces, "hair_length", plain.tools)
    for name, leak in direction.figures["leakage"].items():
        true = (plain.slopes[name] @ direction.vector / faces.sd[name]) / (direction.step / faces.sd["hair_length"])
        assert leak["slope"] == pytest.approx(true, abs=0.03)


def test_the_skin_stays_as_it_is_unless_told_otherwise(plain):
    faces = plain.faces(2500)
    leaks = [
        fit_direction(faces, "hair_lightness", plain.tools, keep=keep)[0].figures["leakage"]["skin_lightness"]["slope"]
        for keep in (None, [])
    ]
    assert abs(leaks[0]) < 0.05 < abs(leaks[1]) / 3


@pytest.mark.parametrize("way", ["covariance", "whitened", "normal", "regression"])
def test_every_way_can_be_asked_for_and_leads_the_same_way(plain, way: str):
    faces = plain.faces(1000)
    direction, _ = fit_direction(faces, "yaw", plain.tools, way=way)
    assert direction.figures["way"] == way and set(direction.figures["ways"]) == {way}
    assert direction.vector @ plain.slopes["yaw"] > 0 and direction.figures["edit_r2"] > 0.9


def test_the_way_that_leaks_least_is_taken_and_the_others_are_told(plain):
    direction, _ = fit_direction(plain.faces(1000), "yaw", plain.tools)
    leaks = {way: brief["leak_rms"] for way, brief in direction.figures["ways"].items()}
    assert set(leaks) == {"covariance", "whitened", "normal"}
    assert leaks[direction.figures["way"]] <= 1.05 * min(leaks.values())
    assert 0.9 < direction.figures["stability"]["least"] <= direction.figures["stability"]["cosine"] <= 1


def test_stability_is_that_of_the_way_that_is_taken_with_its_band_and_what_it_holds(plain):
    faces = plain.faces(1000)

    def stability(**settings) -> float:
        return fit_direction(faces, "yaw", plain.tools, **settings)[0].figures["stability"]["cosine"]

    found = [stability(way=way) for way in (*WAYS, "regression")]
    found += [stability(way="normal", band=0.2), stability(way="normal", keep=[])]
    assert len(set(np.round(found, 6))) == len(found)


def test_the_way_is_chosen_on_training_faces_and_judged_on_others(plain):
    rendered: list[np.ndarray] = []

    def render(w: np.ndarray) -> np.ndarray:
        rendered.append(w)
        return plain.render(w)

    faces = plain.faces(1000)
    direction, _ = fit_direction(faces, "yaw", replace(plain.tools, render=render))
    assert direction.figures["way"] == WAYS[0] and len(rendered) == len(WAYS) + 1

    def beside(w: np.ndarray) -> np.ndarray:
        """What an edit leaves of the faces' codes as it is."""
        return w - np.outer(w @ direction.vector, direction.vector)

    held = held_out(faces.seeds)
    for moved, those in ((rendered[0], ~held), (rendered[-1], held)):
        np.testing.assert_allclose(beside(moved[::7]), beside(faces.w[those][:48]), atol=1e-3)


def test_hair_does_not_hold_hair():
    assert set(others("hair_length")) == {"yaw", "pitch", "roll", "mouth_open", "smile", "glasses", "skin_lightness"}
    assert {"hair_length", "baldness"} < set(others("yaw"))


def test_whatever_is_to_be_kept_stays_as_it_is(plain):
    keep = ["yaw", "hair_length", "baldness"]
    direction, _ = fit_direction(plain.faces(2500), "yaw", plain.tools, keep=keep)
    assert direction.figures["keeps"] == keep[1:]
    assert 0 < direction.figures["removed"] < 0.9
    for name in keep[1:]:
        assert abs(direction.figures["leakage"][name]["slope"]) < 0.05


def test_the_person_and_the_hair_are_compared_one_sd_apart(plain):
    for name, changed, same in (("hair_length", "hair", "identity"), ("glasses", "identity", "hair")):
        direction, _ = fit_direction(plain.faces(2500), name, plain.tools, keep=list(plain.slopes))
        likeness = direction.figures["likeness"]
        assert likeness["effect"] == pytest.approx(1, abs=0.35)
        assert likeness[changed]["cosine"] < 0.95 < 0.98 < likeness[same]["cosine"]
        assert likeness[same]["cosine"] > likeness[same]["strangers"] + 0.5
        assert direction.figures["distance_per_sd"] > 1


def test_other_attributes_are_split_at_their_median(plain):
    faces = plain.faces(1000)
    direction, _ = fit_direction(faces, "hair_volume", plain.tools)
    assert direction.threshold == pytest.approx(np.median(faces.columns["hair_volume"]), abs=1)
    assert direction.value_range == pytest.approx(np.percentile(faces.columns["hair_volume"], [1, 99]), rel=1e-3)


def test_faces_that_were_not_measured_are_left_out_and_counted(plain):
    faces = plain.faces(1000)
    faces.columns["yaw"][::4] = np.nan
    direction, _ = fit_direction(faces, "yaw", plain.tools)
    assert direction.n == 750
    assert direction.figures["drop_rate"] == pytest.approx(0.25)


def test_an_attribute_never_measured_gives_no_direction(plain):
    faces = plain.faces(500)
    faces.columns["yaw"][:] = np.nan
    with pytest.raises(ValueError, match="measured on 0 of 500"):
        fit_direction(faces, "yaw", plain.tools)


def test_a_direction_without_effect_on_pictures_is_not_given_out(plain):
    def frozen(w: np.ndarray) -> np.ndarray:
        return plain.render(np.zeros_like(w))

    with pytest.raises(ValueError, match="no measurable effect"):
        fit_direction(plain.faces(500), "yaw", replace(plain.tools, render=frozen))


def test_attributes_are_named_exactly():
    assert parse_attributes("yaw, hair_length,yaw", "--keep") == ["yaw", "hair_length"]
    assert parse_attributes("", "--keep") == []
    with pytest.raises(ValueError, match="--keep has 'age', but what is measured is yaw, hair_length"):
        parse_attributes("yaw,age", "--keep")


def test_another_generator_or_parser_is_refused_before_any_work(
    measured: Path, generator: Path, parser: Path, tmp_path: Path
):
    other = tmp_path / "other.safetensors"
    other.write_bytes(parser.read_bytes() + b" ")
    with pytest.raises(ValueError, match="measured with another --parser"):
        fit_directions(measured, tmp_path, generator=str(generator), scorer=Scorer(str(other)), device="cpu")
    with pytest.raises(ValueError, match="band is 0"):
        fit_directions(measured, tmp_path, generator=str(generator), scorer=Scorer(str(parser)), band=0, device="cpu")
    with pytest.raises(ValueError, match="--keep has 'nose'"):
        fit_directions(
            measured, tmp_path, keep="nose", generator=str(generator), scorer=Scorer(str(parser)), device="cpu"
        )


@pytest.mark.parametrize("names", ["", ",", "yaw,yaw", "yaw,,pitch"])
def test_attributes_are_named_once_and_a_refusal_leaves_the_report(measured: Path, tmp_path: Path, names: str):
    (tmp_path / "report.json").write_text("of a good run")
    with pytest.raises(ValueError, match="^--attributes is "):
        fit_directions(measured, tmp_path, attributes=names, device="cpu")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["of a good run"]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_vector_from_elsewhere_goes_as_it_is_or_the_other_way_and_holds_nothing(plain, sign: int):
    faces = plain.faces(1000)
    given = sign * plain.slopes["yaw"] / np.linalg.norm(plain.slopes["yaw"])
    direction, _ = fit_direction(faces, "yaw", plain.tools, boundary=given)
    np.testing.assert_array_equal(direction.vector, sign * given)
    assert direction.figures["turned"] == (sign < 0)
    assert direction.figures["keeps"] == [] and "stability" not in direction.figures
    assert ("given (turned round)" if sign < 0 else "given") in table({"directions": {"yaw": direction.figures}})


def test_a_vector_from_elsewhere_does_not_go_with_what_is_to_be_kept(measured: Path, tmp_path: Path):
    with pytest.raises(ValueError, match="--keep does not go with --boundary"):
        fit_directions(measured, tmp_path, attributes="yaw", keep="pitch", boundary=tmp_path / "yaw.npy", device="cpu")


def test_a_report_is_written_only_when_something_was_fitted(
    measured: Path, generator: Path, parser: Path, tmp_path: Path
):
    (tmp_path / "report.json").write_text("of a good run")
    words = ["--attributes", "yaw", "--generator", str(generator), "--parser", str(parser), "--device", "cpu"]
    with pytest.raises(SystemExit) as end:  # no face is found in these pictures
        run(main, [str(measured), "--out", str(tmp_path), "--workers", "1", *words])
    assert end.value.code == 2
    assert [path.read_text() for path in tmp_path.iterdir()] == ["of a good run"]


def test_an_out_that_is_a_file_is_refused_first(measured: Path, tmp_path: Path):
    (tmp_path / "text.png").write_text("kept")
    with pytest.raises(ValueError, match="--out .*text.png is a file"):
        fit_directions(measured, tmp_path / "text.png", generator="none.pt", device="cpu")


@pytest.mark.slow
def test_the_command_writes_the_same_files_twice_and_keeps_what_is_done(
    measured_many: Path, generator: Path, parser: Path, tmp_path: Path
):
    names = "yaw,hair_volume,hair_lightness"
    reports = []
    networks = {"generator": str(generator), "scorer": Scorer(str(parser)), "device": "cpu"}
    for folder in ("a", "b"):
        reports.append(fit_directions(measured_many, tmp_path / folder, attributes=names, **networks))
    assert "hair_lightness" in reports[0]["directions"]
    assert "yaw" in reports[0]["failed"]
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    stamp = (tmp_path / "a" / "hair_lightness.json").stat().st_mtime_ns
    fit_directions(measured_many, tmp_path / "a", attributes=names, **networks)
    assert (tmp_path / "a" / "hair_lightness.json").stat().st_mtime_ns == stamp
    (tmp_path / "a" / "hair_lightness.png").unlink()
    fit_directions(measured_many, tmp_path / "a", attributes=names, **networks)
    assert (tmp_path / "a" / "hair_lightness.png").read_bytes() == (tmp_path / "b" / "hair_lightness.png").read_bytes()
    report = json.loads((tmp_path / "a" / "report.json").read_text())
    assert report["directions"]["hair_lightness"]["held_out"] > 20
    assert "hair_lightness" in table(reports[0])
    page = (tmp_path / "a" / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 1 + 2 * len(reports[0]["directions"])
    assert 'src="http' not in page


def test_a_way_that_leaves_the_likely_faces_is_not_taken_however_little_it_leaks():
    tried = {"covariance": SimpleNamespace(leak_rms=0.3), "normal": SimpleNamespace(leak_rms=0.1)}
    assert least_leaking(tried, {"covariance": 1.2, "normal": 3.5}) == "normal"
    assert least_leaking(tried, {"covariance": 1.2, "normal": 3.7}) == "covariance"
