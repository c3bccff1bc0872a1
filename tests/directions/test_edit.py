"""The edit command on tiny networks with a direction made by hand."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from data.files import sha256
from directions.attributes import MEASURED
from directions.curve import Curve
from directions.direction import Direction, save_direction
from directions.edit import asked, main, parse_values
from directions.pictures import LEAST_SIDE, caption, edit_caption

D = 8


@pytest.fixture()
def flags(generator: Path, parser: Path, tmp_path: Path) -> dict:
    """Flags of the command, with a folder that holds a direction for hair_lightness."""
    vector = np.eye(D)[0]
    direction = Direction(
        attribute="hair_lightness",
        unit="CIE L*",
        space="W",
        vector=vector,
        step=4.0,
        curve=Curve(np.array([30.0, 70.0]), np.array([42.0, 58.0])),
        normal=vector,
        intercept=0.0,
        threshold=50.0,
        ridge=vector * 4,
        ridge_intercept=50.0,
        sd=8.0,
        value_range=(20.0, 80.0),
        accuracy=0.9,
        balanced_accuracy=0.9,
        n=100,
        generator=sha256(generator),
        psi=1.0,
        seeds="0-99",
        scorer={},
        figures={},
    )
    save_direction(direction, tmp_path / "directions" / "hair_lightness.json")
    return {
        "seed": 7,
        "attribute": "hair_lightness",
        "generator": str(generator),
        "parser": str(parser),
        "directions": str(tmp_path / "directions"),
        "out": tmp_path / "strip.png",
        "device": "cpu",
    }


def test_moving_to_values_subtracts_the_estimate(flags: dict, capsys: pytest.CaptureFixture[str]):
    main(to="40,50,60", search=False, **flags)
    figures = json.loads(flags["out"].with_suffix(".json").read_text())
    present = figures["estimated"]
    wanted = np.array([40, 50, 60])
    assert [picture["by"] for picture in figures["pictures"]] == pytest.approx(wanted - present)
    assert [picture["to"] for picture in figures["pictures"]] == wanted.tolist()
    assert figures["reach"] == [42, 58]
    out = capsys.readouterr().out
    assert out.count("lightness") == 4
    assert out.count("beyond the reach") == 2


def test_a_direction_is_never_written_over_by_the_figures_of_its_edit(flags: dict, tmp_path: Path):
    direction = tmp_path / "directions/hair_lightness.json"
    before = direction.read_bytes()
    with pytest.raises(ValueError, match="hair_lightness.json is one of the files to read: give another name"):
        main(to="50", **flags | {"out": direction.with_suffix(".png")})
    assert direction.read_bytes() == before


def test_a_direction_under_the_name_of_another_attribute_is_refused(flags: dict, tmp_path: Path):
    folder = tmp_path / "directions"
    (folder / "hair_lightness.json").rename(folder / "yaw.json")
    with pytest.raises(ValueError, match="yaw.json moves hair_lightness, not yaw"):
        main(to="50", **flags | {"attribute": "yaw"})


def test_a_search_ends_as_near_as_the_face_can_get_and_says_its_reach(flags: dict, capsys: pytest.CaptureFixture[str]):
    main(by="-2,0,2", **flags)
    figures = json.loads(flags["out"].with_suffix(".json").read_text())
    low, high = figures["reach"]
    assert low < figures["measured"] < high
    for picture in figures["pictures"]:
        nearest = np.clip(picture["to"], low, high)
        assert abs(picture["measured"] - nearest) < 0.1 * (high - low)
    assert "edits of it reach from" in capsys.readouterr().out


def test_a_face_on_which_nothing_can_be_measured_is_said_to_stay(
    flags: dict, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def nothing(crops) -> np.ndarray:
        return np.full(len(crops.images), np.nan)

    monkeypatch.setitem(MEASURED, "hair_lightness", replace(MEASURED["hair_lightness"], measure=nothing))
    main(to="45,50", **flags)
    out = capsys.readouterr().out
    assert "nothing could be measured on any edit of it, so it was not moved" in out and "inf" not in out
    figures = json.loads(flags["out"].with_suffix(".json").read_text())
    assert figures["reach"] == [None, None] and figures["pictures"][0]["measured"] is None


def test_a_caption_gives_the_value_as_it_was_asked():
    assert asked("--to", -30, "yaw -29.8 deg") == "to -30.0: measured yaw -29.8 deg"
    assert asked("--by", 5, "yaw 17.0 deg") == "by +5.0: measured yaw 17.0 deg"


def test_moving_by_nothing_shows_the_face_itself(flags: dict):
    main(by="0,0,6", **flags)
    strip = np.asarray(Image.open(flags["out"]))
    side = (strip.shape[1] - 8) // 3
    first, second, third = (strip[2 : 2 + side, 2 + k * (side + 2) :][:, :side] for k in range(3))
    np.testing.assert_array_equal(first, second)
    assert (first != third).any()


@pytest.mark.parametrize(("moves", "what"), [({}, "neither --to nor --by"), ({"to": "1", "by": "1"}, "exclude")])
def test_exactly_one_of_to_and_by_is_wanted(flags: dict, moves: dict, what: str):
    with pytest.raises(ValueError, match=f"{what}.*exactly one"):
        main(**moves, **flags)


@pytest.mark.parametrize("moves", [{"to": "50,900"}, {"to": "25"}, {"by": "-200"}])
def test_values_where_no_faces_are_are_refused_with_the_reach(flags: dict, moves: dict):
    with pytest.raises(ValueError, match=r"^--(to|by) is .* reach from 42 to 58 CIE .*: give values from"):
        main(**moves, **flags)
    assert not flags["out"].exists()


def test_what_could_not_be_measured_is_said_in_words():
    assert caption("hair_length", float("nan")) == "length not measured"


def test_a_caption_says_what_was_moved_by_how_much_and_what_was_measured_and_fits():
    assert edit_caption("yaw", 20, -12.34) == "moved by +20.0: measured yaw -12.3 deg"
    longest = max((edit_caption(name, -100, -100) for name in MEASURED), key=len)
    width = ImageDraw.Draw(Image.new("RGB", (1, 1))).textlength(longest)
    assert width <= LEAST_SIDE, longest


@pytest.mark.parametrize("name", ["age", "../hair_lightness", "", "hair_lightness.json"])
def test_an_unknown_attribute_is_refused_with_the_known_ones(flags: dict, name: str):
    with pytest.raises(ValueError, match="--attribute is .* one of yaw, hair_length"):
        main(by="1", **(flags | {"attribute": name}))


@pytest.mark.parametrize("text", ["", "a", "1,,2", "nan", "inf", ",".join("1" * 101)])
def test_values_that_are_no_numbers_are_refused(text: str):
    with pytest.raises(ValueError, match="--to is"):
        parse_values(text, "--to")


def test_a_bad_name_for_the_picture_is_refused_before_any_work(flags: dict):
    with pytest.raises(ValueError, match="^--out strip.txt"):
        main(by="1", **(flags | {"out": Path("strip.txt"), "generator": "nothing.pt"}))
    (flags["out"].parent / "text.png").write_text("kept")
    with pytest.raises(ValueError, match="^--out .*cannot be written"):
        main(by="1", **(flags | {"out": flags["out"].parent / "text.png" / "a.png", "generator": "nothing.pt"}))
    with pytest.raises(ValueError, match="^--psi is -1e"):
        main(by="1", **(flags | {"psi": -1e30, "generator": "nothing.pt"}))


@pytest.mark.slow
def test_the_command_line_takes_negative_values(flags: dict, checkout: Path):
    words = [f"--{name}={value}" for name, value in flags.items()]
    command = [sys.executable, "-m", "directions.edit", *words, "--by", "-3,0,3"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert flags["out"].exists()
