# Generated from nbs/65_yardstick.ipynb; edit the notebook, then run make export.
from dataclasses import asdict
from difcon.project import InputError
from difcon.project import saved_table
from difcon.symmetry import TASKS
from difcon.symmetry import classes_of
from difcon.training import Settings
from difcon.yardstick import BANDS, Case, PATTERNS, TESTS, accuracy_cells, add_arguments, add_row_arguments, all_cases, difference_text, found_before, record_file, row_fingerprint, run, run_rows, save_yardstick, similarity, texture_features, yardstick_settings, yardstick_table
from pathlib import Path
import argparse
import contextlib
import io
import json
import numpy as np
import tempfile
import torch


def test_cases_are_distinct_and_possible():
    cases = all_cases()
    assert len({case.name for case in cases}) == len(cases) > 10
    for case in cases:
        Settings("cnn_aug", preset=case.full_preset, cleaning=case.cleaning)
    assert Case("lab", ("texture", "counts"), "arpls").name == "lab without texture, counts, arpls"


def test_cells_hold_accuracy_and_interval():
    space_groups = np.array([225] * 30 + [14] * 10)
    guess = {task: np.full(40, classes[0]) for task, classes in classes_of(space_groups).items()}
    cells = accuracy_cells(guess, space_groups)
    assert cells["patterns"] == 40
    for task in TASKS:
        share, low, high = cells[task]
        assert share == 75 and 55 < low < 75 < high < 92


def test_similarity_forgives_small_shifts_and_scale():
    pattern = torch.zeros(12000)
    pattern[[2013, 4017, 6031]] = torch.tensor([1.0, 0.4, 0.2])
    others = torch.stack([7 * pattern.roll(5), pattern.roll(200)])
    near, far = similarity(others, pattern).tolist()
    assert near > 0.999 and far < 0.1


def test_features_see_widths_and_noise_but_not_places():
    two_theta = torch.arange(12000) * 0.01
    lines = torch.exp(-(((two_theta - torch.tensor([[30.0], [31.0]])) / 0.2) ** 2))
    here, there = texture_features(lines)
    assert np.allclose(here, there, atol=0.02)
    noisy = texture_features(lines + 0.01 * torch.rand(2, 12000, generator=torch.Generator().manual_seed(0)))
    places = len(BANDS) - 1
    assert (noisy[:, places - 3 : places] > here[places - 3 : places] + 2).all() and (noisy[:, places] > here[places] + 0.02).all()


def test_fingerprints_are_equal_on_every_machine():
    marks = [row_fingerprint(yardstick_settings(case, patterns), terms) for case, patterns, terms in
             ((Case("lab"), 2000, "t"), (Case("lab", ("texture",)), 2000, "t"), (Case("lab", cleaning="arpls"), 2000, "t"), (Case("lab"), 3000, "t"), (Case("lab"), 2000, "u"))]
    assert len(set(marks)) == 5 and row_fingerprint(Settings("cnn_aug"), "t") == "b1bf94b2f53c"


def test_records_are_found_and_not_lost():
    with tempfile.TemporaryDirectory() as folder:
        path = record_file(folder, Case("lab"), 0)
        assert not found_before(path, "a", 100)
        path.parent.mkdir()
        path.write_text(json.dumps({"fingerprint": "a", "wanted": 100}))
        assert found_before(path, "a", 100) and not found_before(path, "b", 100)
        try:
            found_before(path, "a", 200)
        except InputError as error:
            assert str(path) in str(error) and "--patterns 100" in str(error)
        else:
            raise AssertionError("a record was about to be lost")


def test_rows_that_were_not_run_say_so():
    with tempfile.TemporaryDirectory() as folder:
        case = Case("lab", ("texture",))
        cells = {"patterns": 5} | {task: [50.0, 10.0, 90.0] for task in TASKS}
        cells["right"] = "01011"
        record = {"case": asdict(case), "seed": 0, "fingerprint": "", "terms": "", "wanted": 7, "patterns": 7, "minutes": 1.0, "hardware": "abacus", "precision": "float32",
                  "scores": {test: cells for test in TESTS}, "told apart": {"patterns": 5, "accuracy": [60.0, 40.0, 80.0]}}
        record_file(folder, case, 0).parent.mkdir()
        record_file(folder, case, 0).write_text(json.dumps(record))
        table = yardstick_table(folder).set_index("row")
        assert len(table) == len(all_cases()) and (table["patterns seen"] == "not run").sum() == len(table) - 1
        assert table.loc["lab without texture", "measured (5) CS / %"] == "50.0 (10–90)"
        save_yardstick(folder)
        assert "abacus" in saved_table("yardstick", folder) and "not run" in saved_table("yardstick", folder)


def test_differences_are_paired():
    def scored(right):
        "A record of which measured patterns were right."
        return {"scores": {"measured": {"right": right}}}


    assert difference_text([scored("1100" * 25)], [scored("1100" * 25)]) == "+0.0 (+0.0 to +0.0)"
    assert difference_text([scored("0100" * 25)], [scored("1100" * 25)]).startswith("−25.0 (−3")
    assert difference_text([scored("1" * 100), scored("0" * 100)], 2 * [scored("0" * 100)]) == "+50.0 (+50.0 to +50.0; seeds +100.0, +0.0)"


def test_arguments_of_the_command():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    given = parser.parse_args(["--without", "texture, counts", "--cleaning", "arpls", "--patterns", "1000"])
    assert (given.preset, given.without, given.cleaning, given.patterns, given.seed, given.budget) == ("lab", "texture, counts", "arpls", 1000, 0, None)
    given.without, given.out = "colour", "nowhere"
    try:
        run(given)
    except InputError as error:
        assert "unknown effect colour" in str(error) and not Path("nowhere").exists()
    else:
        raise AssertionError("an unknown effect was taken")


def test_rows_are_run_one_after_the_other():
    parser, lines, saved = argparse.ArgumentParser(), io.StringIO(), []
    add_row_arguments(parser, "abacus")
    given = parser.parse_args(["--budget", "2min"])
    assert given.out == "runs/abacus" and given.patterns == PATTERNS
    with contextlib.redirect_stdout(lines):
        run_rows([Case("table1"), Case("lab")], given, lambda case, **options: None if case.preset == "lab" else options, lambda: saved.append(1), lambda case, record: record)
    assert saved == [1] and lines.getvalue().splitlines()[:2] == ["table1:", "  budget: 120.0"]
    assert lines.getvalue().endswith("lab:\nlab: not finished; give the same command again to go on\n")
