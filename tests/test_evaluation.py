# Generated from nbs/60_evaluation.ipynb; edit the notebook, then run make export.
from dataclasses import asdict
from difcon.augment.binning import BINS
from difcon.cleaning import clean
from difcon.evaluation import LIBRARY_PARTS, MODELS, Score, bootstrap_interval, by_cleaning, cleaned_batches, confusion, credit_trigonal, library_matches, library_parts, library_table, majority_class, network_cards, predicted_as_cleaned, results_table, scores, tidy_table
from difcon.measured import Pattern
from difcon.measured import to_bins
from difcon.models.cnn import SymmetryOutput
from difcon.project import InputError
from difcon.symmetry import TASKS
from difcon.symmetry import classes_of
from difcon.training import Settings
from pathlib import Path
import numpy as np
import pyarrow
import pytest
import tempfile
import torch


def test_interval_agrees_with_the_binomial():
    correct = np.random.default_rng(1).random(2000) < 0.3
    rate = correct.mean()
    half = 1.96 * np.sqrt(rate * (1 - rate) / correct.size)
    low, high = bootstrap_interval(correct)
    assert abs(low - (rate - half)) < 0.002 and abs(high - (rate + half)) < 0.002
    assert (low, high) == bootstrap_interval(correct, seed=0) != bootstrap_interval(correct, seed=1)
    assert bootstrap_interval(correct[::-1]) == (low, high)


def test_interval_of_crystals():
    correct = np.random.default_rng(2).random(500) < 0.6
    owners = np.repeat(np.arange(500), 4)
    one, four = bootstrap_interval(correct), bootstrap_interval(np.repeat(correct, 4), owners)
    assert np.allclose(one, four, atol=1e-12)
    naive = bootstrap_interval(np.repeat(correct, 4))
    assert 1.8 < (four[1] - four[0]) / (naive[1] - naive[0]) < 2.2


def test_interval_at_the_edges():
    assert bootstrap_interval(np.ones(7)) == (1.0, 1.0)
    assert bootstrap_interval(np.zeros(7)) == (0.0, 0.0)
    assert np.isnan(bootstrap_interval(np.zeros(0))).all()


def test_interval_agrees_with_a_plain_bootstrap():
    generator = np.random.default_rng(3)
    owners = np.sort(generator.integers(0, 60, 150))
    correct = generator.random(60)[owners] < 0.5
    groups = [correct[owners == owner] for owner in np.unique(owners)]
    means = [np.concatenate([groups[i] for i in generator.integers(0, len(groups), len(groups))]).mean() for _ in range(3000)]
    assert np.allclose(bootstrap_interval(correct, owners), np.quantile(means, [0.025, 0.975]), atol=0.02)


def test_scores_of_predictions_made_by_hand():
    space_groups = np.array([1, 2, 14, 14, 62, 225, 225, 225])
    guess = {"crystal_system": np.array([0, 0, 1, 1, 2, 6, -1, 2]), "space_group": space_groups - 1}
    system, group = scores("HAND", "experimental", guess, space_groups)
    assert (system.task, system.accuracy, system.patterns) == ("crystal_system", 75.0, 8)
    assert (group.accuracy, group.low, group.high) == (100.0, 100.0, 100.0)
    assert system.low < 75 < system.high and str(group) == "100.0 (100.0–100.0)"
    with pytest.raises(InputError, match="1 predictions for 8 patterns"):
        scores("HAND", "experimental", {"crystal_system": np.array([0])}, space_groups)


def test_table_of_results():
    found = [Score("DIFCON", "invariance", task, 10, 50.0, 20.0, 80.0) for task in TASKS]
    found += [Score("HAND", "equivariance", "crystal_system", 4, 25.0, 0.0, 75.0)]
    table = results_table(found, {"experimental": "no data: set DIFCON_DATA"})
    rows = {(row["model"], row["numbers of"]): row for row in table.to_dict("records")}
    assert len(table) == len(MODELS) + 5 and len(table.columns) == 2 + 4 * 3
    assert rows["DIFCON", "this run"]["invariance SG"] == "50.0 (20.0–80.0)"
    assert rows["DIFCON", "this run"]["invariance patterns"] == "10"
    assert rows["DIFCON", "this run"]["experimental patterns"] == "no data: set DIFCON_DATA"
    assert rows["DIFCON", "the paper"]["experimental CS"] == "74"
    assert rows["HAND", "this run"]["equivariance EG"] == rows["NTREOR", "the paper"]["experimental EG"] == "–"
    assert rows["HAND", "the paper"]["equivariance patterns"] == "20000"


def test_tidy_rows():
    row = tidy_table([Score("CNNaug", "invariance", "space_group", 3, 33.3333, 0.0, 100.0)]).to_dict("records")[0]
    assert row["accuracy"] == 33.33 and row["paper"] == 28 and row["patterns"] == 3


def test_majority_class_is_the_most_frequent():
    guess = majority_class(np.array([14, 14, 62, 225, 2]), 3)
    assert guess["space_group"].tolist() == [13, 13, 13] and guess["crystal_system"].tolist() == [1, 1, 1]


def test_confusion_counts():
    generator = np.random.default_rng(0)
    true, predicted = generator.integers(0, 7, (2, 500))
    counts = confusion(true, predicted)
    assert (counts.sum(axis=1) == np.bincount(true, minlength=7)).all()
    assert (counts.sum(axis=0) == np.bincount(predicted, minlength=7)).all()
    assert np.trace(counts) == (true == predicted).sum()
    assert counts[3, 5] == ((true == 3) & (predicted == 5)).sum()


def test_absent_weights_name_notebook_40():
    with tempfile.TemporaryDirectory() as folder, pytest.raises(InputError, match="cnn_static.safetensors.*40_training"):
        network_cards(folder)


def test_models_by_cleaning():
    cards = {model: {"settings": asdict(Settings("difcon", cleaning=method))} for model, method in (("cnn_aug", "snip"), ("simclr", "arpls"), ("difcon", "snip"))}
    assert by_cleaning(cards) == {"snip": ["cnn_aug", "difcon"], "arpls": ["simclr"]}
    del cards["simclr"]["settings"]["cleaning"]  # a card from before there was a choice
    assert by_cleaning(cards) == {"snip": ["cnn_aug", "simclr", "difcon"]}


def test_each_network_sees_its_own_cleaning():
    class Levels(torch.nn.Module):
        "Answers with the class that the first bin names."

        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(1))

        def forward(self, patterns):
            return SymmetryOutput(*[self.weight * torch.nn.functional.one_hot(patterns[:, 0].long(), 3)] * len(SymmetryOutput._fields))


    networks = {"cnn_aug": Levels(), "difcon": Levels()}
    cards = {model: {"settings": asdict(Settings("difcon", cleaning=method))} for model, method in (("cnn_aug", "snip"), ("difcon", "arpls"))}
    seen = predicted_as_cleaned(networks, cards, lambda method: [torch.full((2, BINS), {"snip": 1.0, "arpls": 2.0}[method])])
    assert seen["cnn_aug"]["space_group"].tolist() == [1, 1] and seen["difcon"]["crystal_system"].tolist() == [2, 2]


def test_measured_patterns_are_cleaned_as_asked():
    two_theta = np.arange(5, 90, 0.01)
    counts = 50 * np.exp(-two_theta / 20) + np.exp(-((two_theta - 30) ** 2) / 0.02)
    patterns = [Pattern("one", two_theta, counts, 1.5418), Pattern("two", two_theta, counts[::-1], 1.5418), Pattern("three", two_theta, counts**2, 1.5418)]
    plain, other = (list(cleaned_batches(patterns, 2, method)) for method in ("snip", "rolling_minimum"))
    assert [len(batch) for batch in other] == [2, 1] and not torch.allclose(plain[1], other[1])
    assert torch.equal(other[1][0], clean(torch.from_numpy(to_bins(patterns[2])), "rolling_minimum"))


def test_hexagonal_cells_of_trigonal_crystals():
    assert credit_trigonal(np.array([5, 5, 6, -1]), np.array([4, 5, 4, 4])).tolist() == [4, 5, 6, -1]


def test_membership_of_the_library():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.parquet"
        rows = {"id": ["a", "b", "c", "d"], "amcsd_same_score": [0.9, 0.6, 0.1, None]}
        pyarrow.parquet.write_table(pyarrow.table(rows), path)
        matches = library_matches(path, ["d", "c", "b", "a", "e"])
        assert np.isnan(matches[[0, 4]]).all() and matches[1:4].tolist() == [0.1, 0.6, 0.9]
        pyarrow.parquet.write_table(pyarrow.table({"id": ["a"]}), path)
        assert library_matches(path, ["a"]) is None
    parts = library_parts(matches)
    assert [parts[name].sum() for name in LIBRARY_PARTS] == [5, 1, 1]


def test_table_by_library():
    space_groups = np.array([14, 14, 62, 225])
    guess = {task: classes.copy() for task, classes in classes_of(space_groups).items()}
    guess["space_group"][3] = 0
    parts = {"all": np.ones(4, bool), "out of library": np.arange(4) == 3}
    row = library_table({"DIFCON": guess}, space_groups, parts).to_dict("records")[0]
    assert row["all CS"] == "100.0 (100.0–100.0)" and row["all SG"].startswith("75.0") and row["all patterns"] == 4
    assert row["out of library SG"] == "0.0 (0.0–0.0)" and row["out of library patterns"] == 1
