# Generated from nbs/10_zero_shift.ipynb; edit the notebook, then run make export.
from difcon.augment.zero_shift import zero_shift
import numba
import numpy as np
import torch


def test_zero_shift_moves_every_peak_equally():
    two_theta = np.sort(np.random.default_rng(0).uniform(0, 120, 50))
    assert np.array_equal(zero_shift(two_theta, 0.0), two_theta)
    for shift in (-0.02, -0.001, 0.0137, 0.02):
        shifted = zero_shift(two_theta, shift)
        np.testing.assert_allclose(shifted - two_theta, shift, atol=1e-13)
        np.testing.assert_allclose(zero_shift(shifted, -shift), two_theta, atol=1e-13)
        np.testing.assert_allclose(np.diff(shifted), np.diff(two_theta), atol=1e-13)


def test_zero_shift_on_arrays_tensors_and_compiled():
    batch = np.random.default_rng(0).uniform(0, 120, (4, 30))
    shifts = np.array([[-0.02], [0.0], [0.01], [0.02]])
    shifted = zero_shift(batch, shifts)
    compiled = numba.njit(lambda two_theta, shift: zero_shift(two_theta, shift))
    tensors = zero_shift(torch.from_numpy(batch), torch.from_numpy(shifts))
    assert isinstance(tensors, torch.Tensor) and np.array_equal(tensors.numpy(), shifted)
    assert np.array_equal(compiled(batch, shifts), shifted)
    for row, shift in enumerate(shifts[:, 0]):
        assert np.array_equal(compiled(batch[row], shift), shifted[row])
