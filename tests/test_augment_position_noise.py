# Generated from nbs/11_position_noise.ipynb; edit the notebook, then run make export.
from difcon.augment.position_noise import position_noise
import numba
import numpy as np
import torch


def test_position_noise_stays_within_bounds():
    random = np.random.default_rng(0)
    two_theta, draws = np.sort(random.uniform(0, 120, 5000)), random.random(5000)
    assert np.array_equal(position_noise(two_theta, 0.0, draws), two_theta)
    for amplitude in (0.001, 0.0035, 0.005):
        displaced = position_noise(two_theta, amplitude, draws)
        assert np.abs(displaced - two_theta).max() <= amplitude + 1e-13
        assert np.array_equal(position_noise(two_theta, -amplitude, draws), displaced)
        np.testing.assert_allclose(position_noise(two_theta, amplitude, 1 - draws) + displaced, 2 * two_theta, atol=1e-12)
    np.testing.assert_allclose(position_noise(np.full(2, 40.0), 0.005, np.array([0.0, 0.5])), [39.995, 40.0], rtol=1e-15)


def test_position_noise_is_uniform_and_independent():
    draws = (np.arange(100_000) + 0.5) / 100_000
    displacement = position_noise(np.zeros(draws.size), 0.005, draws)
    assert abs(displacement.mean()) < 1e-15
    np.testing.assert_allclose(displacement.var(), 0.005**2 / 3, rtol=1e-9)
    other = draws.copy()
    other[7] = 0.99
    changed = position_noise(np.zeros(draws.size), 0.005, other) != displacement
    assert np.flatnonzero(changed).tolist() == [7]


def test_position_noise_on_arrays_tensors_and_compiled():
    random = np.random.default_rng(0)
    batch, draws = random.uniform(0, 120, (3, 30)), random.random((3, 30))
    amplitudes = np.array([[0.0], [-0.002], [0.005]])
    displaced = position_noise(batch, amplitudes, draws)
    tensors = position_noise(*(torch.from_numpy(part) for part in (batch, amplitudes, draws)))
    assert isinstance(tensors, torch.Tensor)
    np.testing.assert_allclose(tensors.numpy(), displaced, rtol=1e-15)
    compiled = numba.njit(lambda two_theta, amplitude, draws: position_noise(two_theta, amplitude, draws))
    for row, amplitude in enumerate(amplitudes[:, 0]):
        np.testing.assert_allclose(compiled(batch[row], amplitude, draws[row]), displaced[row], rtol=1e-15)
