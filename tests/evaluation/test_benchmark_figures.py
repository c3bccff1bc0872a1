"""Means, intervals and paired differences of figures that are not always defined."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.benchmark.figures import compared, in_buckets, means_and_intervals, rows_of
from evaluation.benchmark.triples import Triple, all_triples, first_of_each


@pytest.fixture(scope="module")
def few() -> list[Triple]:
    return first_of_each(all_triples(), 3)


def mean_and_interval(values: np.ndarray, seed: int) -> dict | None:
    return means_and_intervals({"x": values}, seed)["x"]


def test_the_interval_is_about_two_standard_errors_wide() -> None:
    values = np.random.RandomState(0).randn(400)
    found = mean_and_interval(values, 0)
    assert found is not None and found["count"] == 400
    assert found["mean"] == pytest.approx(values.mean())
    low, high = found["ci95"]
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert low < found["mean"] < high


def test_what_is_not_defined_is_left_out_and_counted() -> None:
    found = mean_and_interval(np.array([1.0, np.nan, 3.0, np.nan]), 0)
    assert found is not None and (found["mean"], found["count"]) == (2.0, 2)
    assert mean_and_interval(np.full(4, np.nan), 0) is None


def test_the_same_seed_gives_the_same_interval_and_another_does_not() -> None:
    values = np.random.RandomState(1).rand(50)
    assert mean_and_interval(values, 3) == mean_and_interval(values, 3)
    assert mean_and_interval(values, 3) != mean_and_interval(values, 4)


def test_overall_is_the_crowd_and_buckets_are_what_triples_say(few: list[Triple]) -> None:
    gap = np.array([triple.gap for triple in few])
    found = in_buckets({"gap": gap}, few, 0)
    crowd = [triple.kind == "crowd" for triple in few]
    assert found["overall"]["triples"] == sum(crowd) == 9
    assert found["overall"]["figures"]["gap"]["mean"] == pytest.approx(gap[crowd].mean())
    assert found["buckets"]["easy"]["figures"]["gap"]["mean"] < 15
    assert found["buckets"]["turned"]["triples"] == 6
    assert list(found["buckets"]) == list(rows_of(few))


def test_a_difference_is_paired_so_its_interval_is_narrower_than_the_methods_own(few: list[Triple]) -> None:
    base = np.random.RandomState(0).randn(len(few)) * 10
    better = base + 1 + 0.01 * np.random.RandomState(1).randn(len(few))
    found = compared({"a": {"m": base}, "b": {"m": better}}, few, 0)
    difference = found["overall"]["differences"]["m"]["b - a"]
    assert difference["mean"] == pytest.approx(1, abs=0.02)
    assert difference["ci95"][1] - difference["ci95"][0] < 0.05
    assert found["methods"] == ["a", "b"]
