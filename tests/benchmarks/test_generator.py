"""The generator's figures: distances of known distributions, and a run on a small number."""

import numpy as np
import pytest

from benchmarks.generator import FIRST, frechet, main, nearest, renders
from data.files import read_json
from recipes.generator_data import main as render_pairs


def test_the_frechet_distance_of_known_distributions():
    random = np.random.RandomState(0)
    a = random.randn(200_000, 3)
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    # means 2 apart: 4; standard deviations 1 and 3 on one axis: (3 - 1)^2
    assert frechet(a, a + [2, 0, 0]) == pytest.approx(4, rel=1e-6)
    assert frechet(a, random.randn(200_000, 3) * [1, 3, 1]) == pytest.approx(4, rel=0.05)


def test_the_nearest_neighbour_is_the_one_with_the_largest_cosine():
    gallery = np.eye(4, dtype=np.float32)
    queries = np.array([[0.6, 0.8, 0, 0], [0, 0, 0, 1]], np.float32)
    assert nearest(queries, gallery).tolist() == pytest.approx([0.8, 1.0])


def test_renders_are_of_the_latents_of_their_seeds():
    first = renders([FIRST, FIRST + 1], 32)
    assert first.shape == (2, 32, 32, 3) and (first[0] != first[1]).any()
    assert np.array_equal(renders([FIRST + 1], 32)[0], first[1])


def test_too_few_samples_and_an_empty_folder_are_refused_before_work_starts(tmp_path):
    with pytest.raises(ValueError, match="--count is 10"):
        main(count=10)
    with pytest.raises(ValueError, match="holds no renders"):
        main(renders_folder=tmp_path)


@pytest.mark.slow
def test_the_benchmark_prints_and_writes_every_figure(tmp_path, capsys):
    render_pairs(out=tmp_path / "pairs", images=20, size=32, shard_size=10, workers=1)
    main(count=200, renders_folder=tmp_path / "pairs", out=tmp_path / "figures.json")
    figures = read_json(tmp_path / "figures.json")
    assert figures["mtcnn_found_psi_0.7"] > 0.5 and figures["frechet"] > figures["frechet_of_renders"] > 0
    assert figures["training_renders"] == 20 and figures["samples_largest"] <= 1 + 1e-5
    assert "ratio" in capsys.readouterr().out
