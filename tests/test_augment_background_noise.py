# Generated from nbs/17_background_noise.ipynb; edit the notebook, then run make export.
from difcon.augment.background_noise import background_noise
import numpy as np


def test_no_amplitude_is_the_identity():
    pattern, draws = np.linspace(0, 1, 50), np.random.default_rng(0).random((2, 50))
    assert np.array_equal(background_noise(pattern, 0.0, 0.0, *draws), pattern)


def test_noise_stays_within_its_bounds():
    generator = np.random.default_rng(0)
    pattern = generator.random((8, 2000))
    noise = background_noise(pattern, 0.05, 0.02, *generator.random((2, 8, 2000))) - pattern
    assert np.all(np.abs(noise) <= 0.05 + 0.02 * pattern + 1e-12)
    assert np.abs(noise).max() > 0.055
    assert abs(noise.mean()) < 2e-3


def test_white_and_proportional_noise_are_as_uniform_numbers_are():
    generator = np.random.default_rng(1)
    draws = generator.random((2, 40000))
    white = background_noise(np.zeros(40000), 0.03, 0.05, *draws)
    assert np.isclose(white.std(), 0.03 / np.sqrt(3), rtol=0.02)
    both = background_noise(np.ones(40000), 0.03, 0.04, *draws) - 1
    assert np.isclose(both.var(), (0.03**2 + 0.04**2) / 3, rtol=0.03)


def test_limits_of_the_draws():
    assert np.isclose(background_noise(1.0, 0.05, 0.02, 0.0, 0.0), 1 - 0.07)
    assert np.isclose(background_noise(1.0, -0.05, -0.02, 0.0, 0.0), 1 - 0.07)
    assert background_noise(1.0, 0.05, 0.02, 0.5, 0.5) == 1.0
