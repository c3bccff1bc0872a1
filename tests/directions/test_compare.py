"""Ways to change an attribute, in the plain world where every effect is known."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from directions.attributes import MEASURED
from directions.compare import compare, comparison
from directions.report import calibration_plot, comparison_plot, heat_map, matrix, table, write_report
from directions.spaces import Plain


@pytest.fixture(scope="module")
def compared(plain):
    turn = np.linalg.qr(np.random.RandomState(3).randn(plain.width, plain.width))[0]
    turned = Plain("Z", lambda faces: faces.w @ turn, lambda codes: plain.render(codes @ turn.T))
    still = Plain("S", lambda faces: faces.w, lambda codes: plain.render(0 * codes))
    return compare(plain.faces(2000), "yaw", plain.tools, [turned, still])


def test_the_conditional_way_leaks_least_and_the_normal_leads_farthest_away(compared):
    figures = compared[0]
    assert figures["conditional"]["leak_rms"] < 0.05 < figures["covariance"]["leak_rms"]
    ways = ("whitened", "covariance", "regression")
    assert all(figures["normal"]["distance_per_sd"] > figures[way]["distance_per_sd"] for way in ways)


def test_other_spaces_stand_beside_w_or_say_why_not(compared):
    figures = compared[0]
    same, here = figures["in Z"], figures["conditional"]
    assert same["leak_rms"] == pytest.approx(here["leak_rms"], abs=0.03)
    assert same["length_per_sd"] == pytest.approx(here["length_per_sd"], rel=0.1)
    assert same["distance_per_sd"] == pytest.approx(here["distance_per_sd"], rel=0.1)
    assert figures["in S"] == {"failed": "moving along it has no measurable effect on rendered faces"}
    assert "no measurable effect" in comparison(figures)


def test_all_ways_have_the_same_effect_and_a_row(compared):
    figures, picture = compared
    for way in ("normal", "whitened", "covariance", "regression", "conditional"):
        assert figures[way]["likeness"]["effect"] == pytest.approx(1, abs=0.35)
        assert (
            figures[way]["likeness"]["hair"]["cosine"] > figures["random, as visible"]["likeness"]["hair"]["cosine"] - 1
        )
    assert np.isfinite(comparison_plot(figures).get_size_inches()).all()
    lines = comparison(figures).splitlines()
    assert len(lines) == 1 + len(figures)
    assert picture.size[0] > picture.size[1]


UNITS = {name: MEASURED[name].unit for name in MEASURED}


def toy_figures() -> dict:
    """Of a direction of yaw that glasses could not be measured along."""
    likeness = {name: {"cosine": 0.9, "strangers": 0.1} for name in ("identity", "hair")}
    leakage = {name: {"slope": 0.5} for name in MEASURED if name != "yaw"} | {"glasses": {"slope": None}}
    interval = {f"{name}_95": [0.8, 1.0] for name in ("accuracy", "auc", "ridge_r2")}
    figures = interval | {
        "accuracy": 0.9,
        "auc": 0.95,
        "ridge_r2": 0.9,
        "accuracy_shuffled": 0.5,
        "stability": {"cosine": 0.99, "least": 0.97},
        "leak_rms": 0.2,
        "way": "covariance",
    }
    figures |= {"reach": [-30, 30], "edit_mae": 2.0, "distance_per_sd": 1.2, "leakage": leakage, "likeness": likeness}
    figures |= {"scores": [-40.0, -30.0, 0.0, 30.0], "response": [8.0, -30.0, 1.0, 30.0]}
    return figures | {"within_reach": [False, True, True, True]}


def test_tables_and_the_heat_map_show_what_could_not_be_measured():
    report = {"directions": {"yaw": toy_figures()}, "units": UNITS}
    assert "0.900 (0.800-1.000)" in table(report)
    text = matrix(report).splitlines()[1]
    assert "+nan" in text and "+0.50" in text and "0.90 (0.10)" in text
    assert np.isfinite(heat_map(report).get_size_inches()).all()


def test_the_reach_in_the_plot_is_that_of_the_curve_and_not_all_that_has_its_values():
    bold = calibration_plot("yaw", "deg", toy_figures()).axes[0].lines[1]
    assert bold.get_label() == "reach of edits" and list(bold.get_xdata()) == [-30, 0, 30]


def test_a_report_knows_its_own_attributes_whatever_is_measured_now(tmp_path: Path, monkeypatch):
    report = {"faces": 10, "psi": 1.0, "failed": {}, "directions": {"yaw": toy_figures()}, "units": UNITS}
    (tmp_path / "report.json").write_text(json.dumps(report))
    image = Image.new("RGB", (8, 8))
    image.save(tmp_path / "yaw.png")
    monkeypatch.setitem(MEASURED, "beard", MEASURED["yaw"])
    write_report(tmp_path)
    page = (tmp_path / "report.html").read_bytes()
    monkeypatch.delitem(MEASURED, "beard")
    monkeypatch.delitem(MEASURED, "glasses")
    write_report(tmp_path)
    assert (tmp_path / "report.html").read_bytes() == page


def test_a_report_that_cannot_be_written_leaves_the_earlier_plots(tmp_path: Path):
    (tmp_path / "report.json").write_text(json.dumps({"faces": 10, "psi": 1.0, "failed": {}, "directions": {}}))
    (tmp_path / "plot-curve-yaw.png").write_bytes(b"of an earlier report")
    with pytest.raises(ValueError, match="report.json is of an earlier version: run `python -m directions.fit` again"):
        write_report(tmp_path)
    assert (tmp_path / "plot-curve-yaw.png").exists()


def test_no_plot_takes_the_place_of_a_strip_and_those_of_an_earlier_report_go(tmp_path: Path):
    figures = toy_figures()
    figures["leakage"]["yaw"] = {"slope": 0.5}
    report = {"faces": 10, "psi": 1.0, "failed": {}, "directions": {"leakage": figures}}
    report["units"] = UNITS | {"leakage": "deg"}
    (tmp_path / "report.json").write_text(json.dumps(report))
    (tmp_path / "leakage.png").write_bytes(b"the strip")
    (tmp_path / "plot-curve-yaw.png").write_bytes(b"of an earlier report")
    write_report(tmp_path)
    assert (tmp_path / "leakage.png").read_bytes() == b"the strip"
    plots = {"plot-leakage.png", "plot-curve-leakage.png"}
    assert {path.name for path in tmp_path.iterdir()} == plots | {"leakage.png", "report.json", "report.html"}
