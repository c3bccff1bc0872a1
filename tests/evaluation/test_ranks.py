"""Ranks are exact: against a sort, whatever the blocks, in parts, with ties, and for input that means harm."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from evaluation import rank_of_mate
from evaluation.ranks import count_ahead, embeddings, exact_scores, nearest


def unit(rows: int, numbers: int, seed: int) -> np.ndarray:
    """(rows, numbers) float32 random directions."""
    x = np.random.RandomState(seed).randn(rows, numbers)
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def sorted_rank(queries: np.ndarray, gallery: np.ndarray, mate: np.ndarray) -> np.ndarray:
    """The definition: place of the mate in a full float64 sort, after all its equals."""
    ranks = []
    for query, row in zip(queries.astype(np.float64), mate, strict=True):
        scores = gallery.astype(np.float64) @ query
        own = scores[row]
        scores[row] = -np.inf  # equals are sorted before the mate
        order = np.sort(np.append(scores, own))[::-1]
        ranks.append(int(np.searchsorted(-order, -own, side="right")))
    return np.array(ranks)


class Blocks:
    """A gallery that is walked in blocks, afresh each time."""

    def __init__(self, gallery: np.ndarray, size: int) -> None:
        self.gallery, self.size = gallery, size

    def __iter__(self) -> Iterator[np.ndarray]:
        for start in range(0, len(self.gallery), self.size):
            yield self.gallery[start : start + self.size]


def test_ranks_equal_a_full_sort() -> None:
    queries, gallery = unit(50, 32, 0), unit(3000, 32, 1)
    mate = np.random.RandomState(2).randint(0, 3000, 50)
    ranks = rank_of_mate(queries, gallery, mate)
    assert ranks.dtype == np.int64
    assert ranks.tolist() == sorted_rank(queries, gallery, mate).tolist()


@pytest.mark.parametrize("seed", range(200))
def test_ranks_equal_a_brute_force_sort_in_any_case(seed: int) -> None:
    rng = np.random.RandomState(seed)
    rows, queries, numbers = rng.randint(1, 120), rng.randint(1, 12), rng.choice([2, 3, 8, 33, 128])
    different = rng.randint(1, rows + 1)  # few: most rows have doubles
    gallery = unit(different, numbers, seed + 1000)[rng.randint(0, different, rows)]
    if seed % 4 == 0:  # whole numbers: different rows tie exactly
        gallery = np.eye(numbers, dtype=np.float32)[rng.randint(0, numbers, rows)]
    mate = rng.randint(0, rows, queries)
    asked = gallery[mate] + rng.choice([0.0, 0.1, 1.0]) * unit(queries, numbers, seed + 2000)
    asked = (asked / np.linalg.norm(asked, axis=1, keepdims=True)).astype(np.float32)
    expected = []
    for query, row in zip(asked.astype(np.float64), mate, strict=True):
        scores = (gallery.astype(np.float64) * query).sum(1)
        others = np.sort(np.delete(scores, row))[::-1]
        expected.append(1 + int((others >= scores[row]).sum()))  # all that a sort puts before or beside the mate
    block = int(rng.choice([1, 5, 4096]))
    assert rank_of_mate(asked, gallery, mate, block=block).tolist() == expected
    cut = int(rng.randint(0, rows + 1))
    assert rank_of_mate(asked, [gallery[:cut], gallery[cut:]], mate, block=block).tolist() == expected


def test_a_query_that_is_its_mate_ranks_first() -> None:
    gallery = unit(500, 16, 0)
    assert rank_of_mate(gallery, gallery, np.arange(500)).tolist() == [1] * 500


def test_ties_count_against_us() -> None:
    gallery = unit(10, 16, 0)
    gallery[7] = gallery[4] = gallery[2]
    assert rank_of_mate(gallery[[2, 3]], gallery, np.array([2, 3])).tolist() == [3, 1]


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_duplicates_tie_wherever_the_blocks_cut(block: int) -> None:
    gallery = np.repeat(unit(100, 512, 0), 3, axis=0)  # float32 products of equal rows can differ between block shapes
    queries = gallery[::3] + 0.02 * unit(100, 512, 1)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    assert rank_of_mate(queries, gallery, np.arange(0, 300, 3), block=block).tolist() == [3] * 100


def test_a_collapsed_gallery_puts_every_mate_last() -> None:
    gallery = np.tile(unit(1, 64, 0), (400, 1))
    assert rank_of_mate(unit(3, 64, 1), gallery, np.array([0, 200, 399])).tolist() == [400] * 3


def test_rivals_closer_than_float32_can_tell_are_ordered_exactly() -> None:
    rng = np.random.RandomState(0)
    base = unit(1, 512, 0)
    gallery = (base + 1e-7 * rng.randn(2000, 512)).astype(np.float32)
    mate = np.arange(0, 2000, 100)
    queries = np.tile(base, (20, 1))
    assert rank_of_mate(queries, gallery, mate).tolist() == sorted_rank(queries, gallery, mate).tolist()


@pytest.mark.parametrize("block", [1, 13, 4096])
def test_block_size_changes_no_rank(block: int) -> None:
    queries, gallery, mate = unit(20, 24, 0), unit(600, 24, 1), np.arange(20) * 30
    assert rank_of_mate(queries, gallery, mate, block=block).tolist() == sorted_rank(queries, gallery, mate).tolist()


def test_a_gallery_in_blocks_ranks_like_the_whole() -> None:
    queries, gallery, mate = unit(20, 24, 0), unit(601, 24, 1), np.arange(20) * 30
    whole = rank_of_mate(queries, gallery, mate)
    assert rank_of_mate(queries, Blocks(gallery, 97), mate, block=50).tolist() == whole.tolist()
    assert rank_of_mate(queries, [gallery[:1], gallery[1:]], mate).tolist() == whole.tolist()


def test_counts_of_gallery_parts_add_up_across_workers() -> None:
    queries, gallery, mate = unit(20, 24, 0), unit(600, 24, 1), np.arange(20) * 30
    own = exact_scores(embeddings(queries, "queries"), embeddings(gallery[mate], "mates"))
    parts = [(0, 100), (100, 101), (101, 600)]
    counts = [
        count_ahead(
            embeddings(queries, "queries"),
            own,
            embeddings(gallery[start:stop], "gallery"),
            torch.from_numpy(mate) - start,
        )
        for start, stop in parts
    ]
    assert (1 + sum(counts)).tolist() == rank_of_mate(queries, gallery, mate).tolist()


def test_tensors_and_half_precision_galleries_are_taken() -> None:
    queries, gallery, mate = unit(5, 24, 0), unit(60, 24, 1).astype(np.float16), np.arange(5)
    ranks = rank_of_mate(torch.from_numpy(queries), torch.from_numpy(gallery), torch.from_numpy(mate))
    assert ranks.tolist() == sorted_rank(queries, gallery, mate).tolist()


def test_no_query_is_no_rank() -> None:
    assert rank_of_mate(np.zeros((0, 8), np.float32), unit(5, 8, 0), np.zeros(0, np.int64)).tolist() == []


def test_a_reduced_precision_setting_changes_no_rank() -> None:
    queries, gallery, mate = unit(20, 64, 0), unit(500, 64, 1), np.arange(20)
    expected = sorted_rank(queries, gallery, mate).tolist()
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        assert rank_of_mate(queries, gallery, mate).tolist() == expected
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_inputs_are_not_changed() -> None:
    queries, gallery, mate = unit(5, 8, 0), unit(50, 8, 1), np.arange(5)
    copies = queries.copy(), gallery.copy(), mate.copy()
    rank_of_mate(queries, gallery, mate)
    assert all((a == b).all() for a, b in zip((queries, gallery, mate), copies, strict=True))


def test_nearest_finds_the_row_itself_and_the_first_of_equals() -> None:
    gallery = unit(100, 16, 0)
    gallery[60] = gallery[40]
    rows, cosines = nearest(gallery[[3, 60]], gallery, block=32)
    assert rows.tolist() == [3, 40]
    assert np.allclose(cosines, 1, atol=1e-5)


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["queries", "gallery"])
def test_what_is_not_finite_is_refused(poison: float, where: str) -> None:
    arrays = {"queries": unit(5, 8, 0), "gallery": unit(50, 8, 1)}
    arrays[where][3, 2] = poison
    with pytest.raises(ValueError, match=f"{where}.*row.* not finite"):
        rank_of_mate(arrays["queries"], arrays["gallery"], np.arange(5))


@pytest.mark.parametrize(
    ("queries", "gallery", "mate", "reason"),
    [
        (np.zeros(8), unit(5, 8, 0), np.zeros(1, int), "queries has shape"),
        (unit(1, 8, 0), np.zeros(8), np.zeros(1, int), "gallery .*has shape"),
        (unit(1, 8, 0), np.zeros((5, 9)), np.zeros(1, int), "same network"),
        (unit(1, 8, 0), unit(5, 8, 0), np.zeros(2, int), "mate has shape"),
        (unit(1, 8, 0), unit(5, 8, 0), np.zeros(1), "integers"),
        (unit(1, 8, 0), unit(5, 8, 0), np.array([5]), "has 5 rows"),
        (unit(1, 8, 0), unit(5, 8, 0), np.array([-1]), "counted from 0"),
        (unit(1, 8, 0), np.zeros((0, 8)), np.array([0]), "has 0 rows"),
        (np.array([["a", "b"]]), np.zeros((5, 2)), np.array([0]), "numbers"),
        (np.zeros((1, 8), complex), unit(5, 8, 0), np.array([0]), "numbers"),
    ],
)
def test_wrong_shapes_and_types_are_refused(
    queries: np.ndarray, gallery: np.ndarray, mate: np.ndarray, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        rank_of_mate(queries, gallery, mate)


@pytest.mark.parametrize("length", [0.0, 0.98, 1.02, 7.0])
@pytest.mark.parametrize("where", ["queries", "gallery"])
def test_rows_that_are_not_of_unit_length_are_refused(where: str, length: float) -> None:
    arrays = {"queries": unit(5, 8, 0), "gallery": unit(50, 8, 1)}
    arrays[where][3] *= length
    with pytest.raises(ValueError, match=f"{where}.*row.* has length {length:.4g}.*divide each row"):
        rank_of_mate(arrays["queries"], arrays["gallery"], np.arange(5))


def test_an_iterator_that_runs_dry_is_refused() -> None:
    gallery = unit(5, 8, 0)
    with pytest.raises(ValueError, match="walked only once"):
        rank_of_mate(gallery, iter([gallery]), np.arange(5))


def test_a_block_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        rank_of_mate(unit(5, 8, 0), unit(5, 8, 0), np.arange(5), block=0)
