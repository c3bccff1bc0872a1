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

from data.world import device_of

BLOCK = 4096  # gallery rows per matrix product: the fastest of 1024 ... 16384 for 1,000 queries on a CPU
PAIRS = 2048  # undecided pairs scored in float64 at a time: 8 MiB at D = 512, which a cache holds
LENGTH_ERROR = 1e-2  # how far a row may be from unit length: what half precision leaves of it, and more

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
    own = exact_scores(queries, pick(gallery, rows, queries.shape[1]))
    target = device_of(device)
    queries, own = queries.to(target), own.to(target)
    ahead = torch.zeros(len(queries), dtype=torch.int64)
    for start, part in blocks(gallery, block):
        ahead += count_ahead(queries, own, part.to(target), torch.from_numpy(rows) - start)
    return 1 + ahead.numpy()


def count_ahead(queries: Tensor, own: Tensor, part: Tensor, mate: Tensor) -> Tensor:
    """How many rows of one gallery block are at least as similar to each query as its mate, the mate itself left out.

    Arguments as those of `compare`. Returns (Q,) int64 on the CPU.
    """
    return compare(queries, own, part, mate)[0]


def compare(queries: Tensor, own: Tensor, part: Tensor, mate: Tensor) -> tuple[Tensor, Tensor]:
    """Each query's rivals in one gallery block, its mate left out: how many are ahead, and the best one's score.

    queries: (Q, D), part: (B, D), float32 on one device. own: (Q,) exact_scores of the queries and their mates. mate:
    (Q,) int64 row of the mate in the block; outside 0 ... B-1 when it lies elsewhere. Returns, on the CPU, the number
    of rows at least as similar as the mate (Q,) int64, exact, and the highest cosine (Q,) float32, -inf without rivals.
    """
    if not len(queries) or not len(part):
        return torch.zeros(len(queries), dtype=torch.int64), torch.full((len(queries),), -torch.inf)
    lengths = row_lengths(queries) * row_lengths(part).max()
    wall = rounding_wall(lengths, own, queries.shape[1])
    above, below = (own + wall).float()[:, None], (own - wall).float()[:, None]
    scores = products(queries, part)
    mate = mate.to(scores.device)
    inside = ((mate >= 0) & (mate < len(part))).nonzero()[:, 0]
    scores[inside, mate[inside]] = -torch.inf
    ahead = torch.zeros(len(queries), dtype=torch.int64, device=scores.device)
    best = scores.amax(dim=1)
    beaten = (best >= below[:, 0]).nonzero()[:, 0]  # most mates have no rival in most blocks
    scores, above, below = scores[beaten], above[beaten], below[beaten]
    ahead[beaten] = torch.count_nonzero(scores > above, dim=1)
    equal = 2 * queries.shape[1] * 2.0**-53 * lengths  # float64's own error
    for pairs in ((scores >= below) & (scores <= above)).nonzero().split(PAIRS):
        q, rival = beaten[pairs[:, 0]], pairs[:, 1]
        wins = exact_scores(queries[q], part[rival]) >= own[q] - equal[q]
        ahead.index_add_(0, q, wins.long())
    return ahead.cpu(), best.cpu()


def nearest(queries: Rows, gallery: Gallery, block: int = BLOCK) -> tuple[np.ndarray, np.ndarray]:
    """The most similar gallery row of each query, the first of equals: rows (Q,) int64 and cosines (Q,) float32."""
    queries = embeddings(queries, "queries")
    best = torch.full((len(queries),), -torch.inf)
    row = torch.full((len(queries),), -1, dtype=torch.int64)
    for start, part in blocks(gallery, block):
        value, where = products(queries, part).max(dim=1)
        better = value > best
        best, row = torch.where(better, value, best), torch.where(better, where + start, row)
    return row.numpy(), best.numpy()


def embeddings(rows: Rows, name: str) -> Tensor:
    """(N, D) float32 tensor on the CPU of unit length; ValueError that names the input otherwise."""
    array = rows.detach().cpu() if isinstance(rows, Tensor) else torch.from_numpy(numeric(rows, name))
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"{name} has shape {tuple(array.shape)}, but embeddings are (rows, numbers per row)")
    if array.is_complex():
        raise ValueError(f"{name} is complex, but embeddings are real numbers; take the real part")
    array = array.float().contiguous()
    lengths = torch.linalg.vector_norm(array, dim=1)
    bad = (~torch.isfinite(lengths)).nonzero()[:, 0]
    if len(bad):
        raise ValueError(
            f"{name} row {int(bad[0])} is not finite (NaN, infinite or too long), so it has no rank; "
            f"leave out the {len(bad)} such row(s)"
        )
    wrong = ((lengths - 1).abs() > LENGTH_ERROR).nonzero()[:, 0]
    if len(wrong):
        raise ValueError(
            f"{name} row {int(wrong[0])} has length {float(lengths[wrong[0]]):.4g}, but embeddings have length 1, "
            "so that an inner product is their cosine; divide each row by its length"
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


def pick(gallery: Gallery, rows: np.ndarray, width: int) -> Tensor:
    """The gallery rows named by `rows`, (Q, width) float32; ValueError when they are not there or not that wide."""
    found, size = torch.zeros(len(rows), width), 0
    for part in [gallery] if isinstance(gallery, np.ndarray | Tensor) else gallery:
        if part.ndim != 2 or part.shape[1] != width:
            raise ValueError(
                f"the gallery has shape {tuple(part.shape)}, but it needs rows of {width} numbers like the queries; "
                "embed both with the same network"
            )
        here = np.flatnonzero((rows >= size) & (rows < size + len(part)))
        found[here] = embeddings(part[rows[here] - size], "the gallery's mates")
        size += len(part)
    if len(rows) and rows.max() >= size:
        raise ValueError(f"mate names gallery row {rows.max()}, but the gallery has {size} rows, counted from 0")
    return found


def products(queries: Tensor, part: Tensor) -> Tensor:
    """(Q, D), (B, D) float32 on one device -> all inner products (Q, B) float32."""
    if queries.device.type == "cpu":  # numpy's BLAS: 1.2 times as fast as torch's on AMD processors
        return torch.from_numpy(queries.numpy() @ part.numpy().T)
    with full_precision():
        return queries @ part.T


def exact_scores(a: Tensor, b: Tensor) -> Tensor:
    """Inner products of rows, (N,) float64: the products are exact, and the sum does not depend on the other rows."""
    return (a.double() * b.double()).sum(dim=1)


def row_lengths(rows: Tensor) -> Tensor:
    """(N, D) float32 -> (N,) float64 lengths, rounded up by more than float32's error."""
    return torch.linalg.vector_norm(rows, dim=1).double() * (1 + rows.shape[1] * 2.0**-23)


def rounding_wall(lengths: Tensor, own: Tensor, numbers: int) -> Tensor:
    """(Q,) float64: farther than this from the mate's exact score `own`, no float32 product is on the wrong side of it.

    |fl(x.y) - x.y| <= D u / (1 - D u) |x| |y| with u = 2^-24 for any order of summation (Higham, Accuracy and Stability
    of Numerical Algorithms, sec. 3.1). `lengths` (Q,) bounds |x| |y|, D is `numbers`; the last term is for storing the
    border itself in float32.
    """
    unit = 2.0**-24
    assert numbers * unit < 0.1, f"{numbers} numbers per embedding are too many for float32 sums"
    return numbers * unit / (1 - numbers * unit) * lengths + 2 * unit * own.abs()


@contextmanager
def full_precision() -> Iterator[None]:
    """Float32 products in float32: no TF32 on GPUs, no bfloat16 on CPUs, whatever the caller had set."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
