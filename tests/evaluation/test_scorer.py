"""Figures of a face network on known people: worked-out cases, missing faces, a public network on real photos."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from data.files import read_json
from evaluation import scorer
from evaluation.scorer import people_in, verification


def test_figures_of_a_case_that_can_be_worked_out() -> None:
    angles = np.radians([0, 10, 90, 100, 48])  # the last one is 38 degrees from its own person, 42 from the other
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    found = verification(vectors, np.array(["a", "a", "b", "b", "a"]))
    assert (found["photos"], found["people"], found["rank_1"]) == (5, 2, 1.0)
    assert found["worst_mate"] == pytest.approx(np.cos(np.radians(48)), abs=1e-6)
    assert found["nearest_strangers"] == pytest.approx(np.cos(np.radians(42)), abs=1e-6)
    mates, strangers = [10, 48, 38, 10], [90, 100, 80, 90, 42, 52]
    better = np.mean([a < b for a in mates for b in strangers])
    assert found["auc"] == pytest.approx(better)


def test_blocks_of_rows_give_the_figures_of_all_pairs_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = np.random.RandomState(0)
    persons = np.array([f"person {k:02d}" for k in draws.randint(0, 12, 150)])
    centres = {name: draws.randn(6) for name in sorted(set(persons))}
    vectors = np.stack([centres[name] + draws.randn(6) for name in persons]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[1], persons[1] = vectors[0], "another"  # a tie of strangers with a photo's own cosine
    whole = verification(vectors, persons)
    monkeypatch.setattr(scorer, "ROWS", 7)
    assert verification(vectors, persons) == whole
    first, second = np.triu_indices(len(persons), 1)
    cosines = np.einsum("nd,nd->n", vectors[first], vectors[second], dtype=np.float64).astype(np.float32)
    same = persons[first] == persons[second]
    assert whole["auc"] == pytest.approx(roc_auc_score(same, cosines), abs=1e-9)
    threshold = np.sort(cosines[~same])[::-1][int(1e-3 * (~same).sum())]
    assert whole["true_accepts"] == pytest.approx((cosines[same] > threshold).mean())
    assert whole["nearest_strangers"] == pytest.approx(1)


def test_a_photo_without_a_face_is_a_miss() -> None:
    found = verification(np.eye(2, dtype=np.float32)[[0, 0, 1, 1]], np.array(["a", "a", "b", "b"]), unfound=1)
    assert (found["rank_1"], found["undetected"], found["auc"]) == (0.8, 1, 1.0)


def test_a_folder_without_people_is_refused(tmp_path: Path) -> None:
    for person, count in (("a", 2), ("b", 1)):
        (tmp_path / person).mkdir()
        for k in range(count):
            Image.new("RGB", (8, 8)).save(tmp_path / person / f"{k}.png")
    with pytest.raises(ValueError, match="fewer than two folders"):
        people_in(tmp_path)
    with pytest.raises(ValueError, match="is not a folder"):
        people_in(tmp_path / "a" / "0.png")


@pytest.mark.slow
def test_a_public_network_knows_everybody_of_the_material(shared: Path, tmp_path: Path) -> None:
    words = [str(shared / "material/identities"), "--embedder", str(shared / "material/weights/MobileFaceNet.onnx")]
    command = [sys.executable, "-m", "evaluation.scorer", *words, "--out", str(tmp_path / "scorer.json")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    report = read_json(tmp_path / "scorer.json")
    assert report["rank_1"] == 1.0 and report["auc"] >= 0.999 and report["undetected"] == 0
    assert "rank-1 1.000" in done.stdout
