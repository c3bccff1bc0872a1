"""The edit vector on a known, badly conditioned normal distribution."""

import numpy as np
import pytest

from directions.vectors import edit_vector

D = 16


def cloud(n: int = 20000) -> tuple[np.ndarray, np.ndarray]:
    """(N, D) normal samples with a condition number of 10^4 around a mean of 3, and their covariance."""
    random = np.random.RandomState(0)
    rotation = np.linalg.qr(random.randn(D, D))[0]
    root = rotation * np.logspace(0, -2, D)
    return (random.randn(n, D) @ root.T + 3).astype(np.float32), root @ root.T


def test_it_is_the_covariance_times_the_normal():
    w, covariance = cloud()
    normal = np.random.RandomState(1).randn(D)
    vector, removed = edit_vector(w, normal)
    expected = covariance @ normal
    assert vector @ expected / np.linalg.norm(expected) > 0.999
    assert np.linalg.norm(vector) == pytest.approx(1)
    assert removed == pytest.approx(0, abs=1e-12)


def test_kept_scores_do_not_change_along_it():
    w, _ = cloud()
    normals = np.random.RandomState(2).randn(4, D)
    free, _ = edit_vector(w, normals[0])
    vector, removed = edit_vector(w, normals[0], normals[1:])
    assert np.abs(normals[1:] @ free).max() > 0.05
    np.testing.assert_allclose(normals[1:] @ vector, 0, atol=1e-9)
    assert normals[0] @ vector > 0
    assert 0 < removed < 1


def test_the_same_score_kept_twice_is_as_if_kept_once():
    w, _ = cloud(2000)
    normals = np.random.RandomState(3).randn(2, D)
    once, removed = edit_vector(w, normals[0], normals[1:])
    twice, removed_twice = edit_vector(w, normals[0], normals[[1, 1]])
    np.testing.assert_allclose(once, twice, atol=1e-9)
    assert removed == pytest.approx(removed_twice)


def test_keeping_the_attribute_itself_is_refused_in_a_sentence():
    w, _ = cloud(2000)
    normal = np.random.RandomState(4).randn(D)
    with pytest.raises(ValueError, match="100.0% of this direction .* keep fewer"):
        edit_vector(w, normal, np.stack([normal * 2, np.ones(D)]))
