import dataclasses

import torch

from hairnet.training.judges import JudgeFiles
from hairnet.training.material import prepare
from hairnet.training.samples import read_pairs
from synth.generator import load_generator


def prepared(world, recipe, seed=0):
    G = load_generator(world.generator, "cpu")
    judges = JudgeFiles.find(str(world.embedder), str(world.embedder), str(world.parser)).load("cpu")
    w = read_pairs(world.pairs, G)
    return w, prepare(G, judges, w, dataclasses.replace(recipe, seed=seed), raised=0.1)


def test_pairs_are_taught_from_both_sides_and_on_other_persons_or_held_out(world, recipe):
    w, material = prepared(world, dataclasses.replace(recipe, persons=2))
    assert torch.equal(material.held_out.w, w[:, -recipe.held_out :])
    assert torch.equal(material.taught.w[:2], w[:, : -recipe.held_out])
    assert material.taught.sides == 4 and len(material.taught) == w.shape[1] - recipe.held_out
    rows = {tuple(row) for row in material.held_out.w.flatten(0, 1).tolist()}
    assert rows.isdisjoint(tuple(row) for row in material.taught.w.flatten(0, 1).tolist())


def test_the_same_recipe_prepares_the_same_material(world, recipe):
    one, again, other = (prepared(world, recipe, seed)[1] for seed in (0, 0, 1))
    assert torch.equal(one.units, again.units) and torch.equal(one.taught.images, again.taught.images)
    assert not torch.equal(one.taught.w[2:], other.taught.w[2:])
