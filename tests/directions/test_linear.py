"""The linear models on attributes whose truth is known."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score, roc_auc_score

from directions.linear import RIDGE_GRID, bootstrap_interval, fit_linear, fit_ridge, held_out, ridge_slopes, svm_normal
from directions.vectors import edit_vector

D = 24


def synthetic(n: int = 3000, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Anisotropic w, the true slope, and values = 10 (slope @ w standardised, plus noise) + 40."""
    random = np.random.RandomState(0)
    w = (random.randn(n, D) * np.logspace(0, -1, D) + 1).astype(np.float32)
    slope = random.randn(D)
    score = w @ slope
    slope /= score.std()
    return w, slope * 10, (w - 1) @ slope * 10 + 10 * noise * random.randn(n) + 40


def fitted(band: float = 1.0):
    w, slope, values = synthetic()
    test = held_out(np.arange(len(w)))
    return w, slope, fit_linear(w, values, test, float(np.median(values)), band), test


def test_a_linear_attribute_is_found():
    w, slope, fit, test = fitted()
    assert fit.normal @ slope / np.linalg.norm(fit.normal) / np.linalg.norm(slope) > 0.9
    assert fit.ridge @ slope / np.linalg.norm(fit.ridge) / np.linalg.norm(slope) > 0.98
    true_edit = np.cov(w.T.astype(float)) @ slope
    assert edit_vector(w[~test], fit.normal)[0] @ true_edit / np.linalg.norm(true_edit) > 0.99


def test_the_figures_are_of_all_held_out_samples():
    _, _, fit, test = fitted()
    assert fit.figures["held_out"] == test.sum()
    assert fit.figures["trained_on"] == (~test).sum()
    low, high = fit.figures["accuracy_95"]
    # noise of half the signal's SD: the best possible is 1 - arctan(0.5) / pi = 0.852
    assert low < 0.852 < high
    assert fit.figures["ridge_r2"] == pytest.approx(1 / 1.25, abs=0.04)
    assert fit.figures["ridge_mae"] == pytest.approx(5 * np.sqrt(2 / np.pi), abs=0.5)
    for name in ("auc", "ridge_r2"):
        low, high = fit.figures[f"{name}_95"]
        assert low < fit.figures[name] < high


def test_auc_and_r2_are_those_of_the_textbook():
    w, _, fit, test = fitted()
    values = synthetic()[2]
    labels = values[test] > np.median(values)
    assert fit.figures["auc"] == pytest.approx(roc_auc_score(labels, w[test] @ fit.normal), abs=1e-6)
    predicted = w[test].astype(float) @ fit.ridge + fit.ridge_intercept
    assert fit.figures["ridge_r2"] == pytest.approx(r2_score(values[test], predicted), abs=1e-9)


def test_shuffled_labels_give_chance():
    _, _, fit, _ = fitted()
    assert fit.figures["accuracy_shuffled"] == pytest.approx(0.5, abs=0.08)


def test_the_intercept_puts_the_boundary_at_the_threshold():
    w, _, fit, _ = fitted()
    above = w @ fit.normal + fit.intercept > 0
    assert above.mean() == pytest.approx(0.5, abs=0.03)
    assert (w.astype(float) @ fit.ridge + fit.ridge_intercept).mean() == pytest.approx(40, abs=0.5)


def test_a_band_trains_on_fewer_but_judges_on_all():
    _, _, fit, test = fitted(band=0.5)
    assert fit.figures["trained_on"] == pytest.approx((~test).sum() / 2, abs=2)
    assert fit.figures["held_out"] == test.sum()
    assert fit.figures["accuracy"] < 0.9


def test_the_same_data_give_the_same_bytes():
    assert fitted()[2].normal.tobytes() == fitted()[2].normal.tobytes()


def test_a_seed_is_held_out_whatever_the_others_are():
    every = held_out(np.arange(1000))
    np.testing.assert_array_equal(held_out(np.arange(500, 1000)), every[500:])
    assert 150 < every.sum() < 250


def test_one_sided_values_are_refused_in_a_sentence():
    w, _, values = synthetic()
    with pytest.raises(ValueError, match="only 0 high and .* sample more faces"):
        fit_linear(w, values, held_out(np.arange(len(w))), 1000.0)


def test_a_constant_coordinate_of_w_does_no_harm():
    w, _, values = synthetic()
    w[:, 3] = 7
    fit = fit_linear(w, values, held_out(np.arange(len(w))), float(np.median(values)))
    assert fit.normal[3] == 0 and np.isfinite(fit.normal).all()


def test_the_interval_of_a_mean_is_that_of_the_textbook():
    values = np.random.RandomState(5).randn(400)
    low, high = bootstrap_interval(values)
    assert (high - low) / 2 == pytest.approx(1.96 / 20, rel=0.15)


def test_the_normal_alone_is_that_of_the_fit():
    w, _, values = synthetic(noise=0.1)
    normal = svm_normal(w, values > 40, 0.01)
    fit = fit_linear(w, values, held_out(np.arange(len(w))), 40.0)
    assert normal @ fit.normal / np.linalg.norm(normal) / np.linalg.norm(fit.normal) > 0.98


def test_the_ridge_is_that_of_scikit_learn_for_every_attribute_at_once():
    w, _, values = synthetic(600)
    random = np.random.RandomState(3)
    x = (w - w.mean(axis=0, dtype=float)) / w.std(axis=0, dtype=float)
    columns = np.stack([values, values[random.permutation(600)], 100 * random.randn(600) + x[:, 0]], axis=1)
    slopes, penalties = fit_ridge(x, columns)
    assert len(set(penalties)) > 1
    for k, column in enumerate(columns.T):
        theirs = RidgeCV(RIDGE_GRID).fit(x, column)
        assert penalties[k] == theirs.alpha_
        np.testing.assert_allclose(slopes[k], theirs.coef_, atol=1e-9)


def test_slopes_of_hardly_any_samples_are_0():
    w, _, values = synthetic(600)
    np.testing.assert_array_equal(ridge_slopes(w[:50], values[:50, None]), np.zeros((1, D)))
    assert ridge_slopes(w, values[:, None]).any()
