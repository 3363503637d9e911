# Generated from nbs/18_pattern_cropping.ipynb; edit the notebook, then run make export.
from difcon.augment.binning import two_theta_grid
from difcon.augment.pattern_cropping import pattern_cropping
import numpy as np
import torch


def test_whole_range_is_the_identity():
    pattern = np.random.default_rng(0).random((3, 12000))
    assert np.array_equal(pattern_cropping(pattern, 0.0, 120.0), pattern)


def test_zeros_outside_and_nothing_changed_inside():
    pattern = np.random.default_rng(0).random((3, 12000)) + 0.1
    cropped = pattern_cropping(pattern, 24.0, 100.0)
    inside = (two_theta_grid() > 24) & (two_theta_grid() < 100)
    assert inside.sum() == 7600
    assert np.array_equal(cropped[:, inside], pattern[:, inside]) and not cropped[:, ~inside].any()
    assert np.array_equal(pattern_cropping(cropped, 24.0, 100.0), cropped)


def test_a_bin_is_kept_by_its_centre():
    assert pattern_cropping(np.ones(4), 0.0149, 0.0251).tolist() == [0, 1, 1, 0]
    assert pattern_cropping(np.ones(4), 0.0151, 0.0249).tolist() == [0, 0, 0, 0]
    assert not pattern_cropping(np.ones(4), 1.0, 2.0).any()


def test_tensors_are_cropped_as_arrays():
    pattern = np.random.default_rng(0).random((2, 12000), dtype=np.float32)
    cropped = pattern_cropping(torch.from_numpy(pattern), 10.0, 110.0)
    assert torch.is_tensor(cropped) and cropped.dtype == torch.float32
    assert np.array_equal(cropped.numpy(), pattern_cropping(pattern, 10.0, 110.0))
