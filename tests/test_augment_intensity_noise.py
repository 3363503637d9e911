# Generated from nbs/13_intensity_noise.ipynb; edit the notebook, then run make export.
from difcon.augment.intensity_noise import intensity_noise
import numba
import numpy as np
import torch


def test_intensity_noise_is_relative_and_bounded():
    random = np.random.default_rng(0)
    intensity, draws = 10 ** random.uniform(-4, 0, 5000), random.random(5000)
    assert np.array_equal(intensity_noise(intensity, 0.0, draws), intensity)
    for amplitude in (0.001, 0.0035, 0.005):
        noisy = intensity_noise(intensity, amplitude, draws)
        assert np.abs(noisy / intensity - 1).max() <= amplitude * (1 + 1e-9)
        assert np.array_equal(intensity_noise(intensity, -amplitude, draws), noisy)
        np.testing.assert_allclose(intensity_noise(7 * intensity, amplitude, draws), 7 * noisy, rtol=1e-14)
    assert not intensity_noise(np.zeros(5000), 0.005, draws).any()


def test_intensity_noise_is_uniform_and_independent():
    draws = (np.arange(100_000) + 0.5) / 100_000
    change = intensity_noise(np.ones(draws.size), 0.005, draws) - 1
    assert abs(change.mean()) < 1e-12
    np.testing.assert_allclose(change.var(), 0.005**2 / 3, rtol=1e-6)
    other = draws.copy()
    other[7] = 0.99
    changed = intensity_noise(np.ones(draws.size), 0.005, other) - 1 != change
    assert np.flatnonzero(changed).tolist() == [7]


def test_intensity_noise_on_arrays_tensors_and_compiled():
    random = np.random.default_rng(0)
    batch, draws = random.random((3, 30)), random.random((3, 30))
    amplitudes = np.array([[0.0], [-0.002], [0.005]])
    noisy = intensity_noise(batch, amplitudes, draws)
    tensors = intensity_noise(*(torch.from_numpy(part) for part in (batch, amplitudes, draws)))
    assert isinstance(tensors, torch.Tensor)
    np.testing.assert_allclose(tensors.numpy(), noisy, rtol=1e-15)
    compiled = numba.njit(lambda intensity, amplitude, draws: intensity_noise(intensity, amplitude, draws))
    for row, amplitude in enumerate(amplitudes[:, 0]):
        np.testing.assert_allclose(compiled(batch[row], amplitude, draws[row]), noisy[row], rtol=1e-15)
