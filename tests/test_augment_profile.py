# Generated from nbs/16_profile.ipynb; edit the notebook, then run make export.
from difcon.augment.profile import NARROWEST, WIDEST, full_width, integral, profile_table, pseudo_voigt
import numpy as np
import scipy.stats


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
        assert np.abs(pseudo_voigt(offset, width, eta, 0.0) - voigt).max() < 0.012 * voigt.max()


def test_table_equals_the_integral():
    for eta, rho in ((0.0, 0.0), (1.0, 0.0), (0.6, 1.0), (1.0, -0.3)):
        table = profile_table(eta, rho)
        for t in (-50.0, -3.0, -0.7, -0.01, 0.0, 0.4, 1.3, 20.0):
            exact = scipy.integrate.quad(lambda x: pseudo_voigt(x, 1.0, eta, rho), -np.inf, t, limit=200)[0] - 0.5
            assert abs(integral(t, table) - exact) < 2e-4
    assert np.isclose(integral(-1e9, table), -0.5) and np.isclose(integral(1e9, table), 0.5)
