"""The generator's figures: distances of known distributions, and a run on a small number."""

import numpy as np
import pytest
import torch

from benchmarks.generator import FIRST, main, nearest, renders
from data.files import read_json
from recipes.generator_data import main as render_pairs
from synth.generator import save_generator
from synth.networks import Generator


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
    with pytest.raises(ValueError, match="--generators names no file"):
        main(generators=",")


def test_generators_of_other_latents_are_refused(tmp_path):
    torch.manual_seed(0)
    save_generator(Generator(16, 16, 8, 1, 64, 8), tmp_path / "other.safetensors", {})
    with pytest.raises(ValueError, match="takes z of 16 numbers"):
        main(generators=f"builtin,{tmp_path / 'other.safetensors'}")


@pytest.mark.slow
def test_the_benchmark_prints_and_writes_every_figure(tmp_path, capsys):
    render_pairs(out=tmp_path / "pairs", images=20, size=32, shard_size=10, workers=1)
    main(count=200, renders_folder=tmp_path / "pairs", out=tmp_path / "figures.json")
    figures = read_json(tmp_path / "figures.json")["generators"]["builtin"]
    assert figures["mtcnn_found_psi_0.7"] > 0.5 and figures["frechet"] > figures["frechet_of_renders"] > 0
    assert figures["training_renders"] == 20 and figures["samples_largest"] <= 1 + 1e-5
    assert "ratio" in capsys.readouterr().out
