"""ArcFace's loss, and directions of classes that are made of facts."""

import math

import torch
from torch.nn import functional as F

from recipes.arcface import ArcFace


def test_the_loss_is_equation_3():
    torch.manual_seed(0)
    head = ArcFace(torch.eye(5), dimensions=8, scale=16.0, margin=0.4)
    vectors, classes = F.normalize(torch.randn(6, 8)), torch.tensor([0, 1, 2, 3, 4, 0])
    angles = torch.acos(vectors @ head.directions().T)
    terms = []
    for row, k in enumerate(classes):
        own = torch.exp(16 * torch.cos(angles[row, k] + 0.4))
        others = sum(torch.exp(16 * torch.cos(angles[row, j])) for j in range(5) if j != k)
        terms.append(-torch.log(own / (own + others)))
    assert torch.allclose(head(vectors, classes), torch.stack(terms).mean(), atol=1e-4)


def test_the_widened_cosine_falls_with_the_angle_everywhere():
    head = ArcFace(torch.zeros(2, 1), dimensions=2, scale=1.0)
    head.weight.data = torch.eye(2) - head.made(head.facts).data  # directions along the axes
    angles = torch.linspace(0.001, math.pi - 0.001, 200)
    vectors = torch.stack([angles.cos(), angles.sin()], 1)
    widened = head.logits(vectors, torch.zeros(200, dtype=torch.int64), margin=0.5)[:, 0]
    assert (widened.diff() < 0).all()


def test_without_margin_the_loss_is_the_cosine_softmax():
    head = ArcFace(torch.eye(4), dimensions=8, scale=8.0)
    vectors, classes = F.normalize(torch.randn(5, 8)), torch.tensor([0, 1, 2, 3, 1])
    expected = F.cross_entropy(8 * vectors @ head.directions().T, classes)
    assert torch.allclose(F.cross_entropy(head.logits(vectors, classes, 0.0), classes), expected, atol=1e-5)
    assert head(vectors, classes) > expected


def test_classes_with_like_facts_have_like_directions_from_the_start():
    torch.manual_seed(0)
    facts = torch.randn(64, 6)
    facts[1] = facts[0]
    directions = ArcFace(facts, dimensions=64).directions()
    assert torch.allclose(directions.norm(dim=1), torch.ones(64))
    cosines = directions @ directions.T
    twins, mean = cosines[0, 1], (cosines.sum() - 64) / (64 * 63)
    assert twins > 0.9 and mean < twins - 0.3


def test_a_class_whose_facts_alone_are_known_has_a_direction_near_its_own():
    """Pictures are their facts here: what is learned of 40 classes must tell 20 others apart."""
    torch.manual_seed(0)
    facts = torch.randn(60, 8)
    arcface, net = ArcFace(facts, dimensions=16), torch.nn.Linear(8, 16)
    optimiser = torch.optim.Adam([*arcface.parameters(), *net.parameters()], lr=1e-2)
    for _ in range(150):
        which = torch.randint(0, 40, (64,))
        loss = arcface(F.normalize(net(facts[which] + 0.1 * torch.randn(64, 8)), dim=1), which)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    cosines = F.normalize(net(facts[40:]), dim=1) @ arcface.directions()[40:].T
    assert (cosines.argmax(1) == torch.arange(20)).float().mean() > 0.8
