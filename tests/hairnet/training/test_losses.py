import torch

from hairnet.training.losses import (
    Judges,
    Weights,
    charbonnier,
    cosine_distance,
    known_terms,
    masked_distance,
    pixel_distance,
    unknown_terms,
    w_distance,
)


def logits_of(images):
    """A parser for which bright is hair."""
    logits = torch.zeros(len(images), 19, *images.shape[2:])
    logits[:, 13] = images.mean(1) * 20
    return logits


def embed(images):
    return torch.nn.functional.normalize(torch.nn.functional.avg_pool2d(images, 8).flatten(1), dim=1)


JUDGES = Judges(embed, embed, logits_of)


def pictures(n=2):
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(n)) * 2 - 1


def test_equal_pictures_cost_nothing():
    x = pictures()
    assert all(abs(float(term)) < 1e-6 for term in known_terms(JUDGES, x, x).values())
    assert pixel_distance(x, x) == 0 and float(charbonnier(torch.zeros(3)).sum()) == 0


def test_a_darker_and_a_shifted_picture_both_cost():
    x = pictures()
    assert pixel_distance(x * 0.5, x) > 0.2 and pixel_distance(x.roll(1, 3), x) > 0.2


def test_only_the_inside_of_a_mask_is_compared():
    x, mask = pictures(), torch.zeros(2, 1, 32, 32)
    mask[..., 10:20, 10:20] = 1
    outside = torch.where(mask.bool(), x, -x)
    assert masked_distance(outside, x, mask) == 0 and masked_distance(-x, x, mask) > 0.3


def test_the_distance_in_w_counts_in_the_units_given():
    w = torch.zeros(2, 3)
    ws = torch.tensor([1.0, 2.0, 0.0]).expand(2, 4, 3)
    assert torch.isclose(w_distance(ws, w, torch.diag(torch.tensor([2.0, 1.0, 1.0]))), torch.tensor((4.0 + 4.0) / 3))


def test_opposite_embeddings_are_two_apart():
    a = torch.nn.functional.normalize(torch.randn(4, 8), dim=1)
    assert torch.isclose(cosine_distance(a, -a), torch.tensor(2.0)) and cosine_distance(a, a).abs() < 1e-6


def test_an_unpaired_result_is_judged_by_what_is_known_of_it():
    face, hair = pictures(3), pictures(3).flip(0) * 0.5
    terms = unknown_terms(JUDGES, hair, face, torch.ones(3, 1, 32, 32), hair)
    assert terms["hair"] < 1e-6 and terms["colour"] < 1e-6 and terms["mask"] < 1e-6
    assert terms["identity"] > 0.1 and terms["inner"] > 0.1


def test_a_world_without_hair_descriptor_leaves_its_term_out():
    x = pictures()
    assert "hair" not in unknown_terms(Judges(embed, None, logits_of), x, x, torch.ones(2, 1, 32, 32), x)


def test_every_term_reaches_the_picture():
    x = pictures().requires_grad_()
    terms = unknown_terms(JUDGES, x, pictures().flip(0), torch.ones(2, 1, 32, 32), pictures() * 0.3)
    for term in terms.values():
        (gradient,) = torch.autograd.grad(term, x, retain_graph=True)
        assert gradient.abs().sum() > 0 and gradient.isfinite().all()


def test_weights_are_read_by_name_and_told_again():
    weights = Weights.read("pixels=0,hair=2.5")
    assert (weights.pixels, weights.hair, weights.identity) == (0, 2.5, Weights().identity)
    assert Weights.read(weights.text()) == weights and Weights().text() == ""


def test_a_masked_distance_is_the_mean_of_its_rows():
    """So two halves of a batch give what the whole gives."""
    x, y, mask = pictures(4), pictures(4).flip(0), torch.zeros(4, 1, 32, 32)
    for k in range(4):
        mask[k, :, : 8 * (k + 1)] = 1
    halves = [masked_distance(x[k], y[k], mask[k]) for k in (slice(0, 2), slice(2, 4))]
    assert torch.isclose(masked_distance(x, y, mask), sum(halves) / 2)


def test_a_perceptual_judge_adds_a_term_to_known_answers():
    x = pictures()
    judges = Judges(embed, None, logits_of, lambda a, b: (a - b).abs().mean((1, 2, 3)))
    assert known_terms(judges, x, -x)["perceptual"] > 0.5 and "perceptual" not in known_terms(JUDGES, x, x)
