# Generated from nbs/69_learning.ipynb; edit the notebook, then run make export.
from dataclasses import asdict
from difcon.learning import MINERALS, Point, add_arguments, all_points, along, extrapolation_table, fitted_curve, learning_records, learning_table, power_law, record_file, save_learning
from difcon.project import saved_table
from difcon.yardstick import MATERIALS_LIMIT
from difcon.yardstick import PATTERNS
from difcon.yardstick import TESTS
from difcon.yardstick import accuracy_cells
import argparse
import json
import numpy as np
import tempfile


def test_a_power_law_is_found_again():
    sizes = np.array([1, 2, 4, 8, 16, 32]) * 1e4
    truth = power_law(sizes / np.exp(np.log(sizes).mean()), 20, 15, 0.6)
    right = (np.arange(5000) >= 50 * truth[:, None]).astype(int)
    curve = fitted_curve(sizes, right, resamples=100)
    assert np.allclose(curve(sizes)[0], 100 - truth, atol=0.2)
    middle, low, high = curve([1e7])
    assert np.isclose(middle[0], 100 - power_law(1e7 / np.exp(np.log(sizes).mean()), 20, 15, 0.6), atol=1) and low[0] < middle[0] < high[0]


def made_record(point, crystals, share):
    "A record in which a share of all crystal systems is right; other seeds have other tests."
    count = 200 + point.seed
    classes = {"crystal_system": np.where(np.arange(count) < count * share, 6, 0), "extinction_group": np.zeros(count, int), "space_group": np.zeros(count, int)}
    return {"point": asdict(point), "patterns": point.patterns, "crystals": crystals, "minutes": 1.0, "hardware": "abacus", "precision": "float32", "scores": dict.fromkeys(TESTS, accuracy_cells(classes, np.repeat(225, count)))}


def test_curves_take_the_points_on_which_nothing_else_changes():
    with tempfile.TemporaryDirectory() as folder:
        shares = dict(zip(all_points(), np.linspace(0.3, 0.8, len(all_points())))) | {point: 0.5 for point in all_points(1)}
        for point, share in shares.items():
            record_file(folder, point).parent.mkdir(exist_ok=True)
            record_file(folder, point).write_text(json.dumps(made_record(point, point.materials + point.minerals, share)))
        records = learning_records(folder)
        save_learning(folder)
        seeds = set(extrapolation_table(records)["seed"])
        saved = saved_table("learning", folder), saved_table("learning_extrapolation", folder)
    assert records.keys() == shares.keys() and seeds == {"0", "1"} and "abacus" in saved[0] and "not run" not in saved[0] and "2e+05" in saved[1]
    sizes, right = along(records, "patterns", "measured")
    assert np.allclose(sizes / PATTERNS, [1 / 8, 1 / 4, 1 / 2, 1, 2, 4]) and np.allclose(right.mean(1), [shares[point] for point in list(shares)[:6]], atol=0.005)
    sizes, right = along(records, "crystals", "measured")
    assert len(sizes) == 7 and sizes[-2] == MATERIALS_LIMIT + MINERALS and np.isclose(right[-2].mean(), shares[Point()], atol=0.005)
    assert "not run" in learning_table({}, all_points()).to_string() and extrapolation_table({}).empty


def test_arguments_of_the_command():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    given = parser.parse_args(["--budget", "2min"])
    assert (given.budget, given.seed, given.out) == (120, 0, "runs/learning") and not hasattr(given, "patterns")
