# Generated from nbs/15_impurity_peaks.ipynb; edit the notebook, then run make export.
from difcon.augment.impurity_peaks import impurity_peaks
import numba
import numpy as np
import torch


def test_impurity_peaks_are_appended():
    random = np.random.default_rng(0)
    two_theta, intensity = np.sort(random.uniform(0, 120, 40)), random.random(40)
    intensity /= intensity.max()
    for count in range(7):
        positions, heights = random.uniform(0, 120, count), random.uniform(0.01, 0.05, count)
        more_two_theta, more_intensity = impurity_peaks(two_theta, intensity, positions, heights)
        assert more_two_theta.shape == more_intensity.shape == (40 + count,)
        assert np.array_equal(more_two_theta[:40], two_theta) and np.array_equal(more_intensity[:40], intensity)
        assert np.array_equal(more_two_theta[40:], positions) and np.array_equal(more_intensity[40:], heights)
        assert more_intensity.max() == 1


def test_impurity_peaks_of_tensors_and_within_compiled_functions():
    random = np.random.default_rng(0)
    lists = random.uniform(0, 120, 40), random.random(40), random.uniform(0, 120, 5), random.uniform(0.01, 0.05, 5)
    compiled = numba.njit(lambda two_theta, intensity, positions, heights: impurity_peaks(two_theta, intensity, positions, heights))
    for single in (np.float64, np.float32):
        given = (lists[0], lists[1].astype(single), lists[2], lists[3].astype(single))
        for ours, theirs in zip(impurity_peaks(*given), compiled(*given)):
            assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    tensors = impurity_peaks(*(torch.from_numpy(values) for values in lists))
    assert all(torch.is_tensor(each) for each in tensors)
    assert all(np.array_equal(ours.numpy(), theirs) for ours, theirs in zip(tensors, impurity_peaks(*lists)))
