"""Edit vectors: where to move w so that one attribute changes and w stays a likely sample.

The normal n of a linear model predicts an attribute but is a bad way to go: W is ill-conditioned, and a small change of
the attribute along n leaves the cloud of samples. The likeliest change of w that comes with a higher score n @ w is the
covariance of w with that score, S n (S the covariance of w): the pattern that belongs to the filter n (Haufe et al.,
NeuroImage 2014, eq. 6). With other scores held fixed it is the covariance of w with what of the score the others do
not explain: the conditional mean of a normal distribution, so it is S-orthogonal to their normals.
"""

from __future__ import annotations

import numpy as np

from directions.linear import svm_normal

LEAST_LEFT = 1e-3  # share of a score's variance that the kept ones must leave
WAYS = ("covariance", "whitened", "normal")
LEAST_EIGENVALUE = 1e-6  # of the largest: smaller ones count as this much when w is whitened
LEAST_DISTANCE = 1e-11  # of the largest eigenvalue: along those below, samples do not vary and distances say nothing


def along_way(
    way: str, w: np.ndarray, labels: np.ndarray, far: np.ndarray, normal: np.ndarray, c: float, keep: np.ndarray
) -> np.ndarray:
    """The unit edit vector (d,) of one of WAYS, with the scores `keep` (K, d) held fixed, none if it is empty.

    From training samples `w` (N, d) with `labels` (N,) bool, high or low of the attribute, and the normal (d,) and C of
    the SVM that has seen those `far` (N,) from the threshold. `normal`: InterFaceGAN's, less its projection on the kept
    scores; `whitened`: the same in whitened w; `covariance`: see above.
    """
    if way == "covariance":
        return edit_vector(w, normal, keep)[0]
    if way == "normal":
        return _unit(_rejected(normal, keep))
    assert way == "whitened", way
    root = _root(w)
    white = svm_normal((w[far] - w.mean(axis=0)) @ np.linalg.pinv(root).T, labels[far], c)
    return _unit(root @ _rejected(white, keep @ root))


def edit_vector(w: np.ndarray, normal: np.ndarray, keep: np.ndarray | None = None) -> tuple[np.ndarray, float]:
    """(unit edit vector (d,), share of the score's variance that was taken away for the kept scores).

    `w` (N, d) samples; `normal` (d,) of the attribute to change; `keep` (K, d) normals or slopes of the scores that
    must not change, any number of them, also linearly dependent ones; None: none.
    """
    centred = w.astype(np.float64) - w.mean(axis=0, dtype=np.float64)
    score = centred @ normal
    left = score
    if keep is not None and len(keep):
        kept = centred @ np.asarray(keep, np.float64).T
        kept /= np.maximum(kept.std(axis=0), np.finfo(float).tiny)
        left = score - kept @ np.linalg.lstsq(kept, score, rcond=None)[0]
    removed = 1 - float(left @ left) / float(score @ score)
    if removed > 1 - LEAST_LEFT:
        raise ValueError(
            f"{removed:.1%} of this direction is made of the attributes to keep: keep fewer of them, nothing is left"
        )
    vector = centred.T @ left
    return vector / np.linalg.norm(vector), removed


def distance(w: np.ndarray, vector: np.ndarray) -> float:
    """Mahalanobis length of `vector` (d,) among samples `w` (N, d): how many of their SD it leads away."""
    precision = np.linalg.pinv(np.cov(w.T.astype(np.float64)), rcond=LEAST_DISTANCE, hermitian=True)
    return float(np.sqrt(vector @ precision @ vector))


def _root(w: np.ndarray) -> np.ndarray:
    """(d, d) that takes whitened samples to those of (N, d) w."""
    values, axes = np.linalg.eigh(np.cov(w.T.astype(np.float64)))
    return axes * np.sqrt(np.maximum(values, values[-1] * LEAST_EIGENVALUE))


def _rejected(vector: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """(d,) less its projection on the span of (K, d)."""
    if not len(keep):
        return vector
    return vector - keep.T @ np.linalg.lstsq(keep.T, vector, rcond=None)[0]


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
