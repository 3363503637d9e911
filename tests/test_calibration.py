# Generated from nbs/41_calibration.ipynb; edit the notebook, then run make export.
from difcon.calibration import expected_calibration_error, fit_temperature, reliability, tempered
import numpy as np


def test_calibration_error_by_hand_and_of_honest_answers():
    confidence, correct = np.array([0.95, 0.85, 0.15, 0.12]), np.array([True, False, False, False])
    mean, right, counts = reliability(confidence, correct, 5)
    assert np.allclose(mean, [0.135, 0.9]) and np.allclose(right, [0, 0.5]) and counts.tolist() == [2, 2]
    assert np.isclose(expected_calibration_error(confidence, correct, 5), (0.135 + 0.4) / 2)
    generator = np.random.default_rng(0)
    honest = generator.uniform(0.2, 1, 200_000)
    assert expected_calibration_error(honest, generator.random(200_000) < honest) < 0.005
    assert np.isclose(expected_calibration_error(honest, generator.random(200_000) < honest - 0.2), 0.2, atol=0.01)
    assert np.isnan(expected_calibration_error(np.zeros(0), np.zeros(0))) and expected_calibration_error([1.0], [True]) == 0


def test_spoiled_logits_are_mended():
    generator = np.random.default_rng(1)
    logits = generator.normal(0, 2, (20_000, 7))
    classes = (logits + generator.gumbel(size=logits.shape)).argmax(1)  # drawn from softmax(logits)
    for factor in (0.5, 1.0, 3.0):
        temperature = fit_temperature(factor * logits, classes)
        assert np.isclose(temperature, factor, rtol=0.05)
        errors = [expected_calibration_error(each.max(1), each.argmax(1) == classes) for each in (tempered(factor * logits, 1), tempered(factor * logits, temperature))]
        assert errors[1] < 0.01 and (errors[0] > 0.05 or factor == 1)
        assert np.array_equal(tempered(factor * logits, temperature).argmax(1), logits.argmax(1))
