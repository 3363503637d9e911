# Generated from nbs/02_reflections.ipynb; edit the notebook, then run make export.
from difcon.reflections import bragg_angle, d_spacing, form_factor, form_factor_table, lorentz_polarisation
import math
import numpy as np


def test_bragg():
    angles = np.linspace(1, 179, 50)
    assert np.allclose(bragg_angle(d_spacing(angles)), angles)
    assert np.isnan(bragg_angle(0.7)) and np.isclose(bragg_angle(1.5418), 60)


def test_lorentz_polarisation_falls_to_right_angles():
    assert np.isclose(lorentz_polarisation(90), 1 / (0.5 * math.sqrt(0.5)))
    assert np.all(np.diff(lorentz_polarisation(np.linspace(1, 90, 90))) < 0)


def test_form_factors_begin_at_the_number_of_electrons():
    assert not np.isnan(form_factor_table()[1:]).any()
    for number in (1, 8, 26, 92):
        falling = [form_factor(number, form_factor_table()[number], s**2) for s in np.linspace(0, 0.56, 8)]
        assert falling[0] == number and np.all(np.diff(falling) < 0)
