"""The exact exchange of hair in the built-in world's latents."""

import torch

from benchmarks.ceiling import HAIR
from recipes import factors
from synth import latents


def test_an_exchange_changes_the_hair_s_factors_alone():
    face, hair = latents(range(8), factors.Z_DIM), latents(range(8, 16), factors.Z_DIM)
    made = factors.unit_factors(factors.exchanged(face, hair, HAIR))
    others = [number for number in range(factors.Z_DIM) if number not in HAIR]
    turned = factors.exchanged(face, hair, HAIR) @ factors.rotation()
    donor = factors.exchanged(hair, hair, HAIR) @ factors.rotation()
    own = factors.exchanged(face, face, HAIR) @ factors.rotation()
    assert torch.allclose(turned[:, HAIR], donor[:, HAIR], atol=1e-5)
    alike = torch.cosine_similarity(turned[:, others], own[:, others])  # all a little longer or shorter
    assert torch.allclose(alike, torch.ones(len(alike)), atol=1e-5)
    assert len(HAIR) > 5 and made.min() >= 0 and made.max() <= 1


def test_one_s_own_hair_changes_nothing():
    face = latents(range(8), factors.Z_DIM)
    same = factors.exchanged(face, face, HAIR)
    assert torch.allclose(factors.unit_factors(same), factors.unit_factors(face), atol=1e-5)
