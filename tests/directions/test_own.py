"""Attributes of one's own: measured like all others, and refusals in a sentence."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from data.files import sha256
from data.shards import Shards, attributes_path, read_arrays, read_attrs
from directions.attributes import MEASURED
from directions.measure import measure_shards
from directions.own import read_attribute, register
from directions.scorer import Scorer

REDNESS = """
UNIT = "of 255"
DEFINITION = "mean of the red channel"
def measure(crops):
    return crops.images[..., 0].mean(axis=(1, 2))
"""


@pytest.fixture()
def redness(tmp_path: Path):
    path = tmp_path / "redness.py"
    path.write_text(REDNESS)
    yield path
    MEASURED.pop("redness", None)


def test_an_attribute_of_ones_own_is_measured_beside_the_others(
    measured: Path, parser: Path, redness: Path, tmp_path: Path
):
    folder = shutil.copytree(measured, tmp_path / "faces")
    measure_shards(folder, Scorer(str(parser), own=str(redness)), workers=1, device="cpu")
    shards = Shards(folder)
    expected = shards.images(np.arange(len(shards)))[..., 0].mean(axis=(1, 2))
    np.testing.assert_allclose(shards.attributes("redness"), expected, rtol=1e-5)
    attrs = read_attrs(attributes_path(shards.paths[0]))
    assert attrs["own_redness"] == sha256(redness) and attrs["unit_redness"] == "of 255"
    before = read_arrays(attributes_path(shards.paths[0]))["redness"]
    redness.write_text(REDNESS.replace("[..., 0]", "[..., 1]"))
    measure_shards(folder, Scorer(str(parser), own=str(redness)), workers=1, device="cpu")
    assert not np.array_equal(read_arrays(attributes_path(shards.paths[0]))["redness"], before)


def test_the_shipped_example_reads_the_side_of_the_light():
    path = Path(__file__).resolve().parents[2] / "directions" / "more" / "light_side.py"
    name, attribute = read_attribute(path)
    assert (name, attribute.unit) == ("light_side", "CIE L*") and attribute.definition


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("yaw.py", REDNESS, "name of what is measured already"),
        ("Red.py", REDNESS, "in small letters"),
        ("red.txt", REDNESS, "in small letters"),
        ("red.py", "UNIT = 3", "no text UNIT"),
        ("red.py", "UNIT = 'deg'", "no function measure"),
        ("red.py", "1 / 0", "does not run .ZeroDivisionError"),
        ("red.py", "def (", "does not run .SyntaxError"),
        ("red.py", "import sys; sys.exit(3)", "does not run .SystemExit: 3"),
    ],
)
def test_files_that_are_no_attributes_are_refused(tmp_path: Path, name: str, text: str, rule: str):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=f"^--own .*{name} .*{rule}"):
        register(str(tmp_path / name))
    with pytest.raises(FileNotFoundError, match="^--own .*none.py does not exist"):
        register(str(tmp_path / "none.py"))


@pytest.mark.parametrize(
    ("result", "rule"),
    [
        ("crops.nose", "redness cannot be measured .AttributeError: .*nose.*: mend its measure"),
        ("'a'", "redness cannot be measured .ValueError: could not convert"),
        ("0.5", "redness gives the shape .., but it is one number for each of the 30 crops"),
        ("crops.images[:-1].mean(axis=(1, 2, 3))", "redness gives the shape .29,., but"),
    ],
)
def test_what_gives_no_number_for_each_picture_is_refused_and_nothing_is_written(
    measured: Path, parser: Path, redness: Path, tmp_path: Path, result: str, rule: str
):
    folder = shutil.copytree(measured, tmp_path / "faces")
    before = {path.name: sha256(path) for path in folder.iterdir()}
    redness.write_text(f"UNIT = 'of 255'\ndef measure(crops):\n    return {result}\n")
    with pytest.raises(ValueError, match=rule):
        measure_shards(folder, Scorer(str(parser), own=str(redness)), workers=1, device="cpu")
    assert {path.name: sha256(path) for path in folder.iterdir()} == before
