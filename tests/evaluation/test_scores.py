"""Open-set figures and histograms against numbers worked out otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.questions import Answer
from evaluation.scores import open_set, separation, stranger_scores


def test_tpir_counts_first_mates_above_the_threshold_of_the_false_alarms() -> None:
    rival = np.linspace(0.01, 1.0, 100)  # 0.01, 0.02, ..., 1.00
    own = np.full(100, 0.95)
    ranks = np.where(own > rival, 1, 2)
    tenth, hundredth = open_set(Answer(ranks, own, rival))
    assert (tenth["fpir"], tenth["false_alarms"]) == (0.1, 10)
    assert 0.90 < tenth["threshold"] <= 0.91
    assert tenth["tpir"] == 0.94
    assert (hundredth["false_alarms"], hundredth["tpir"]) == (1, 0.0)


def test_equal_scores_raise_no_more_alarms_than_allowed() -> None:
    answer = Answer(np.ones(50, int), np.full(50, 0.9), np.full(50, 0.5))
    for point in open_set(answer):
        assert point["false_alarms"] == 0
        assert point["tpir"] == 1.0


def test_separation_is_the_textbook_d_prime() -> None:
    rng = np.random.RandomState(0)
    found = separation(0.7 + 0.05 * rng.randn(20000), 0.1 + 0.05 * rng.randn(20000))
    assert found["d_prime"] == pytest.approx(12, rel=0.02)
    assert sum(found["genuine"]) == pytest.approx(1) == sum(found["strangers"])
    assert len(found["edges"]) == len(found["genuine"]) + 1


def test_donors_are_no_strangers() -> None:
    queries, gallery = np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32)[[1, 0, 2, 2]]
    left = stranger_scores(queries, gallery, 10, [np.array([11, 10, 12]), np.array([13, 99, 0])])
    assert len(left) == 12 - 4
    assert left.sum() == 1.0  # row 13 is query 2's equal, and not its donor
