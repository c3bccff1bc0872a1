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
from sklearn.linear_model import RidgeCV
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.svm import LinearSVC

HELD_OUT = 5  # one seed in five
FOLDS = 3
C_GRID = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # of the SVM; small ones win when the labels are noisy
RIDGE_GRID = tuple(np.logspace(-1, 5, 13))
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
    far = _farthest(values, ~test, threshold, band)
    _check(labels[far], labels[test])
    some = np.flatnonzero(far)
    some = some[:: -(-len(some) // ENOUGH)]
    c = _best_c(x[some], labels[some])
    svm = _svm(c).fit(x[far], labels[far])
    ridge = RidgeCV(RIDGE_GRID).fit(x[~test], values[~test])
    figures = {"C": c, "ridge_alpha": float(ridge.alpha_), "trained_on": int(far.sum()), "held_out": int(test.sum())}
    figures |= _judge_svm(svm, x[test], labels[test]) | _judge_ridge(ridge, x[test], values[test])
    figures["accuracy_shuffled"] = _shuffled_floor(c, x[some], labels[some], x[test], labels[test])
    normal, slope = svm.coef_[0] / scale, ridge.coef_ / scale
    return LinearFit(
        normal, float(svm.intercept_[0] - normal @ mean), slope, float(ridge.intercept_ - slope @ mean), figures
    )


def svm_normal(w: np.ndarray, labels: np.ndarray, c: float) -> np.ndarray:
    """(d,) normal of the SVM alone, on all of (N, d) samples."""
    scale = w.std(axis=0, dtype=np.float64)
    scale = np.where(scale > 0, scale, 1.0)
    return _svm(c).fit((w - w.mean(axis=0, dtype=np.float64)) / scale, labels).coef_[0] / scale


def ridge_slope(w: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(d,) slope of the ridge regression alone, on all of (N, d) samples; 0 where there are hardly any."""
    if len(w) < LEAST:
        return np.zeros(w.shape[1])
    scale = w.std(axis=0, dtype=np.float64)
    scale = np.where(scale > 0, scale, 1.0)
    return RidgeCV(RIDGE_GRID).fit((w - w.mean(axis=0, dtype=np.float64)) / scale, values).coef_ / scale


def bootstrap_interval(
    values: np.ndarray, statistic: Callable[[np.ndarray], float] = np.mean, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of a statistic of (N, ...) values over resampled rows."""
    random = np.random.RandomState(seed)
    found = [statistic(values[random.randint(0, len(values), len(values))]) for _ in range(RESAMPLES)]
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def _svm(c: float) -> LinearSVC:
    # The primal problem: its size is that of w, not the number of samples. It needs no random numbers.
    return LinearSVC(C=c, dual=False, tol=1e-4, max_iter=5000, class_weight="balanced")


def _best_c(x: np.ndarray, labels: np.ndarray) -> float:
    """The C of best accuracy in cross-validation; of equals the smallest, which is the most cautious."""
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    scores = [cross_val_score(_svm(c), x, labels, cv=folds).mean() for c in C_GRID]
    return C_GRID[int(np.argmax(scores))]


def _farthest(values: np.ndarray, train: np.ndarray, threshold: float, band: float) -> np.ndarray:
    """(N,) bool: the share `band` of the training samples on either side that lie farthest from the threshold."""
    if band >= 1:
        return train
    chosen = np.zeros_like(train)
    for side in (train & (values > threshold), train & (values <= threshold)):
        distance = np.where(side, np.abs(values - threshold), -1.0)
        chosen[np.argsort(-distance, kind="stable")[: round(band * side.sum())]] = True
    return chosen & train


def _check(train: np.ndarray, test: np.ndarray) -> None:
    for labels, which in ((train, "train on"), (test, "hold out")):
        if min(labels.sum(), (~labels).sum()) < LEAST // 10 or len(train) + len(test) < LEAST:
            raise ValueError(
                f"there are only {labels.sum()} high and {(~labels).sum()} low samples to {which}: "
                "sample more faces or take another attribute"
            )


def _judge_svm(svm: LinearSVC, x: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    right = svm.predict(x) == labels
    ranked = np.column_stack([svm.decision_function(x), labels])
    return {
        "accuracy": float(right.mean()),
        "accuracy_95": bootstrap_interval(right),
        "balanced_accuracy": float(balanced_accuracy_score(labels, svm.predict(x))),
        "auc": _auc(ranked),
        "auc_95": bootstrap_interval(ranked, _auc),
        "share_high": float(labels.mean()),
    }


def _judge_ridge(ridge: RidgeCV, x: np.ndarray, values: np.ndarray) -> dict[str, Any]:
    predicted = np.column_stack([ridge.predict(x), values])
    error = np.abs(predicted[:, 0] - values)
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
    fits = (_svm(c).fit(x, random.permutation(labels)) for _ in range(SHUFFLES))
    return float(np.mean([(fit.predict(x_test) == labels_test).mean() for fit in fits]))
