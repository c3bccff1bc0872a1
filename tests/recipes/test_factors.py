"""From latents to heads: what hangs together in the built-in world, and what does not."""

import torch

from benchmarks.ceiling import HAIR
from recipes import factors
from synth import latents


def heads_of(z):
    return [factors.head(unit) for unit in factors.unit_factors(z)]


def test_an_exchange_of_hair_in_z_is_the_head_wearing_the_other_hair():
    units = factors.unit_factors(latents(range(64), factors.Z_DIM))
    faces, donors = units[:32], units[32:]
    exchanged = faces.clone()
    exchanged[:, HAIR] = donors[:, HAIR]
    for face, donor, result in zip(faces, donors, exchanged, strict=True):
        assert factors.head(result) == factors.head(face).wearing(factors.head(donor))


def test_latents_with_exchanged_hair_stand_for_such_factors():
    z = latents(range(64), factors.Z_DIM)
    result = factors.unit_factors(factors.exchanged(z[:32], z[32:], HAIR))
    units = factors.unit_factors(z)
    others = [n for n in range(factors.Z_DIM) if n not in HAIR]
    assert torch.allclose(result[:, HAIR], units[32:, HAIR], atol=1e-5)
    assert torch.allclose(result[:, others], units[:32, others], atol=0.05)


def test_every_cut_goes_with_every_person():
    heads = heads_of(latents(range(4000), factors.Z_DIM))
    people = torch.tensor([[h.identity.femininity, h.identity.age, h.identity.skin] for h in heads])
    hairs = torch.tensor([[h.hair.style, h.hair.lightness, h.hair.grey, h.hair.recede, h.hair.length] for h in heads])
    together = torch.corrcoef(torch.cat([people, hairs], 1).T)[:3, 3:]
    assert together.abs().max() < 0.06
