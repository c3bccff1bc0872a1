"""What edit vectors are made of: training faces, linear models of them, and what an edit is to leave as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from directions.linear import ENOUGH, farthest, ridge_slopes, svm_normal
from directions.spaces import Coded
from directions.vectors import along_way, edit_vector

HALVES_SEED = 1
HALVES = 8
REGRESSION = "regression"  # a way by the slope of a ridge regression, not by the SVM


@dataclass(frozen=True, eq=False)
class Training:
    """Faces on which an attribute was measured, none of them held out, and the rules by which to make vectors of them.

    `threshold` in attribute units; `band`: see linear.fit_linear; `kept`: attributes that an edit holds fixed.
    """

    known: Coded
    name: str
    rows: np.ndarray  # (N,) of the faces
    threshold: float
    band: float
    kept: list[str]

    @cached_property
    def w(self) -> np.ndarray:
        """(N, d) codes."""
        return self.known.codes[self.rows]

    @cached_property
    def values(self) -> np.ndarray:
        """(N,) float64, attribute units."""
        return self.known.faces.columns[self.name][self.rows].astype(np.float64)

    @cached_property
    def kept_slopes(self) -> np.ndarray:
        """(K, d) of what is held fixed."""
        return kept_slopes(self.known, self.kept, self.rows)

    def vector(self, way: str, normal: np.ndarray, ridge: np.ndarray, c: float) -> np.ndarray:
        """(d,) unit edit vector by one of vectors.WAYS, or "regression", from an SVM's normal and C or a ridge's slope.

        ValueError when what is held fixed leaves nothing of the attribute.
        """
        if way == REGRESSION:
            return edit_vector(self.w, ridge, self.kept_slopes)[0]
        return along_way(way, self.w, *self._sides(), normal, c, self.kept_slopes)

    def stability(self, way: str, c: float) -> dict[str, float]:
        """Cosines between the vectors that random halves of the faces give, made as a whole anew: their mean and least.

        Halves scatter as bootstrap samples do, and no face is in one twice: by its double the leave-one-out error of a
        ridge regression would predict it.
        """
        random = np.random.RandomState(HALVES_SEED)
        some = self.rows[np.linspace(0, len(self.rows) - 1, min(len(self.rows), ENOUGH)).astype(int)]
        halves = [np.sort(random.permutation(some)[: len(some) // 2]) for _ in range(HALVES)]
        vectors = np.stack([self._again(way, c, half) for half in halves])
        cosines = (vectors @ vectors.T)[np.triu_indices(HALVES, 1)]
        return {"cosine": float(cosines.mean()), "least": float(cosines.min())}

    def _again(self, way: str, c: float, rows: np.ndarray) -> np.ndarray:
        """The vector of other faces, by models of theirs."""
        anew = replace(self, rows=rows)
        nothing = np.zeros(anew.w.shape[1])
        if way == REGRESSION:
            return anew.vector(way, nothing, ridge_slopes(anew.w, anew.values[:, None])[0], c)
        labels, far = anew._sides()
        return anew.vector(way, svm_normal(anew.w[far], labels[far], c), nothing, c)

    def _sides(self) -> tuple[np.ndarray, np.ndarray]:
        """(N,) bool each: above the threshold; far enough from it for the SVM."""
        values = self.values
        return values > self.threshold, farthest(values, np.ones(len(values), bool), self.threshold, self.band)


def kept_slopes(known: Coded, names: list[str], rows: np.ndarray) -> np.ndarray:
    """(K, d) slopes on the codes of the attributes that an edit is to leave as they are, from faces `rows`.

    What does not vary, or was hardly ever measured, needs no holding.
    """
    slopes = np.zeros((len(names), known.codes.shape[1]))
    values = {name: known.faces.columns[name][rows] for name in names}
    together: dict[bytes, list[str]] = {}  # attributes measured on the same faces share the work
    for name in names:
        together.setdefault(np.isfinite(values[name]).tobytes(), []).append(name)
    for group in together.values():
        there = np.isfinite(values[group[0]])
        found = ridge_slopes(known.codes[rows[there]], np.stack([values[name][there] for name in group], axis=1))
        slopes[[names.index(name) for name in group]] = found
    return slopes[slopes.any(axis=1)]
