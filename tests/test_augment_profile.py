# Generated from nbs/16_profile.ipynb; edit the notebook, then run make export.
from difcon.augment.binning import BINS
from difcon.augment.binning import BIN_WIDTH
from difcon.augment.binning import binning
from difcon.augment.profile import NARROWEST, WIDEST, add_lines, add_peaks, full_width, integral, profile, profile_table, pseudo_voigt
from difcon.project import InputError
import numpy as np
import scipy.stats
import torch


def test_full_width_by_hand():
    angle = np.array([90.0])  # tan θ = 1, cos² θ = 1/2
    assert np.allclose(full_width(angle, 4e-4, -2e-4, 3e-4, 1e-4, 0), np.sqrt(4e-4 - 2e-4 + 3e-4 + 2e-4))
    assert np.allclose(full_width(angle, 4e-4, -2e-4, 3e-4, 1e-4, 10), 11 * np.sqrt(7e-4))


def test_full_width_stays_in_its_range():
    two_theta = np.linspace(0, 120, 500)
    assert np.all(full_width(two_theta, 0, -1, 0, 0, 0) == NARROWEST)
    assert np.all(full_width(two_theta, 1, 1, 1, 1, 0) == WIDEST)
    assert np.all(full_width(two_theta, 1, 1, 1, 1, 10) == 11 * WIDEST)


def test_profile_limits_are_known_distributions():
    offset = np.linspace(-5, 5, 301)
    sigma = 0.3 / np.sqrt(8 * np.log(2))
    assert np.allclose(pseudo_voigt(offset, 0.3, 0.0, 0.0), scipy.stats.norm.pdf(offset, scale=sigma))
    assert np.allclose(pseudo_voigt(offset, 0.3, 1.0, 0.0), scipy.stats.cauchy.pdf(offset, scale=0.15))


def test_profile_width_area_and_mirror():
    for eta in (0.0, 0.4, 1.0):
        top, half = pseudo_voigt(np.array([0.0, 0.1]), 0.2, eta, 0.0)
        assert np.isclose(half, top / 2)
        for rho in (-1.0, 0.3, 1.0):
            area = scipy.integrate.quad(lambda x: pseudo_voigt(x, 0.2, eta, rho), -np.inf, np.inf, limit=200)[0]
            assert np.isclose(area, 1, atol=1e-6)
            offset = np.linspace(-2, 2, 101)
            assert np.allclose(pseudo_voigt(offset, 0.2, eta, rho), pseudo_voigt(-offset, 0.2, eta, -rho))


def test_pseudo_voigt_is_near_the_voigt_profile():
    for gauss, lorentz in ((1.0, 0.3), (0.7, 0.7), (0.3, 1.0)):
        terms = (1, 2.69269, 2.42843, 4.47163, 0.07842, 1)
        width = sum(factor * gauss ** (5 - k) * lorentz**k for k, factor in enumerate(terms)) ** 0.2
        ratio = lorentz / width
        eta = 1.36603 * ratio - 0.47719 * ratio**2 + 0.11116 * ratio**3
        offset = np.linspace(-5, 5, 501)
        voigt = scipy.special.voigt_profile(offset, gauss / np.sqrt(8 * np.log(2)), lorentz / 2)
        assert np.abs(pseudo_voigt(offset, width, eta, 0.0) - voigt).max() < 0.015 * voigt.max()


def test_table_equals_the_integral():
    for eta, rho in ((0.0, 0.0), (1.0, 0.0), (0.6, 1.0), (1.0, -0.3)):
        table = profile_table(eta, rho)
        below = scipy.integrate.quad(lambda x: pseudo_voigt(x, 1.0, eta, rho), -np.inf, 0)[0]
        for t in (-50.0, -3.0, -0.7, -0.01, 0.0, 0.4, 1.3, 20.0):
            exact = below + scipy.integrate.quad(lambda x: pseudo_voigt(x, 1.0, eta, rho), 0, t, limit=200)[0] - 0.5
            assert abs(integral(t, table) - exact) < 2e-5
    assert np.isclose(integral(-1e9, table), -0.5) and np.isclose(integral(1e9, table), 0.5)


def symmetric_integral(t, eta):
    "Integral of a symmetric line from its position to t full widths."
    return (1 - eta) * scipy.special.erf(np.sqrt(4 * np.log(2)) * t) / 2 + eta * np.arctan(2 * t) / np.pi


def direct_sum(two_theta, intensity, full_width, eta, rho):
    "All lines in all bins, in 64 bits."
    edges = np.arange(BINS + 1) * BIN_WIDTH
    nodes, weights = np.polynomial.legendre.leggauss(32 if min(full_width) < 0.03 else 8)
    pattern = np.zeros(BINS)
    for angle, area, width in zip(two_theta, intensity, full_width):
        t = (edges - angle) / width
        pattern += area * np.diff(symmetric_integral(t, eta)) / BIN_WIDTH
        if rho != 0:  # the odd part adds intensity on one side and takes it from the other
            points = t[:-1, None] + BIN_WIDTH / width * (nodes + 1) / 2
            even = (1 - eta) * np.sqrt(4 * np.log(2) / np.pi) * np.exp(-4 * np.log(2) * points**2)
            even += eta * 2 / np.pi / (1 + 4 * points**2)
            pattern += area / width * ((even * scipy.special.erf(rho * points)) @ weights) / 2
    return pattern


def random_peaks(generator, number):
    "Positions over the range and a little beyond, and intensities as uneven as real ones."
    intensity = generator.random(number) ** 4 + 1e-4
    return generator.uniform(-0.5, 120.5, number), intensity / intensity.max()


def test_kernel_equals_the_direct_sum():
    generator = np.random.default_rng(0)
    for eta, rho, width in ((0.0, 0.0, 0.005), (0.5, 0.4, 0.02), (1.0, 1.0, 0.05), (1.0, -0.1, 0.3), (0.7, 1.0, 0.55)):
        two_theta, intensity = random_peaks(generator, 25)
        pattern, widths = np.zeros(BINS, np.float32), np.full(25, width)
        add_peaks(pattern, two_theta, intensity, widths, profile_table(eta, rho))
        exact = direct_sum(two_theta, intensity, widths, eta, rho)
        assert np.abs(pattern - exact).max() < 1e-3 * exact.max()


def test_lines_with_their_own_mixing_equal_the_direct_sum():
    generator = np.random.default_rng(3)
    for width in (0.005, 0.03, 0.05, 0.1, 0.55):
        two_theta, intensity = random_peaks(generator, 60)
        widths, eta = width * generator.uniform(0.7, 1.3, 60), generator.random(60)
        exact = sum(direct_sum(two_theta[line:line + 1], intensity[line:line + 1], widths[line:line + 1], eta[line], 0) for line in range(60))
        for accurate, allowed in ((False, 1e-3), (True, 5e-5)):
            pattern = np.zeros(BINS, np.float32)
            add_lines(pattern, two_theta, intensity, widths, eta, accurate)
            assert np.abs(pattern - exact).max() < allowed * exact.max(), (width, accurate)
            assert np.isclose(pattern.sum(), exact.sum(), rtol=1e-3)
            one = np.zeros(BINS, np.float32)
            add_lines(one, np.array([60.003]), np.array([2.0]), np.array([width]), np.array([0.5]), accurate)
            assert np.isclose(one.sum() * BIN_WIDTH, 1 + 2 / np.pi * np.arctan(2 * 60 / width), rtol=1e-3)


def test_area_of_a_line_is_kept():
    for width in (0.005, 0.05, 0.55):
        pattern = np.zeros(BINS, np.float32)
        add_peaks(pattern, np.array([60.003]), np.array([2.0]), np.array([width]), profile_table(0.0, 1.0))
        assert np.isclose(pattern.sum() * BIN_WIDTH, 2, rtol=1e-3)
        pattern[:] = 0
        add_peaks(pattern, np.array([60.003]), np.array([2.0]), np.array([width]), profile_table(1.0, 0.0))
        inside = 2 / np.pi * np.arctan(2 * 60 / width)  # of a Lorentzian over 120°
        assert np.isclose(pattern.sum() * BIN_WIDTH, 2 * inside, rtol=1e-3)


def test_mirrored_lines_make_a_mirrored_pattern():
    generator = np.random.default_rng(1)
    two_theta, intensity = random_peaks(generator, 20)
    widths = generator.uniform(0.01, 0.5, 20)
    left, right = np.zeros((2, BINS), np.float32)
    add_peaks(left, two_theta, intensity, widths, profile_table(0.6, 0.8))
    add_peaks(right, 120 - two_theta, intensity, widths, profile_table(0.6, -0.8))
    assert np.allclose(left, right[::-1], atol=1e-4 * left.max())


def test_lines_without_intensity_leave_nothing():
    pattern = np.zeros(BINS, np.float32)
    add_peaks(pattern, np.zeros(0), np.zeros(0), np.zeros(0), profile_table(0.5, 0.0))
    add_peaks(pattern, np.array([20.0]), np.array([0.0]), np.array([0.1]), profile_table(0.5, 0.0))
    assert not pattern.any()


def test_profile_of_arrays_and_tensors():
    generator = np.random.default_rng(4)
    two_theta, intensity = random_peaks(generator, 20)
    widths, mixing = generator.uniform(0.05, 0.3, 20), generator.random(20)
    exact = sum(direct_sum(two_theta[line:line + 1], intensity[line:line + 1], widths[line:line + 1], mixing[line], 0) for line in range(20))
    assert np.abs(profile(two_theta, intensity, widths, mixing) - exact).max() < 1e-3 * exact.max()
    skewed = direct_sum(two_theta, intensity, np.full(20, 0.2), 0.4, -0.7)
    assert np.abs(profile(two_theta, intensity, 0.2, 0.4, -0.7) - skewed).max() < 1e-3 * skewed.max()
    tensors = [torch.from_numpy(each) for each in (two_theta, intensity, widths, mixing)]
    found = profile(*tensors)
    assert found.dtype == torch.float32 and np.array_equal(found.numpy(), profile(two_theta, intensity, widths, mixing))
    assert not profile(np.zeros(0), np.zeros(0), 0.1).any()


def test_profile_says_what_cannot_be_drawn():
    one = np.ones(3)
    for given, said in (((one, one[:2], 0.1), "(2,) intensities"), ((one, one, np.ones(2)), "(2,) widths"), ((one, one, 0.0), "above 0"), ((one, one * np.nan, 0.1), "finite"), ((one, -one, 0.1), "not below"),
                        ((one, one, 0.1, 1.5), "between 0 and 1"), ((one, one, 0.1, 0.5, 2.0), "rho=2.0"), ((one, one, 0.1, 0.5 * one, 0.5), "eta is one number")):
        try:
            profile(*given)
        except InputError as error:
            assert said in str(error), error
        else:
            raise AssertionError(said)


def binned_and_convolved(two_theta, intensity, width, eta, finer, start):
    "Lines put into bins of 0.01° / `finer` over 120° / `finer` from `start`, convolved with a line, averaged to bins of 0.01°."
    edges = (np.arange(2 * BINS) - BINS + 0.5) * BIN_WIDTH / finer
    line = np.diff(symmetric_integral(edges / width, eta)) * finer / BIN_WIDTH
    bins = binning((two_theta - start) * finer, intensity)
    convolved = scipy.signal.fftconvolve(bins, line)[BINS - 1 : 2 * BINS - 1]
    return convolved.reshape(-1, finer).mean(axis=1)


def exact_and_binned(width, finer):
    "Two close lines in the same bins around 30°: drawn at their exact positions, and binned and convolved."
    two_theta, intensity, start = np.array([30.0013, 30.0287]), np.array([1.0, 0.6]), max(0, 30 - 60 / finer)
    exact = np.zeros(BINS, np.float32)
    add_peaks(exact, two_theta, intensity, np.full(2, width), profile_table(0.3, 0.0))
    binned = binned_and_convolved(two_theta, intensity, width, 0.3, finer, start)
    first = round(start / BIN_WIDTH)
    return exact[first : first + len(binned)], binned


def test_bins_that_are_convolved_become_exact_positions():
    top = exact_and_binned(0.015, 1)[0].max()
    errors = {finer: np.abs(np.subtract(*exact_and_binned(0.015, finer))).max() / top for finer in (1, 10, 100)}
    steepest = 1.43 / 0.015  # slope of a Gaussian at its inflection over its height, per degree
    for finer, error in errors.items():  # a line moves by half a bin at most; 1e-3 is the kernel's own error
        assert error < BIN_WIDTH / 2 / finer * steepest + 1e-3
    assert errors[1] > 0.05
