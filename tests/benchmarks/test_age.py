"""What a readout of age is judged on."""

import numpy as np
import pytest

from benchmarks import age
from benchmarks.age import GREY, main, read, readout
from recipes import factors, generator_data
from synth import latents


def test_a_readout_of_what_says_the_age_follows_it_and_of_noise_does_not():
    random = np.random.RandomState(0)
    ages = random.uniform(0, 1, 600)
    noise = random.randn(600, 8)
    assert readout(np.column_stack([noise, ages]), ages)["r"] > 0.99
    assert abs(readout(noise, ages)["r"]) < 0.3


def test_what_only_shows_in_old_age_says_little_of_the_others():
    random = np.random.RandomState(0)
    ages = random.uniform(0, 1, 900)
    grey = np.column_stack([np.maximum(ages - GREY, 0), random.randn(900)])
    found = readout(grey, ages)
    assert found["r"] > 0.5 and abs(found["below"]) < 0.2


@pytest.mark.parametrize("flag", ["heads", "images"])
def test_too_few_are_refused_by_their_flag_alone(flag):
    with pytest.raises(ValueError, match=f"^--{flag} is 5: give 30 or more$"):
        main(**{flag: 5})


@pytest.fixture(scope="module")
def renders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("renders")
    generator_data.main(out=folder, images=4, size=16, shard_size=2, workers=1)
    return folder


def test_the_ages_of_renders_are_those_of_their_heads(renders):
    images, ages = read(renders, 3)
    units = factors.unit_factors(latents(range(3), factors.Z_DIM))
    assert images.shape == (3, 16, 16, 3)
    np.testing.assert_allclose(ages, [factors.head(unit).identity.age for unit in units], atol=1e-6)


def test_a_folder_with_too_few_renders_or_none_is_refused(renders, tmp_path):
    with pytest.raises(ValueError, match="--images is 5, but --renders .* has 4"):
        read(renders, 5)
    with pytest.raises(FileNotFoundError, match="has no renders"):
        read(tmp_path, 5)


@pytest.mark.parametrize("changed", ["renderer", "factors"])
def test_renders_of_another_world_or_renderer_are_refused(renders, monkeypatch, changed):
    if changed == "renderer":
        monkeypatch.setattr(age, "maker", lambda: "of tomorrow")
    else:
        monkeypatch.setitem(factors.LIVE, "identity.age", (0.0, 0.9))
    with pytest.raises(ValueError, match="is of another world or by another renderer: render the folder again"):
        read(renders, 4)
