import torch

from hairnet import samples
from hairnet.samples import Samples, read_pairs, rows_of_step
from hairnet.split import PointsOfW
from synth.generator import load_generator


def test_every_pair_is_seen_once_per_epoch_and_epochs_differ():
    rows = torch.cat([rows_of_step(step, 8, 40, seed=3) for step in range(10)])
    assert sorted(rows[:40].tolist()) == sorted(rows[40:].tolist()) == list(range(40))
    assert rows[:40].tolist() != rows[40:].tolist()


def test_a_batch_across_two_epochs_holds_both():
    rows = torch.cat([rows_of_step(step, 6, 10, seed=0) for step in range(5)])
    assert [sorted(rows[k : k + 10].tolist()) for k in (0, 10, 20)] == [list(range(10))] * 3


def test_kept_pictures_are_those_that_are_rendered_anew(world, monkeypatch):
    G = load_generator(world.generator, "cpu")
    w = read_pairs(world.pairs, G)
    points = PointsOfW(G, w.flatten(0, 1))
    kept = Samples(G, w, points, amp=False)
    monkeypatch.setattr(samples, "KEEP_BYTES", 0)
    fresh = Samples(G, w, points, amp=False)
    assert kept.images is not None and fresh.images is None
    sides, rows = torch.tensor([0, 1, 1]), torch.tensor([5, 5, 39])
    for a, b in zip(vars(kept.take(sides, rows)).values(), vars(fresh.take(sides, rows)).values(), strict=True):
        assert torch.equal(a, b)
