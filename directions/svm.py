"""A linear SVM on many samples: that of scikit-learn's LinearSVC(dual=False, class_weight="balanced"), solved faster.

It minimises |v|² / 2 + sum of c_i max(0, 1 - y_i v @ x_i)² over the weights v, the last of which, that of a constant 1,
is the intercept. Samples inside the margin alone count, so a Newton step is a ridge regression on them (Chapelle,
"Training a support vector machine in the primal", Neural Computation 2007, section 3), and the next one differs by the
few samples that have entered the margin or left it: one Gram matrix and corrections, at the speed of matrix products.
It ends at the optimum itself, where no sample changes sides.
"""

from __future__ import annotations

import numpy as np

MOST_STEPS = 100  # some ten are taken
LEAST_STEP = 1e-6  # share of a Newton step: when no more than this lowers the loss, rounding is all that is left


def fit_svm(x: np.ndarray, labels: np.ndarray, c: float, start: np.ndarray | None = None) -> np.ndarray:
    """(d + 1,) weights of (N, d) samples: `x` @ weights[:-1] + weights[-1] > 0 predicts labels (N,) bool.

    ValueError where it does not come to an end, as unfinished weights are no SVM's.
    `c`: weight of all samples against that of |v|², shared evenly by both labels; `start`: (d + 1,) weights near the
    answer, which it does not depend on but for rounding; None: 0.
    """
    x = np.column_stack([x, np.ones(len(x))])
    side = np.where(labels, 1.0, -1.0)
    share = c * len(x) / np.where(labels, labels.sum(), (~labels).sum())  # 2 c_i
    root = np.sqrt(share)[:, None]
    weights = np.zeros(x.shape[1]) if start is None else start

    def loss(weights: np.ndarray, scores: np.ndarray) -> float:
        return float(weights @ weights + share @ np.maximum(1 - side * scores, 0) ** 2) / 2

    scores = x @ weights
    inside, hessian = np.zeros(len(x), bool), np.eye(x.shape[1])
    for _ in range(MOST_STEPS):
        now = side * scores < 1
        for rows, sign in ((now & ~inside, 1), (inside & ~now, -1)):
            part = x[rows] * root[rows]
            hessian += sign * (part.T @ part)
        inside = now
        step = np.linalg.solve(hessian, x.T @ np.where(inside, share * side, 0)) - weights
        change, before, length = x @ step, loss(weights, scores), 1.0
        while loss(weights + length * step, scores + length * change) > before and length > LEAST_STEP:
            length /= 2
        weights, scores = weights + length * step, scores + length * change
        if length <= LEAST_STEP or (length == 1 and ((side * scores < 1) == inside).all()):
            return weights
    raise ValueError(
        f"the SVM at C {c:g} has not come to its end in {MOST_STEPS} steps: sample more faces, or leave out those "
        "whose codes lie far from all others"
    )
