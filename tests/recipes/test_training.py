"""The training loop: schedule, resume to the same weights, refusal of another state."""

import pytest
import torch
from torch import nn

from recipes import training
from recipes.training import Schedule, batches_of, train


class Stopped(Exception):
    pass


def problem(stop_at: int | None = None):
    """A small regression and its loss; raises Stopped when step `stop_at` is drawn."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 1))
    calls = []

    def loss_of(g: torch.Generator, progress: float) -> torch.Tensor:
        calls.append(progress)
        if stop_at is not None and len(calls) > stop_at:
            raise Stopped
        x = torch.randn(16, 4, generator=g)
        return ((network(x) - x.sum(1, keepdim=True)) ** 2).mean()

    return network, loss_of, calls


def test_a_killed_training_resumes_to_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    schedule = Schedule(steps=30, batch=16, rate=1e-2, seed=1)
    whole, loss_of, _ = problem()
    train(whole, schedule, loss_of, tmp_path / "whole.pt", {})
    stopped, loss_of, _ = problem(stop_at=11)
    with pytest.raises(Stopped):
        train(stopped, schedule, loss_of, tmp_path / "state.pt", {})
    resumed, loss_of, calls = problem()
    record = train(resumed, schedule, loss_of, tmp_path / "state.pt", {})
    assert record["steps"] == 30 and len(calls) == 19
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name])


def test_training_lowers_the_loss(tmp_path):
    network, loss_of, _ = problem()
    before = loss_of(training.drawn_at(0, 0), 0).item()
    record = train(network, Schedule(300, 16, 1e-2, 0), loss_of, tmp_path / "s.pt", {})
    assert record["loss"] < 0.2 * before


def test_a_state_of_another_training_is_refused(tmp_path):
    network, loss_of, _ = problem()
    train(network, Schedule(2, 16, 1e-2, 0), loss_of, tmp_path / "s.pt", {"seed": 0})
    with pytest.raises(ValueError, match="another training"):
        train(network, Schedule(2, 16, 1e-2, 0), loss_of, tmp_path / "s.pt", {"seed": 1})


def test_the_learning_rate_rises_then_falls_to_nothing():
    schedule = Schedule(steps=100, batch=1, rate=1.0, seed=0)
    rates = [schedule.learning_rate(k / 100) for k in range(101)]
    peak = rates.index(max(rates))
    assert 2 <= peak <= 6 and rates[peak] == pytest.approx(1.0, abs=0.01) and rates[-1] < 1e-9
    assert rates[0] > 0 and rates[peak:] == sorted(rates[peak:], reverse=True)


def test_minutes_end_the_schedule_early():
    schedule = Schedule(steps=100, batch=1, rate=1.0, seed=0, minutes=2)
    assert schedule.progress(10, seconds=60) == 0.5 and schedule.progress(80, seconds=60) == 0.8
    assert schedule.progress(10, seconds=121) == 1.0


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"batch": -1}, {"rate": 0.0}, {"minutes": 0.0}])
def test_impossible_schedules_name_the_flag(wrong):
    with pytest.raises(ValueError, match="--" + next(iter(wrong))):
        Schedule(**({"steps": 1, "batch": 1, "rate": 1.0, "seed": 0} | wrong))


def test_batches_are_pictures_in_minus_one_to_one():
    images = torch.arange(4 * 2 * 2 * 3, dtype=torch.uint8).view(4, 2, 2, 3)
    x = batches_of(torch.tensor([3, 0]), images)
    assert x.shape == (2, 3, 2, 2) and torch.allclose(x[1, :, 0, 0], torch.tensor([0.0, 1, 2]) / 127.5 - 1)
