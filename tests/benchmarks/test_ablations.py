import json

import numpy as np
import pytest

from benchmarks.ablations import END, HELD_OUT, START, TRUTH, VARIANTS, Shared, main, table_of, variant_of
from data.shards import write_arrays
from hairnet.network import new_network
from hairnet.subrtova import SubrtovaConfig
from hairnet.training.recipe import recipe_for
from synth import latents, load_generator


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_a_recipe_with_one_choice_changed(name):
    recipe = recipe_for("demo", 100, None, None, 0, False)
    variant = variant_of(name, 100)
    changed = variant.apply(recipe)
    assert (changed == recipe and variant.perceptual == "none") == (name == "default")
    network = new_network(changed.arch, {"num_ws": 4, "w_dim": 8} | changed.network)
    assert isinstance(network.config, SubrtovaConfig) == (name == "subrtova")


@pytest.mark.parametrize("name", VARIANTS)
def test_what_a_variant_is_compared_with_has_judged_as_many_steps(name):
    recipe = recipe_for("demo", 100, None, None, 0, False)
    variant = variant_of(name, 100)
    changed, against = variant.apply(recipe), variant_of(variant.against, 100).apply(recipe)
    timing = ("w-alone", "judged-from-the-start")  # the choice itself is how many
    assert name in timing or (changed.steps, changed.judged_from()) == (against.steps, against.judged_from())


def test_every_variant_stands_on_the_page_that_has_room_for_its_figures(checkout):
    page = (checkout / "docs/ablations.md").read_text()
    assert page.index(START) < page.index(END)
    assert [name for name in VARIANTS if name != "default" and f"`{name}`" not in page] == []


def test_the_table_has_a_line_per_variant_and_leaves_missing_figures_empty():
    table = table_of({"default": {"millions": 7.5, "iou": 0.25}, "no-hair": {"millions": 7.5}}, 10, 8, 0)
    lines = table.splitlines()
    assert lines[0].startswith("10 steps of 8 pairs") and lines[4].startswith("| default |  | 7.500 | 0.250 |")
    assert lines[5].startswith("| no-hair | default | 7.500 |  |") and len(lines) == 6


def test_unknown_variants_and_pages_without_a_table_are_refused_before_work(tmp_path):
    with pytest.raises(ValueError, match="--variants has 'huge'"):
        main(pairs=tmp_path, variants="default,huge")
    (tmp_path / "page.md").write_text("nothing")
    with pytest.raises(ValueError, match="no table of figures"):
        main(pairs=tmp_path, write=tmp_path / "page.md")


def test_variants_share_the_material_that_is_the_same_for_them(monkeypatch):
    monkeypatch.setattr("benchmarks.ablations.prepare", lambda *arguments: object())
    shared, recipe = Shared(), recipe_for("demo", 10, None, None, 0, False)

    def material(name):
        return shared("G", "judges", "w", variant_of(name, 10).apply(recipe), 0.1, 0, 1)

    assert material("default") is material("no-hair") is material("w-alone")
    assert len({id(material(name)) for name in ("default", "other-seed", "three-persons")}) == 3


@pytest.mark.slow
def test_variants_are_trained_once_and_judged_by_held_out_pairs_and_by_the_truth(tmp_path):
    G = load_generator("builtin", "cpu")
    w = G.mapping(latents(range(200), G.z_dim))[:, 0].detach().numpy()
    write_arrays(
        tmp_path / "pairs" / "pairs-00000.h5",
        {"seed": np.arange(100), "w_face": w[:100], "w_hair": w[100:], "yaw_gap": np.zeros(100, np.float32)},
        {"generator_sha256": G.sha256},
    )
    page = tmp_path / "page.md"
    page.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    for _ in range(2):
        main(pairs=tmp_path / "pairs", out=tmp_path / "out", variants="default,no-hair", steps=2, batch=4, write=page)
    figures = json.loads((tmp_path / "out" / "ablations.json").read_text())["figures"]
    assert set(figures) == {"default", "no-hair"}
    for found in figures.values():
        assert set(found) == {"millions", *TRUTH, *HELD_OUT} and 0 < found["iou"] < 1
    text = page.read_text()
    assert "| no-hair | default |" in text and "old" not in text
    assert text.startswith("before") and text.endswith("after\n")
