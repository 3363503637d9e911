# Generated from nbs/12_peak_cropping.ipynb; edit the notebook, then run make export.
from difcon.augment.peak_cropping import peak_cropping
import numba
import numpy as np
import torch


def test_peak_cropping_keeps_the_inside_and_its_limits():
    random = np.random.default_rng(0)
    two_theta, intensity = np.sort(random.uniform(0, 120, 2000)), random.random(2000)
    cropped = peak_cropping(two_theta, intensity, 0.15, 104.0)
    outside = (two_theta < 0.15) | (two_theta > 104.0)
    assert outside.any() and np.all(cropped[outside] == 0)
    assert np.array_equal(cropped[~outside], intensity[~outside])
    assert np.array_equal(peak_cropping(two_theta, intensity, two_theta[3], two_theta[9]) > 0, np.isin(np.arange(2000), range(3, 10)))
    assert np.array_equal(peak_cropping(two_theta, intensity, 0.0, 120.0), intensity)
    assert np.array_equal(peak_cropping(two_theta, peak_cropping(two_theta, intensity, 0.0, 110.0), 0.15, 104.0), cropped)
    assert not peak_cropping(two_theta, intensity, 104.0, 0.15).any()


def test_peak_cropping_on_arrays_tensors_and_compiled():
    random = np.random.default_rng(0)
    two_theta, intensity = random.uniform(0, 120, (3, 40)), random.random((3, 40)).astype(np.float32)
    low, high = np.array([[0.0], [0.1], [0.2]]), np.array([[120.0], [110.0], [100.0]])
    cropped = peak_cropping(two_theta, intensity, low, high)
    tensors = peak_cropping(*(torch.from_numpy(part) for part in (two_theta, intensity, low, high)))
    compiled = numba.njit(lambda two_theta, intensity, low, high: peak_cropping(two_theta, intensity, low, high))
    assert cropped.dtype == np.float32 and tensors.dtype == torch.float32
    assert np.array_equal(tensors.numpy(), cropped)
    assert np.array_equal(compiled(two_theta, intensity, low, high), cropped)
    for row in range(3):
        assert np.array_equal(compiled(two_theta[row], intensity[row], low[row, 0], high[row, 0]), cropped[row])
