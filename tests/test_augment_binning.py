# Generated from nbs/14_binning.ipynb; edit the notebook, then run make export.
from difcon.augment.binning import BINS, BIN_WIDTH, bin_number, binned, binning, two_theta_grid
import bisect
import math
import numba
import numpy as np
import torch


def test_bins_hold_their_lower_edge():
    numbers = np.arange(BINS)
    np.testing.assert_allclose(two_theta_grid()[[0, 1, -1]], [0.005, 0.015, 119.995], rtol=1e-15)
    assert two_theta_grid().shape == (BINS,)
    assert np.array_equal(bin_number(two_theta_grid()), numbers)
    for edges in (numbers / 100, numbers * BIN_WIDTH, np.linspace(0, 120, BINS + 1)[:-1], np.cumsum(np.full(BINS, 0.01)) - 0.01):
        assert np.array_equal(bin_number(edges), numbers)
        assert np.array_equal(bin_number(edges - 1e-7), numbers - 1)
    assert bin_number(np.array([120.0]))[0] == BINS


def slow_binning(two_theta, intensity):
    "Binning in plain Python."
    edges, members = [number / 100 for number in range(12001)], {}
    for position, height in zip(two_theta, intensity):
        members.setdefault(bisect.bisect_right(edges, position + 1e-8) - 1, []).append(height)
    return np.array([math.fsum(members[j]) / len(members[j]) if j in members else 0.0 for j in range(12000)])


def test_binning_equals_a_slow_reference():
    random = np.random.default_rng(0)
    for two_theta in (random.uniform(-5, 130, 3000), random.uniform(30, 42, 3000), np.round(random.uniform(0, 120, 3000), 2)):
        intensity = random.random(3000)
        np.testing.assert_allclose(binning(two_theta, intensity), slow_binning(two_theta, intensity), rtol=1e-13)
        order = random.permutation(3000)
        np.testing.assert_allclose(binning(two_theta[order], intensity[order]), binning(two_theta, intensity), rtol=1e-13)


def test_binning_takes_the_mean_and_drops_what_is_outside():
    pattern = binning(np.array([10.001, 10.009, 10.01]), np.array([1.0, 0.5, 0.2]))
    assert pattern[1000] == 0.75 and pattern[1001] == 0.2 and np.count_nonzero(pattern) == 2
    edge = binning(np.array([-0.001, 0.0, 119.9999, 120.0, 500.0]), np.ones(5))
    assert np.flatnonzero(edge).tolist() == [0, 11999]
    assert not binning(np.empty(0), np.empty(0)).any()
    heights = np.random.default_rng(0).random(BINS)
    assert np.array_equal(binning(two_theta_grid(), heights), heights)


def test_binning_within_compiled_functions():
    random = np.random.default_rng(0)
    two_theta, intensity = random.uniform(0, 120, 500), random.random(500).astype(np.float32)
    compiled = numba.njit(lambda two_theta, intensity: binned(two_theta, intensity))
    assert np.array_equal(compiled(two_theta, intensity), binning(two_theta, intensity))
    np.testing.assert_allclose(binned.py_func(two_theta, intensity), binning(two_theta, intensity), rtol=1e-13)
    assert np.array_equal(numba.njit(lambda angles: bin_number(angles))(two_theta), bin_number(two_theta))


def test_binning_of_tensors():
    random = np.random.default_rng(1)
    peaks = random.uniform(0, 120, 50), random.random(50)
    pattern = binning(*(torch.from_numpy(values) for values in peaks))
    assert torch.is_tensor(pattern) and np.array_equal(pattern.numpy(), binning(*peaks))
