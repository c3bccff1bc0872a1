"""Shares, intervals and curves against numbers worked out otherwise."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from evaluation import figures


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (983, 1000, 0.9729, 0.9894), (10, 10, 0.7225, 1.0)],
)
def test_wilson_gives_the_published_intervals(hits: int, trials: int, low: float, high: float) -> None:
    assert figures.wilson(hits, trials) == pytest.approx((low, high), abs=1e-4)


def test_a_summary_counts_what_it_says() -> None:
    row = figures.summary(np.array([1, 1, 1, 7]), gallery=100)
    assert (row["rank_1"], row["mean_rank"], row["median_rank"], row["worst_rank"]) == (0.75, 2.5, 1.0, 7)
    assert (row["rank_5"], row["rank_10"]) == (0.75, 1.0)
    assert row["rank_10_ci95"][1] == 1.0 and 1 <= row["median_rank_ci95"][0] <= row["median_rank_ci95"][1] <= 7
    low, high = row["mean_rank_ci95"]
    assert 1 <= low < 2.5 < high <= 7


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.RandomState(0).rand(50)
    assert figures.bootstrap(values, 3) == figures.bootstrap(values, 3) != figures.bootstrap(values, 4)


def test_the_bootstrap_agrees_with_the_normal_interval_of_a_mean() -> None:
    values = np.random.RandomState(0).randn(1000)
    half = 1.96 * values.std() / np.sqrt(1000)
    low, high = figures.bootstrap(values, 0)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)


def test_rank_1_in_smaller_galleries_is_the_mean_over_all_of_them() -> None:
    others, drawn = 8, 4
    for ahead in range(others + 1):
        subsets = list(combinations(range(others), drawn))  # rows 0 ... ahead-1 are better than the mate
        share = np.mean([all(row >= ahead for row in subset) for subset in subsets])
        assert figures.first_in_subset(np.array([ahead]), others, drawn)[0] == pytest.approx(share, abs=1e-12)


def test_the_curve_ends_in_the_measured_share_and_falls_with_the_gallery() -> None:
    ranks = np.array([1] * 90 + [2, 3, 50, 4000] + [1] * 6)
    points = figures.curve(ranks, 5000)
    assert [point["gallery"] for point in points] == [100, 200, 500, 1000, 2000, 5000]
    shares = [point["rank_1"] for point in points]
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == pytest.approx(0.96)
    assert points[-1]["mean_rank"] == pytest.approx(ranks.mean())


def test_a_curve_at_a_hundred_million_stays_a_share() -> None:
    points = figures.curve(np.array([1, 2, 10**6, 10**8]), 10**8)
    assert all(0 <= point["rank_1"] <= 1 for point in points)
    assert points[-1]["rank_1"] == 0.25
    assert points[0]["rank_1"] == pytest.approx((1 + 1 + 0.99**99 + 0) / 4, abs=1e-3)


def test_the_cmc_rises_to_one_at_the_gallery_s_size() -> None:
    points = figures.cmc(np.array([1, 1, 2, 40]), 1000)
    assert [p["k"] for p in points] == [1, 2, 3, 5, 7, 10, 20, 30, 50, 70, 100, 200, 300, 500, 700, 1000]
    assert [p["share"] for p in points[:2]] == [0.5, 0.75]
    assert points[7]["share"] == 0.75 and points[8]["share"] == points[-1]["share"] == 1.0


def test_yaw_gaps_are_sorted_into_their_buckets_and_unseen_faces_have_their_own() -> None:
    ranks = np.array([1, 2, 1, 1, 1])
    face, hair = np.array([0, 0, 0, -20, np.nan]), np.array([5, -14.9, 15, 40, 0])
    buckets = figures.by_yaw_gap(ranks, face, hair)
    assert [bucket["queries"] for bucket in buckets] == [2, 1, 1, 1]
    assert [bucket["rank_1"] for bucket in buckets] == [0.5, 1.0, 1.0, 1.0]
    assert [bucket["degrees"] for bucket in buckets] == [[0, 15], [15, 30], [30, None], None]


def test_an_empty_bucket_claims_nothing() -> None:
    assert "rank_1" not in figures.by_yaw_gap(np.array([1]), np.zeros(1), np.zeros(1))[2]
