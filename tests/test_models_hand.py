# Generated from nbs/31_hand.ipynb; edit the notebook, then run make export.
from difcon.models.hand import Hand, contradiction_rate, features, features_as_measured, grow_tree, kept_lines, merge_lines_within, tree_labels
from difcon.project import InputError
from difcon.reflections import Peaks
from difcon.symmetry import classes_of
from sklearn.ensemble import ExtraTreesClassifier
import numpy as np


def test_features_by_hand():
    rows = features([[30.0, 20.0, 95.0], np.arange(10, 100, 5.0), []])
    assert rows.shape == (3, 11)
    assert rows[0].tolist() == [20, 30, 95] + [180] * 7 + [2]
    assert rows[1].tolist() == [10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 17]
    assert rows[2].tolist() == [180] * 10 + [0]
    try:
        features([[20.0, float("nan")]])
    except InputError as error:
        assert "2θ in degrees" in str(error)
    else:
        raise AssertionError("NaN was accepted")


def test_weak_peaks_do_not_count():
    peaks = Peaks(np.array([20.0, 30.0, 40.0, 25.0, 91.0]), np.array([1.0, 0.009, 0.01, 0.02, 1.0], dtype=np.float32), np.array([0, 3, 5]))
    assert np.array_equal(features(peaks), features([[20.0, 40.0], [25.0, 91.0]]))


def test_merging_and_keeping_lines():
    peaks = Peaks(np.array([20.0, 20.06, 30.0, 30.05, 41.0]), np.array([1.0, 0.5, 0.2, 0.2, 1.0]), np.array([0, 3, 3, 5]))
    merged = merge_lines_within(peaks, 0.1)
    assert np.allclose(merged.two_theta, [20.02, 30, 30.05, 41]) and np.allclose(merged.intensity, [1.5, 0.2, 0.2, 1]) and merged.offsets.tolist() == [0, 2, 2, 4]
    kept = kept_lines(peaks, peaks.intensity > 0.3)
    assert kept.two_theta.tolist() == [20.0, 20.06, 41.0] and kept.offsets.tolist() == [0, 2, 2, 3]


def test_views_as_measured():
    peaks = Peaks(np.tile(np.arange(3.0, 99, 3), 50), np.ones(1600), np.arange(0, 1601, 32))
    rows = features_as_measured(peaks, 1)
    assert np.array_equal(rows, features_as_measured(peaks, 1)) and not np.array_equal(rows, features_as_measured(peaks, 2))
    assert rows.shape == (50, 11) and (np.diff(rows[:, :10], axis=1) >= 0).all() and (rows[:, 0] > 5).all()
    assert np.isin(rows[:, 10], [28, 29, 30]).all()  # 6° to 90°, the last perhaps shifted out, perhaps an impurity line


def test_one_tree_is_sklearns_tree():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(300, 11)).astype(np.float32)
    labels = generator.integers(0, 5, 300)
    tree, importance = grow_tree(rows, labels, 4)
    expected = ExtraTreesClassifier(1, max_features=None, random_state=0).fit(rows, labels)
    assert np.array_equal(tree_labels(tree, rows), labels) and np.isclose(importance.sum(), 1)
    single = expected.estimators_[0].__class__(max_features=None, random_state=4).fit(rows, labels)
    fresh = generator.normal(size=(300, 11)).astype(np.float32)
    assert np.array_equal(tree_labels(tree, fresh), single.predict(fresh))


def test_contradictions_by_hand():
    predicted = {"crystal_system": np.array([6, 6, 0, 5]), "space_group": np.array([224, 0, 0, 224])}
    assert contradiction_rate(predicted) == 0.5
    assert contradiction_rate(predicted, np.array([225, 225, 1, 225])) == 0.25


def test_forests_learn_and_repeat():
    generator = np.random.default_rng(0)
    groups = generator.choice([1, 14, 62, 225], 400)
    rows = generator.normal(size=(400, 11)) + groups[:, None]
    first, second = (Hand(seed=3, trees=10).fit(rows[:300], groups[:300]).predict(rows[300:]) for _ in range(2))
    assert all(np.array_equal(first[task], second[task]) for task in first)
    truth = classes_of(groups[300:])
    assert all((first[task] == truth[task]).mean() > 0.95 for task in truth)
