"""Linear models of an attribute on w: an SVM that separates low from high, a ridge regression that predicts the value.

Both are fitted on standardised w and given for w as it is. A sample is held out or not by its seed alone, so every
command and every size of data set agrees on which faces no model has seen.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold

from directions.svm import fit_svm

HELD_OUT = 5  # one seed in five
FOLDS = 3
C_GRID = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # of the SVM; small ones win when the labels are noisy
RIDGE_GRID = np.logspace(-1, 5, 13)
SHUFFLES = 3
ENOUGH = 20_000  # samples to choose C and to fit shuffled labels on
RESAMPLES = 1000
LEAST = 100  # samples below which held-out figures mean nothing


@dataclass(frozen=True, eq=False)
class LinearFit:
    """`normal` @ w + `intercept` > 0 predicts value > threshold; `ridge` @ w + `ridge_intercept` predicts the value."""

    normal: np.ndarray  # (w_dim,)
    intercept: float
    ridge: np.ndarray  # (w_dim,)
    ridge_intercept: float
    figures: dict[str, Any]  # how well it does on the held-out samples


def held_out(seeds: np.ndarray) -> np.ndarray:
    """(N,) seeds -> (N,) bool, true for one seed in five, by a checksum of the seed."""
    return np.array([zlib.crc32(int(seed).to_bytes(8, "little")) % HELD_OUT == 0 for seed in seeds], bool)


def fit_linear(w: np.ndarray, values: np.ndarray, test: np.ndarray, threshold: float, band: float = 1.0) -> LinearFit:
    """Fits on the samples that are not in `test` and judges on all that are.

    `w` (N, d) and `values` (N,) without NaN; `test` (N,) bool; the SVM parts values above `threshold` from the rest.
    `band`: share of the training samples that the SVM sees, those farthest from the threshold; the ridge sees all.
    """
    w, values = w.astype(np.float64), values.astype(np.float64)
    mean, scale = w[~test].mean(axis=0), w[~test].std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    x = (w - mean) / scale
    labels = values > threshold
    far = farthest(values, ~test, threshold, band)
    _check(labels[far], labels[test])
    some = np.flatnonzero(far)
    some = some[:: -(-len(some) // ENOUGH)]
    c = _best_c(x[some], labels[some])
    svm = fit_svm(x[far], labels[far], c)
    slopes, alphas = fit_ridge(x[~test], values[~test, None])
    middle = values[~test].mean()
    figures = {"C": c, "ridge_alpha": float(alphas[0]), "trained_on": int(far.sum()), "held_out": int(test.sum())}
    figures |= _judge_svm(_scores(x[test], svm), labels[test])
    figures |= _judge_ridge(x[test] @ slopes[0] + middle, values[test])
    figures["accuracy_shuffled"] = _shuffled_floor(c, x[some], labels[some], x[test], labels[test])
    normal, slope = svm[:-1] / scale, slopes[0] / scale
    return LinearFit(normal, float(svm[-1] - normal @ mean), slope, float(middle - slope @ mean), figures)


def farthest(values: np.ndarray, train: np.ndarray, threshold: float, band: float) -> np.ndarray:
    """(N,) bool: the share `band` of the training samples on either side that lie farthest from the threshold."""
    if band >= 1:
        return train
    chosen = np.zeros_like(train)
    for side in (train & (values > threshold), train & (values <= threshold)):
        distance = np.where(side, np.abs(values - threshold), -1.0)
        chosen[np.argsort(-distance, kind="stable")[: round(band * side.sum())]] = True
    return chosen & train


def svm_normal(w: np.ndarray, labels: np.ndarray, c: float) -> np.ndarray:
    """(d,) normal of the SVM alone, on all of (N, d) samples."""
    x, scale = _standardised(w)
    return fit_svm(x, labels, c)[:-1] / scale


def ridge_slopes(w: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(K, d) slopes of ridge regressions alone, of values (N, K) on all of (N, d) samples; 0 where these are few."""
    if len(w) < LEAST:
        return np.zeros((values.shape[1], w.shape[1]))
    x, scale = _standardised(w)
    return fit_ridge(x, values)[0] / scale


def fit_ridge(x: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(slopes (K, d), penalties (K,)) of ridge regressions of values (N, K) on samples (N, d) whose mean is 0.

    Each has the penalty of RIDGE_GRID under which samples are predicted best by all others, in closed form: what
    scikit-learn's RidgeCV does, but K regressions share the one decomposition that costs the time.
    """
    values = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    squares, axes = np.linalg.eigh(x.T @ x)
    along = x @ axes
    shrunk = 1 / (np.maximum(squares, 0)[:, None] + RIDGE_GRID)  # (d, penalties)
    own = np.square(along) @ shrunk + 1 / len(x)  # (N, penalties): share of a sample in what is predicted for it
    slopes, penalties = [], []
    for target in values.T:
        moment = along.T @ target
        left_out = (target[:, None] - along @ (moment[:, None] * shrunk)) / (1 - own)
        best = np.argmin(np.square(left_out).mean(axis=0))
        slopes.append(axes @ (moment * shrunk[:, best]))
        penalties.append(RIDGE_GRID[best])
    return np.stack(slopes), np.array(penalties)


def bootstrap_interval(
    values: np.ndarray, statistic: Callable[[np.ndarray], float] = np.mean, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of a statistic of (N, ...) values over resampled rows."""
    random = np.random.RandomState(seed)
    found = [statistic(values[random.randint(0, len(values), len(values))]) for _ in range(RESAMPLES)]
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def _standardised(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(w (N, d) with mean 0 and SD 1, that SD (d,)), float64; what does not vary has 1 instead."""
    scale = w.std(axis=0, dtype=np.float64)
    scale = np.where(scale > 0, scale, 1.0)
    return (w - w.mean(axis=0, dtype=np.float64)) / scale, scale


def _scores(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(N,) scores of an SVM, above 0: high."""
    return x @ weights[:-1] + weights[-1]


def _best_c(x: np.ndarray, labels: np.ndarray) -> float:
    """The C of best accuracy in cross-validation; of equals the smallest, which is the most cautious."""
    right = np.zeros((FOLDS, len(C_GRID)))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(x, labels)
    for fold, (train, test) in enumerate(folds):
        weights = None
        for k, c in enumerate(C_GRID):
            weights = fit_svm(x[train], labels[train], c, weights)
            right[fold, k] = ((_scores(x[test], weights) > 0) == labels[test]).mean()
    return C_GRID[int(np.argmax(right.mean(axis=0)))]


def _check(train: np.ndarray, test: np.ndarray) -> None:
    for labels, which in ((train, "train on"), (test, "hold out")):
        if min(labels.sum(), (~labels).sum()) < LEAST // 10 or len(train) + len(test) < LEAST:
            raise ValueError(
                f"there are only {labels.sum()} high and {(~labels).sum()} low samples to {which}: "
                "sample more faces or take another attribute"
            )


def _judge_svm(scores: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    right = (scores > 0) == labels
    ranked = np.column_stack([scores, labels])
    return {
        "accuracy": float(right.mean()),
        "accuracy_95": bootstrap_interval(right),
        "balanced_accuracy": float(balanced_accuracy_score(labels, scores > 0)),
        "auc": _auc(ranked),
        "auc_95": bootstrap_interval(ranked, _auc),
        "share_high": float(labels.mean()),
    }


def _judge_ridge(predictions: np.ndarray, values: np.ndarray) -> dict[str, Any]:
    predicted = np.column_stack([predictions, values])
    error = np.abs(predictions - values)
    return {
        "ridge_r2": _r2(predicted),
        "ridge_r2_95": bootstrap_interval(predicted, _r2),
        "ridge_mae": float(error.mean()),
        "ridge_mae_95": bootstrap_interval(error),
    }


def _auc(ranked: np.ndarray) -> float:
    """(N, 2) scores and labels 0 or 1 -> share of (high, low) couples that the score puts in order; no ties."""
    high = ranked[np.argsort(ranked[:, 0], kind="stable"), 1] > 0
    lower = np.cumsum(~high)
    return float(lower[high].sum() / max(high.sum() * (~high).sum(), 1))


def _r2(predicted: np.ndarray) -> float:
    """(N, 2) predictions and values -> share of the values' variance that is explained."""
    return float(1 - np.mean((predicted[:, 0] - predicted[:, 1]) ** 2) / predicted[:, 1].var())


def _shuffled_floor(c: float, x: np.ndarray, labels: np.ndarray, x_test: np.ndarray, labels_test: np.ndarray) -> float:
    """Held-out accuracy of SVMs trained on shuffled labels: what there is to gain without any knowledge."""
    random = np.random.RandomState(0)
    fits = (fit_svm(x, random.permutation(labels), c) for _ in range(SHUFFLES))
    return float(np.mean([((_scores(x_test, fit) > 0) == labels_test).mean() for fit in fits]))
