import numpy as np
import pytest
import torch

from data.shards import read_arrays, write_arrays
from hairnet.split import PointsOfW
from hairnet.training import samples
from hairnet.training.samples import Samples, let_in, read_gaps, read_pairs, rows_of_step
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
    kept = Samples(G, w, points, raised=0.1, amp=False)
    monkeypatch.setattr(samples, "KEEP_BYTES", 0)
    fresh = Samples(G, w, points, raised=0.1, amp=False)
    assert kept.images is not None and fresh.images is None
    sides, rows = torch.tensor([0, 1, 1]), torch.tensor([5, 5, 39])
    for a, b in zip(vars(kept.take(sides, rows)).values(), vars(fresh.take(sides, rows)).values(), strict=True):
        assert torch.equal(a, b)


GAPS = torch.tensor([30.0, -5.0, 12.0, -40.0, 1.0, 20.0, -8.0, 3.0])
BY_GAP = GAPS.abs().argsort()


def test_a_curriculum_begins_with_small_gaps_and_ends_with_all_pairs():
    def largest(step: int, most: int) -> float:
        return max(GAPS[let_in(step, 2, most, BY_GAP, seed)].abs().max().item() for seed in range(20))

    assert largest(0, 100) == 3 and largest(50, 100) == 12 and largest(99, 100) == 40
    assert sorted(let_in(99, 8, 100, BY_GAP, 0).tolist()) == list(range(8))
    assert len(let_in(0, 4, 100, BY_GAP, 0).unique()) == 4


def test_no_step_of_a_curriculum_holds_a_pair_twice_and_all_that_are_let_in_are_drawn():
    by_gap = torch.randperm(200, generator=torch.Generator().manual_seed(0))
    steps = [let_in(step, 32, 1000, by_gap, 0) for step in range(50)]
    assert all(len(rows.unique()) == 32 for rows in steps)
    assert {*torch.cat(steps).tolist()} >= {*by_gap[:50].tolist()}
    assert torch.equal(steps[3], let_in(3, 32, 1000, by_gap, 0)) and not torch.equal(steps[3], steps[4])


def test_yaw_gaps_belong_to_the_rows_of_the_pairs(world):
    assert read_gaps(world.pairs).shape == (40,)


@pytest.mark.parametrize("gaps", [np.zeros(39, np.float32), np.full(40, np.nan, np.float32), np.zeros(40, int)])
def test_yaw_gaps_that_do_not_belong_to_the_pairs_are_refused(world, tmp_path, gaps):
    arrays = read_arrays(world.pairs / "pairs-00000.h5") | {"yaw_gap": gaps}
    write_arrays(tmp_path / "pairs-00000.h5", arrays, {"generator_sha256": "0"})
    with pytest.raises(ValueError, match="pairs-00000.h5 has no yaw_gap of 40 finite numbers"):
        read_gaps(tmp_path)


def test_w_that_are_no_numbers_are_refused(world, tmp_path):
    G = load_generator(world.generator, "cpu")
    arrays = read_arrays(world.pairs / "pairs-00000.h5")
    arrays["w_hair"][3, 2] = float("nan")
    write_arrays(tmp_path / "pairs-00000.h5", arrays, {"generator_sha256": G.sha256})
    with pytest.raises(ValueError, match="pairs-00000.h5 holds w that are infinite or no numbers"):
        read_pairs(tmp_path, G)
