"""The SVM against scikit-learn's, which solves the same problem sample by sample."""

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from directions import svm
from directions.svm import fit_svm

D = 20


def samples(count: int = 2000, share: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    """Ill-conditioned x (N, D) off the origin and noisy labels, `share` of them high."""
    random = np.random.RandomState(0)
    x = random.randn(count, D) * np.logspace(0, -1.5, D) + 0.5
    score = x @ random.randn(D) + 0.5 * random.randn(count)
    return x, score > np.quantile(score, 1 - share)


@pytest.mark.parametrize("c", [1e-4, 1e-2, 1.0])
def test_it_is_that_of_scikit_learn(c: float):
    x, labels = samples()
    theirs = LinearSVC(C=c, dual=False, tol=1e-9, max_iter=5000, class_weight="balanced").fit(x, labels)
    np.testing.assert_allclose(fit_svm(x, labels, c), np.append(theirs.coef_, theirs.intercept_), atol=1e-6)


def test_the_gradient_is_0_at_the_answer():
    x, labels = samples()
    weights = fit_svm(x, labels, 0.1)
    ones = np.column_stack([x, np.ones(len(x))])
    side = np.where(labels, 1, -1)
    share = 0.1 * len(x) / np.where(labels, labels.sum(), (~labels).sum())
    gradient = weights - ones.T @ (share * side * np.maximum(1 - side * (ones @ weights), 0))
    np.testing.assert_allclose(gradient, 0, atol=1e-9)


def test_the_answer_does_not_depend_on_the_start():
    x, labels = samples()
    start = np.random.RandomState(1).randn(D + 1)
    np.testing.assert_allclose(fit_svm(x, labels, 1.0, start), fit_svm(x, labels, 1.0), atol=1e-9)
    np.testing.assert_array_equal(start, np.random.RandomState(1).randn(D + 1))


def test_samples_that_a_plane_parts_and_the_same_sample_many_times_are_no_trouble():
    x, _ = samples()
    for some in (x, np.repeat(x[:4], 500, axis=0)):
        labels = some[:, 0] > np.median(some[:, 0])
        weights = fit_svm(some, labels, 1.0)
        assert np.isfinite(weights).all() and ((some @ weights[:-1] + weights[-1] > 0) == labels).mean() > 0.95


def test_unfinished_weights_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(svm, "MOST_STEPS", 1)
    with pytest.raises(ValueError, match="the SVM at C 1 has not come to its end in 1 steps: sample more faces"):
        fit_svm(*samples(), 1.0)
