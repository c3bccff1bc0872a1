"""How far apart two sets of pictures are as wholes: the Frechet distance of their features (Heusel et al. 2017)."""

from __future__ import annotations

import numpy as np


def frechet(one: np.ndarray, other: np.ndarray) -> float:
    """Squared Frechet distance of two normal distributions fitted to (N, D) and (M, D) features.

    The trace of the root of a product of covariances is that of their common singular values: for a = u uᵀ it is the
    sum of the roots of the eigenvalues of uᵀ b u, which no ill-conditioned b can make complex.
    """
    mean = one.mean(0, dtype=np.float64) - other.mean(0, dtype=np.float64)
    a, b = (np.atleast_2d(np.cov(features, rowvar=False)) for features in (one, other))
    values, vectors = np.linalg.eigh(a)
    u = vectors * np.sqrt(values.clip(0))
    shared = np.sqrt(np.linalg.eigvalsh(u.T @ b @ u).clip(0)).sum()
    return float(mean @ mean + np.trace(a) + np.trace(b) - 2 * shared)
