"""What a readout of age is judged on."""

import numpy as np
import pytest

from benchmarks.age import GREY, main, readout


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


def test_too_few_heads_are_refused_by_their_flag():
    with pytest.raises(ValueError, match="--heads is 5"):
        main(heads=5)
