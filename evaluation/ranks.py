"""Exact ranks in a gallery that need not fit in memory.

Shapes: Q queries, N gallery rows, B rows of one block, D numbers per embedding (float32, unit length, so that an inner
product is the cosine). The rank of a mate is one more than the number of other gallery rows that are at least as
similar to the query: ties count against us, and counts of parts of a gallery add up, whoever counted them.

Scores come from float32 matrix products, whose rounding depends on block shape, thread count and device. Rows too close
to the mate for float32 to decide are therefore scored again in float64, so the rank is that of the given numbers and
of nothing else. A difference below float64's own error is a tie.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

BLOCK = 4096  # gallery rows per matrix product: the fastest of 1024 ... 16384 for 1,000 queries on a CPU
PAIRS = 16384  # undecided pairs scored in float64 at a time: 128 MiB at D = 512

Rows = np.ndarray | Tensor
Gallery = Rows | Iterable[Rows]


def rank_of_mate(
    queries: Rows,
    gallery: Gallery,
    mate: Rows,
    block: int = BLOCK,
    device: str | torch.device | None = None,
) -> np.ndarray:
    """Exact 1-based rank of each query's mate among all gallery rows; ties count against the mate.

    queries: (Q, D) unit length. gallery: (N, D), or an iterable of (B, D) blocks that can be walked twice (a list, or
    an object whose __iter__ starts afresh), so that no gallery is too large. mate: (Q,) gallery row of each one's mate.
    block: rows per matrix product; no rank depends on it. device: None = cuda if there. Returns (Q,) int64.
    """
    if block < 1:
        raise ValueError(f"block is {block}, but a block needs at least one gallery row; leave it at {BLOCK}")
    queries = embeddings(queries, "queries")
    rows = mate_rows(mate, len(queries))
    if not isinstance(gallery, np.ndarray | Tensor) and iter(gallery) is gallery:
        raise ValueError("the gallery is an iterator that can be walked only once; pass a list or an object to iterate")
    mates, size = gather(gallery, rows, block, queries.shape[1])
    if len(rows) and rows.max() >= size:
        raise ValueError(f"mate names gallery row {rows.max()}, but the gallery has {size} rows, counted from 0")
    target = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    queries, mates = queries.to(target), mates.to(target)
    ahead = torch.zeros(len(queries), dtype=torch.int64)
    for start, part in blocks(gallery, block):
        ahead += count_ahead(queries, mates, part.to(target), torch.from_numpy(rows) - start)
    return 1 + ahead.numpy()


def count_ahead(queries: Tensor, mates: Tensor, part: Tensor, mate: Tensor) -> Tensor:
    """How many rows of one gallery block are at least as similar to each query as its mate, the mate itself left out.

    queries, mates: (Q, D), part: (B, D), all float32 on one device. mate: (Q,) int64 row of the mate within the block;
    any value outside 0 ... B-1 when it lies elsewhere. Returns (Q,) int64 on the CPU.
    """
    if not len(queries) or not len(part):
        return torch.zeros(len(queries), dtype=torch.int64)
    own, wall = exact_scores(queries, mates), rounding_wall(queries, mates, part)
    with full_precision():
        scores = queries @ part.T
    mate = mate.to(scores.device)
    inside = ((mate >= 0) & (mate < len(part))).nonzero()[:, 0]
    scores[inside, mate[inside]] = -torch.inf
    above, below = (own + wall).float()[:, None], (own - wall).float()[:, None]
    ahead = torch.count_nonzero(scores > above, dim=1)
    close = torch.count_nonzero(scores >= below, dim=1) - ahead
    undecided = close.nonzero()[:, 0]
    if len(undecided):
        tight = (scores[undecided] >= below[undecided]) & (scores[undecided] <= above[undecided])
        error = float64_error(queries, part)
        for pairs in tight.nonzero().split(PAIRS):
            q, rival = undecided[pairs[:, 0]], pairs[:, 1]
            wins = exact_scores(queries[q], part[rival]) >= own[q] - error[q]
            ahead.index_add_(0, q, wins.long())
    return ahead.cpu()


def nearest(queries: Rows, gallery: Gallery, block: int = BLOCK) -> tuple[np.ndarray, np.ndarray]:
    """The most similar gallery row of each query, the first of equals: rows (Q,) int64 and cosines (Q,) float32."""
    queries = embeddings(queries, "queries")
    best = torch.full((len(queries),), -torch.inf)
    row = torch.full((len(queries),), -1, dtype=torch.int64)
    for start, part in blocks(gallery, block):
        with full_precision():
            value, where = (queries @ part.T).max(dim=1)
        better = value > best
        best, row = torch.where(better, value, best), torch.where(better, where + start, row)
    return row.numpy(), best.numpy()


def embeddings(rows: Rows, name: str) -> Tensor:
    """(N, D) float32 tensor on the CPU of finite embeddings; ValueError that names the input otherwise."""
    array = rows.detach().cpu() if isinstance(rows, Tensor) else torch.from_numpy(numeric(rows, name))
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"{name} has shape {tuple(array.shape)}, but embeddings are (rows, numbers per row)")
    if array.is_complex():
        raise ValueError(f"{name} is complex, but embeddings are real numbers; take the real part")
    array = array.float().contiguous()
    bad = (~torch.isfinite(torch.linalg.vector_norm(array, dim=1))).nonzero()[:, 0]
    if len(bad):
        raise ValueError(
            f"{name} row {int(bad[0])} is not finite (NaN, infinite or too long), so it has no rank; "
            f"leave out the {len(bad)} such row(s)"
        )
    return array


def numeric(rows: object, name: str) -> np.ndarray:
    """The array behind `rows`, refused when it does not hold plain numbers."""
    array = np.asarray(rows)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name} has dtype {array.dtype}, but embeddings are numbers; pass float32")
    return array.astype(np.float32)


def mate_rows(mate: Rows, count: int) -> np.ndarray:
    """(count,) int64 gallery rows; ValueError when they are not one whole number >= 0 per query."""
    rows = mate.detach().cpu().numpy() if isinstance(mate, Tensor) else np.asarray(mate)
    if rows.shape != (count,):
        raise ValueError(f"mate has shape {rows.shape}, but it is one gallery row for each of the {count} queries")
    if count and rows.dtype.kind not in "iu":
        raise ValueError(f"mate has dtype {rows.dtype}, but it holds gallery rows; pass integers")
    if count and rows.min() < 0:
        raise ValueError(f"mate holds {rows.min()}, but gallery rows are counted from 0")
    return rows.astype(np.int64)


def blocks(gallery: Gallery, size: int) -> Iterator[tuple[int, Tensor]]:
    """(row of the first, (B <= size, D) float32) for all of a gallery, in order."""
    parts = [gallery] if isinstance(gallery, np.ndarray | Tensor) else gallery
    start = 0
    for part in parts:
        # Only `size` rows at a time are copied, so a memory-mapped or float16 gallery stays where it is.
        for first in range(0, max(len(part), 1), size):
            rows = embeddings(part[first : first + size], f"the gallery block from row {start}:")
            yield start, rows
            start += len(rows)


def gather(gallery: Gallery, rows: np.ndarray, block: int, width: int) -> tuple[Tensor, int]:
    """The gallery rows named by `rows`, (Q, D), and the gallery's size; ValueError when D is not `width`, the queries'."""
    found = torch.zeros(len(rows), width)
    size = 0
    for start, part in blocks(gallery, block):
        if part.shape[1] != width:
            raise ValueError(
                f"gallery rows hold {part.shape[1]} numbers and queries {width}; embed both with the same network"
            )
        here = np.flatnonzero((rows >= start) & (rows < start + len(part)))
        found[here] = part[rows[here] - start]
        size = start + len(part)
    return found, size


def exact_scores(a: Tensor, b: Tensor) -> Tensor:
    """Inner products of rows, (N,) float64: the products are exact, and the sum does not depend on the other rows."""
    return (a.double() * b.double()).sum(dim=1)


def rounding_wall(queries: Tensor, mates: Tensor, part: Tensor) -> Tensor:
    """(Q,) float64: farther than this from the mate's score, no float32 product can be on the wrong side of it.

    |fl(x·y) - x·y| <= D u / (1 - D u) |x| |y| with u = 2^-24 for any order of summation (Higham, Accuracy and Stability
    of Numerical Algorithms, sec. 3.1). Twice that also covers storing the border itself in float32.
    """
    longest = torch.maximum(part.double().norm(dim=1).max(), mates.double().norm(dim=1).max())
    return (2 * queries.shape[1] + 2) * 2.0**-24 * queries.double().norm(dim=1) * longest


def float64_error(queries: Tensor, part: Tensor) -> Tensor:
    """(Q,) float64 bound on the difference of two float64 scores that are equal as real numbers."""
    return 2 * queries.shape[1] * 2.0**-53 * queries.double().norm(dim=1) * part.double().norm(dim=1).max()


@contextmanager
def full_precision() -> Iterator[None]:
    """Float32 products in float32: no TF32 on GPUs, no bfloat16 on CPUs, whatever the caller had set."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
