# Generated from nbs/67_claim.ipynb; edit the notebook, then run make export.
from dataclasses import asdict
from difcon.claim import AUGMENTATIONS, Arm, MEASURED, SEEDS, SIMULATED, TRAININGS, accuracy_table, add_arguments, chosen_arms, claim_records, claim_tests, parts_table, record_file, run, save_claim
from difcon.peak_table import read_peak_table
from difcon.peak_table import write_peak_table
from difcon.project import InputError
from difcon.project import saved_table
from difcon.structures import read_amcsd
from difcon.symmetry import TASKS
from difcon.yardstick import Crystals
from pathlib import Path
import argparse
import json
import numpy as np
import tempfile


def test_arms_differ_in_one_thing():
    arms = chosen_arms()
    assert len(set(arms)) == len({arm.name for arm in arms}) == len(TRAININGS) * len(AUGMENTATIONS) * len(SEEDS)
    for arm in arms:
        changed = {name: value for name, value in asdict(arm.settings()).items() if value != asdict(Arm("supervised", arm.augmentation, arm.seed).settings())[name]}
        assert changed == {name: value for name, value in TRAININGS[arm.training].items() if (name, value) != ("model", "cnn_aug")}
    try:
        Arm("guessing", "lab")
    except InputError as error:
        assert "guessing" in str(error) and "supervised + SimCLR" in str(error)
    else:
        raise AssertionError("an unknown training was taken")


def test_tests_are_held_out_or_not_and_without_copies():
    with tempfile.TemporaryDirectory() as folder:
        write_peak_table(read_amcsd(40)[0], folder)
        table = read_peak_table(folder)
        place = np.arange(len(table))
        few = Crystals(table, place % 4 == 0, place < 0, place % 3 == 0, table)
        tests = claim_tests(few, 8)
    for name, (held_out, preset) in SIMULATED.items():
        rows = tests[name].structures
        assert len(set(rows.tolist())) == len(rows) > 4 and (few.is_test[rows] == held_out).all() and not few.is_copy[rows].any() and tests[name].preset == preset


def made_record(arm, right):
    "A record in which the given crystal systems are right in all tests."
    cells = {"patterns": len(right), "right": right} | {task: [100 * right.count("1") / len(right), 0.0, 100.0] for task in TASKS}
    return {"arm": asdict(arm), "fingerprint": "", "terms": "", "wanted": 7, "patterns": 7, "minutes": 1.0, "hardware": "abacus", "precision": "float32", "scores": dict.fromkeys([*SIMULATED, MEASURED], cells)}


def test_tables_say_what_was_run():
    with tempfile.TemporaryDirectory() as folder:
        for arm, right in ((Arm("supervised", "lab"), "1100"), (Arm("supervised", "lab", 1), "1000"), (Arm("supervised, pairs", "lab", 1), "1011"), (Arm("supervised", "table1"), "0000")):
            record_file(folder, arm).parent.mkdir(exist_ok=True)
            record_file(folder, arm).write_text(json.dumps(made_record(arm, 10 * right)))
        records = claim_records(folder)
        accuracy = accuracy_table(records).set_index(["training", "augmentation"])
        assert accuracy.loc[("supervised", "lab"), "measured CS / %"] == "37.5 (25–50)" and accuracy.loc[("SimCLR first", "lab"), "seeds"] == "not run"
        parts = parts_table(records).set_index(["part", "under"])
        pairs, broad = parts.loc[("seeing crystals in pairs", "lab")], parts.loc[("lab instead of table1", "supervised")]
        assert pairs["seeds"] == "1" and pairs["measured CS / points"].startswith("+50.0 (+3") and "seeds" not in pairs["measured CS / points"] and broad["held out CS / points"].startswith("+50.0")
        assert parts.loc[("SimCLR beside", "table1"), "seeds"] == "not run"
        save_claim(folder)
        assert "abacus" in saved_table("claim", folder) and "seeds averaged" in saved_table("claim_parts", folder)


def test_arguments_of_the_command():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    given = parser.parse_args(["--training", "SimCLR first", "--augmentation", "lab", "--patterns", "1000"])
    assert chosen_arms(given.training, given.augmentation, given.seed) == [Arm("SimCLR first", "lab", seed) for seed in SEEDS]
    given.patterns, given.out = 10, "nowhere"
    try:
        run(given)
    except InputError as error:
        assert "patterns=10" in str(error) and not Path("nowhere").exists()
    else:
        raise AssertionError("too few patterns were taken")
