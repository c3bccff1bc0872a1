"""The table of figures and what is asked, on results of the plain world."""

import pytest

from benchmarks.directions import shown
from benchmarks.turning import CONDITIONAL, FROM_SIDE, TURNS, kept, leaks
from data.files import read_json, write_json
from directions.attributes import HAIR_ATTRIBUTES
from directions.pairs import Move, pair_up


@pytest.fixture(scope="module")
def figures(world, tmp_path_factory):
    plain, sample, ways, faces = world
    folder = tmp_path_factory.mktemp("plain")
    shards = plain.write(sample, folder / "faces", 300)
    pairs = pair_up(shards, sample, [Move(ways[CONDITIONAL], 40.0)], folder / "pairs", plain.tools, "c" * 64)
    return {
        "kept": kept(ways[CONDITIONAL], faces, plain.tools),
        "plain": leaks(ways, faces, sample.sd, plain.tools),
        "pairs": pairs,
        "true_drift": dict.fromkeys(HAIR_ATTRIBUTES, 0.25),
    }


def test_kept_figures_are_shown_as_those_just_measured(figures, tmp_path):
    write_json(tmp_path / "figures.json", figures)
    assert shown(read_json(tmp_path / "figures.json")) == shown(figures)


def test_every_part_has_its_rows_and_parts_that_were_not_done_have_none(figures):
    rows = {name: shown({name: figures[name]}) for name in ("kept", "plain", "pairs")}
    assert [len(part) for part in rows.values()] == [
        4 * len(FROM_SIDE),
        2 + 2 * len(TURNS) + 1,
        4 + len(HAIR_ATTRIBUTES),
    ]
    assert all(len(row) == 3 for part in rows.values() for row in part) and shown({}) == []
    texts = {row[0]: row[1] for row in shown(figures)}
    pairs = figures["pairs"]
    assert texts["pairs accepted"].startswith(f"{pairs['pairs']:,} of {pairs['faces']:,}")
    assert "better" in texts["leak into all, RMS: plain, conditional, difference"]
    assert all("0.25 SD in heads truly turned" in texts[f"  drift of {name}"] for name in HAIR_ATTRIBUTES)
