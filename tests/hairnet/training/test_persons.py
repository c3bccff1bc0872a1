"""The same hair on another person: the built-in generator's codes with their persons exchanged."""

import pytest
import torch

from faces import load_embedder
from hairnet.split import render
from hairnet.training.judges import JudgeFiles
from hairnet.training.persons import exchanged
from synth import latents, load_generator

SHOWN = 64


@pytest.fixture(scope="module")
def generator():
    return load_generator("builtin", "cpu")


@pytest.fixture(scope="module")
def pairs(generator):
    """(2, N, w_dim): here each face is its own hair source."""
    with torch.no_grad():
        w = generator.mapping(latents(range(600), generator.z_dim))[:, 0]
    return torch.stack([w, w])


@pytest.fixture(scope="module")
def judges():
    return JudgeFiles.find("builtin-loss", "builtin-hair", "builtin").load("cpu")


@pytest.fixture(scope="module")
def others(generator, judges, pairs):
    return exchanged(generator, judges, pairs, seed=0, amp=False)[0]


def cosines(name, generator, a, b):
    embed = load_embedder(name, "cpu")
    with torch.no_grad():
        return embed(render(generator, a[:SHOWN])) @ embed(render(generator, b[:SHOWN])).T


def test_the_hair_stays_and_the_person_changes(generator, pairs, others):
    hair = cosines("builtin-hair", generator, pairs[1], others)
    strangers = cosines("builtin-hair", generator, pairs[1], pairs[1])
    between = strangers[~torch.eye(SHOWN, dtype=torch.bool)]
    assert (hair.diagonal() > between.quantile(0.95)).float().mean() > 0.9
    assert cosines("builtin", generator, pairs[1], others).diagonal().mean() < 0.6


def test_the_codes_stay_among_the_generator_s_own(pairs, others):
    w = pairs[1]
    assert others.shape == w.shape and others.dtype == torch.float32
    assert torch.allclose(others.mean(0), w.mean(0), atol=0.02)
    assert (others.std(0) / w.std(0) - 1).abs().max() < 0.15


def test_the_same_seed_exchanges_the_same_persons(generator, judges, pairs, others):
    assert torch.equal(exchanged(generator, judges, pairs, seed=0, amp=False)[0], others)
    assert not torch.equal(exchanged(generator, judges, pairs, seed=1, amp=False)[0], others)


def test_each_time_it_is_somebody_else(generator, judges, pairs, others):
    first, second = exchanged(generator, judges, pairs, seed=0, amp=False, times=2)
    assert torch.equal(first, others)
    assert cosines("builtin", generator, first, second).diagonal().mean() < 0.6
