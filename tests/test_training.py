# Generated from nbs/40_training.ipynb; edit the notebook, then run make export.
from dataclasses import asdict
from difcon.laboratory import LAB
from difcon.models.cnn import NetworkSettings
from difcon.peak_table import read_peak_table
from difcon.peak_table import write_peak_table
from difcon.project import InputError
from difcon.simulation import preset_named
from difcon.structures import Crystal
from difcon.symmetry import TASKS
from difcon.training import ADDED, OBJECTIVES, Settings, TrainingPatterns, add_arguments, crystals_of_step, duration, equivariance_set, fit, fitted_temperatures, invariance_set, load_network, new_network, predict_probabilities, preset_of, read_card, run, save_network, schedule_of, settings_key, train
from pathlib import Path
from torch import nn
import argparse
import json
import numpy as np
import tempfile
import torch


def test_presets_less_effects():
    assert preset_of("table1/training") is preset_named("table1/training") and preset_of("lab/test") is LAB
    assert preset_of("lab without texture, counts/training") == LAB.without("texture", "counts")
    for wrong, said in (("lab without colour/training", "unknown effect colour"), ("table1 without rho/training", "frozen"), ("table2 without rho/test", "table1")):
        try:
            preset_of(wrong)
        except InputError as error:
            assert said in str(error)
        else:
            raise AssertionError(f"{wrong} was taken")


def test_impossible_settings_are_refused():
    for wrong in ({"model": "resnet"}, {"batch_size": 5}, {"patterns": 10}, {"learning_rate": 0.0}, {"precision": "float8"}, {"preset": "table2"}, {"cleaning": "soap"},
                  {"temperature": -1.0}, {"pairs": True}, {"pretraining": 0.5}, {"pretraining": 0.9999, "patience": 0}, {"pretraining": -0.1, "patience": 0}, {"task_weights": (0, 0, 0)}, {"seed": 200}, {"checks": 0}):
        try:
            Settings(**({"model": "difcon"} | wrong))
        except InputError as error:
            assert next(iter(wrong)) in str(error)
        else:
            raise AssertionError(f"{wrong} was taken")


def test_all_models_see_as_many_patterns():
    for count in (1, 999, 60_000, 1_000_000):
        seen = {Settings(model, patterns=128 * count, checks=7).steps for model in OBJECTIVES}
        assert len(seen) == 1 and count <= seen.pop() < count + 7


def test_an_epoch_sees_each_crystal_once():
    chosen = [crystals_of_step(step, 103, 10, seed=1) for step in range(30)]
    for epoch in range(3):
        seen = np.concatenate([crystals for crystals, number in chosen if number == epoch])
        assert len(np.unique(seen)) == len(seen) == 100
    assert not np.array_equal(chosen[0][0], chosen[10][0])


SYSTEMS_OF_BOXES = {221: (1, 1, 90), 123: (1, 1.3, 90), 47: (1.2, 1.4, 90), 10: (1.2, 1.4, 100), 191: (1, 1.5, 120)}


def small_table(folder, count=40):
    "A peak table of made-up crystals in a folder."
    crystals = []
    for number in range(count):
        space_group = list(SYSTEMS_OF_BOXES)[number % len(SYSTEMS_OF_BOXES)]
        b, c, angle = SYSTEMS_OF_BOXES[space_group]
        a = 3.5 + 0.05 * number
        angles = (90.0, 90.0, angle) if space_group == 191 else (90.0, angle, 90.0)
        atoms, positions = np.array([11, 17]), np.array([[0, 0, 0], [0.5, 0.5, 0.5]])
        crystals.append(Crystal(f"box-{number}", "made up", "box", f"Box{number}", space_group, (a, a * b, a * c, *angles),
                                atoms, positions, np.ones(2), np.full(2, np.nan)))
    write_peak_table(crystals, Path(folder) / "boxes.parquet")
    return read_peak_table(Path(folder) / "boxes.parquet")


def small_settings(model="difcon", **changes):
    "Settings of a training that takes seconds."
    network = NetworkSettings(widths=(4, 8), tail=2, features=8, stem_stride=32)
    return Settings(model, **(dict(patterns=96, batch_size=8, checks=3, check_patterns=8, representation=8,
                                   precision="float32", network=network) | changes))


IS_TEST = np.arange(40) % 10 == 9


def test_patterns_of_a_step_depend_on_nothing_else():
    with tempfile.TemporaryDirectory() as folder:
        table = small_table(folder)
    for model in OBJECTIVES:
        stream = TrainingPatterns(table, np.flatnonzero(~IS_TEST), small_settings(model))
        seen, space_groups = stream[5]
        assert seen.shape == (8, 12000) and torch.equal(seen, stream[5][0])
        rows, seeds = stream.seeds(5)
        assert np.array_equal(TrainingPatterns(table, np.flatnonzero(~IS_TEST), small_settings("cnn_aug", pairs=True)).seeds(5)[1], seeds) == (stream.settings.views == 2)
        assert not IS_TEST[rows].any() and np.array_equal(table.space_groups[rows], space_groups)
        assert np.array_equal(rows[:4], rows[4:]) == (stream.settings.views == 2) and len(np.unique(seeds)) == 8
        every = np.concatenate([stream.seeds(step)[1] for step in range(200)])
        assert len(np.unique(every)) == (36 * 2 if model == "cnn_static" else len(every))


def test_processes_share_each_batch():
    with tempfile.TemporaryDirectory() as folder:
        table = small_table(folder)
    for model in ("cnn_aug", "simclr"):
        settings = small_settings(model)
        whole = TrainingPatterns(table, np.flatnonzero(~IS_TEST), settings)[3]
        parts = [TrainingPatterns(table, np.flatnonzero(~IS_TEST), settings, process, 2)[3] for process in range(2)]
        for place in range(2):
            views = zip(*(part[place].chunk(settings.views) for part in parts))
            assert torch.equal(torch.cat([share for view in views for share in view]), whole[place])
    try:
        TrainingPatterns(table, np.flatnonzero(~IS_TEST), small_settings("cnn_aug", batch_size=10), 0, 3)
    except InputError as error:
        assert "3 processes" in str(error)
    else:
        raise AssertionError("10 crystals were dealt to 3 processes")


def test_too_large_a_batch_is_refused():
    with tempfile.TemporaryDirectory() as folder:
        table = small_table(folder)
    try:
        TrainingPatterns(table, np.arange(36), small_settings("cnn_aug", batch_size=64))
    except InputError as error:
        assert "smaller batch_size" in str(error)
    else:
        raise AssertionError("64 crystals were taken from 36")


def test_sets_are_fixed_and_disjoint():
    with tempfile.TemporaryDirectory() as folder:
        table = small_table(folder)
    held_out, trained = equivariance_set(table, IS_TEST), invariance_set(table, IS_TEST)
    assert len(held_out) == 8 and len(trained) == 72 and not set(held_out.structures) & set(trained.structures)
    assert np.array_equal(held_out.structures, np.flatnonzero(IS_TEST).repeat(2))
    assert torch.equal(torch.cat(list(trained.batches(7))), trained.patterns())
    assert not torch.equal(held_out.patterns(0, 1), held_out.patterns(1, 2))
    assert len(invariance_set(table, IS_TEST, limit=10)) == 10
    stream = TrainingPatterns(table, np.flatnonzero(~IS_TEST), small_settings("cnn_static"))
    seen = np.concatenate([stream.seeds(step)[1] for step in range(50)])
    assert not np.intersect1d(seen, np.concatenate([held_out.seeds, trained.seeds])).size


def test_weights_round_trip():
    network = new_network(small_settings("simclr"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deep" / "simclr.safetensors"
        save_network(network, path, {"settings": asdict(small_settings("simclr"))})
        loaded = load_network(path)
        assert read_card(path) == json.loads(path.with_suffix(".json").read_text())
        assert not loaded.training and type(loaded) is type(network)
        for name, value in network.state_dict().items():
            assert torch.allclose(loaded.state_dict()[name].float(), value.float(), rtol=1e-3, atol=1e-6), name
        for content in (None, b"PK\x03\x04 not weights"):
            path.unlink() if content is None else path.write_bytes(content)
            try:
                load_network(path)
            except InputError as error:
                assert str(path) in str(error)
            else:
                raise AssertionError("weights that are none were loaded")


def test_backbones_start_equal():
    supervised, contrastive = new_network(small_settings("cnn_aug")), new_network(small_settings("difcon"))
    for name, value in supervised.backbone.state_dict().items():
        assert torch.equal(value, contrastive.backbone.state_dict()[name])


def test_probabilities_sum_to_one():
    network = new_network(small_settings())
    found = predict_probabilities(network, torch.rand(5, 12000, generator=torch.Generator().manual_seed(0)), batch_size=2)
    assert {task: part.shape for task, part in found.items()} == {
        "crystal_system": (5, 7), "extinction_group": (5, 101), "space_group": (5, 230)}
    assert all(np.allclose(part.sum(axis=1), 1) for part in found.values()) and network.training


def test_temperatures_flatten_probabilities():
    network, five = new_network(small_settings()), torch.rand(5, 12000, generator=torch.Generator().manual_seed(0))
    plain, flat = predict_probabilities(network, five), predict_probabilities(network, five, temperatures={"space_group": 5.0})
    assert np.array_equal(plain["crystal_system"], flat["crystal_system"])
    assert (flat["space_group"].max(1) < plain["space_group"].max(1)).all() and np.array_equal(flat["space_group"].argmax(1), plain["space_group"].argmax(1))
    with tempfile.TemporaryDirectory() as folder:
        held_out = equivariance_set(small_table(folder), np.ones(len(small_table(folder)), bool), limit=20)
        temperatures = fitted_temperatures(network, held_out)
    assert set(temperatures) == set(TASKS) and all(0.05 <= value <= 20 for value in temperatures.values())


def test_added_settings_leave_fingerprints_alone():
    assert settings_key(Settings("cnn_aug")) == settings_key(Settings("cnn_aug", pairs=False, network=NetworkSettings(axis="two_theta")))
    assert not set(ADDED) & set(json.loads(settings_key(Settings("simclr")))) and "axis" not in json.loads(settings_key(Settings("simclr")))["network"]
    changed = (Settings("cnn_aug"), Settings("cnn_aug", pairs=True), Settings("cnn_aug", network=NetworkSettings(axis="log_q")), Settings("cnn_aug", seed=1))
    assert len({settings_key(settings) for settings in changed}) == 4


def unreported(line):
    "Takes a line and forgets it."


class Killed(Exception):
    "Stands for a power cut."


def killing(line):
    "Takes a line and kills the training before its checkpoint is written."
    raise Killed(line)


def test_resumed_equals_uninterrupted():
    with tempfile.TemporaryDirectory() as folder:
        table = small_table(folder)
        for model in ("difcon", "cnn_static"):
            settings = small_settings(model)
            whole, whole_history, _ = fit(table, IS_TEST, settings, Path(folder) / model / "whole", report=unreported)
            parts = Path(folder) / model / "parts"
            _, history, finished = fit(table, IS_TEST, settings, parts, budget=0.0, report=unreported)
            assert len(history) == 1 and not finished
            try:
                fit(table, IS_TEST, settings, parts, report=killing)
            except Killed:
                pass
            network, history, finished = fit(table, IS_TEST, settings, parts, report=unreported)
            assert len(history) == 3 and history[-1]["patterns"] == 96 and finished
            for row, expected in zip(history, whole_history):
                assert row | {"seconds": 0} == expected | {"seconds": 0}
            for name, value in whole.state_dict().items():
                assert torch.equal(value, network.state_dict()[name]), name


def test_representation_first_and_heads_after():
    def weights_of(checkpoints):
        "The weights in the last checkpoint."
        state = torch.load(checkpoints / "last.ckpt", weights_only=True)["state_dict"]
        return {name.removeprefix("network."): value for name, value in state.items()}


    with tempfile.TemporaryDirectory() as folder:
        table, checkpoints = small_table(folder), Path(folder) / "checkpoints"
        settings = small_settings("difcon", pretraining=1 / 3, patience=0)
        assert settings.pretraining_steps == settings.steps_per_check
        start, states = new_network(settings).state_dict(), []
        for _ in range(3):
            fit(table, IS_TEST, settings, checkpoints, budget=0.0, report=unreported)
            states.append(weights_of(checkpoints))
        whole, _, _ = fit(table, IS_TEST, settings, Path(folder) / "whole", report=unreported)
        assert all(torch.equal(value, whole.state_dict()[name]) for name, value in states[-1].items())
        for name in states[0]:
            changed = [not torch.equal(before[name], after[name]) for before, after in zip([start, *states], states)]
            assert changed == ([False, True, True] if name.startswith("heads") else [True, False, False]), (name, changed)
        try:
            fit(table, IS_TEST, settings, checkpoints, devices=2)
        except InputError as error:
            assert "give one device" in str(error)
        else:
            raise AssertionError("several processes trained parts in turn")


def test_the_learning_rate_rises_and_falls_for_each_part():
    def rates(**changes):
        "The learning rate of every step."
        settings = small_settings("difcon", patterns=800, checks=10, patience=0, **changes)
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=settings.learning_rate)
        schedule, found = schedule_of(optimizer, settings), []
        for _ in range(settings.steps):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        return np.array(found)


    assert rates().argmax() in (13, 14, 15) and rates()[-1] < 1e-6
    both = rates(pretraining=0.5)
    assert both[:50].argmax() in (6, 7, 8) and both[50:].argmax() in (6, 7, 8) and np.allclose(both[:50], both[50:], rtol=0.02, atol=1e-6) and both[49] < 1e-5


def test_finished_weights_are_not_trained_again():
    with tempfile.TemporaryDirectory() as folder:
        table = small_table(folder)
        lines = []
        first = train(table, IS_TEST, small_settings(), folder, card_patterns=4, report=lines.append, notes={"data": "boxes"})
        assert len(lines) == 3
        card = read_card(Path(folder) / "weights/difcon.safetensors")
        assert card["finished"] and card["data"] == "boxes" and card["patterns_seen"] == 96
        again = train(table, IS_TEST, small_settings(), folder, card_patterns=4, report=lines.append)
        assert len(lines) == 3 and all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters()))
        forced = train(table, IS_TEST, small_settings(), folder, force=True, card_patterns=4, report=lines.append)
        assert len(lines) == 6 and all(torch.equal(a, b) for a, b in zip(first.parameters(), forced.parameters()))
        train(table, IS_TEST, small_settings(seed=1), folder, card_patterns=4, report=lines.append)
        assert len(lines) == 9
        assert sum(1 for _ in open(Path(folder) / "weights/difcon.csv")) == 4


def test_nan_loss_is_one_clear_error():
    with tempfile.TemporaryDirectory() as folder:
        table = small_table(folder)
        checkpoints = Path(folder) / "checkpoints"
        fit(table, IS_TEST, small_settings(), checkpoints, budget=0.0, report=unreported)
        poisoned = torch.load(checkpoints / "last.ckpt", weights_only=True)
        poisoned["state_dict"]["network.backbone.stem.0.weight"].fill_(torch.nan)
        torch.save(poisoned, checkpoints / "last.ckpt")
        before = {path.name: path.read_bytes() for path in checkpoints.glob("*.ckpt")}
        try:
            fit(table, IS_TEST, small_settings(), checkpoints, report=unreported)
        except InputError as error:
            assert "loss of step 4 is nan" in str(error) and "learning rate" in str(error)
        else:
            raise AssertionError("a loss of nan was taken")
        assert before == {path.name: path.read_bytes() for path in checkpoints.glob("*.ckpt")}


def test_arguments_of_the_command():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    given = parser.parse_args(["difcon", "--budget", "100min", "--batch-size", "64", "--learning-rate", "1e-3", "--devices", "4"])
    assert (given.batch_size, given.learning_rate, given.budget, given.patterns, given.devices) == (64, 1e-3, 6000, Settings.patterns, 4)
    for wrong in ("soon", "-3", "5 days", "1e3"):
        try:
            duration(wrong)
        except argparse.ArgumentTypeError as error:
            assert wrong in str(error)
        else:
            raise AssertionError(wrong)
    with tempfile.TemporaryDirectory() as folder:
        for wrong, said in ((["--resume", "--limit", "40"], "was begun here"), (["--crystals", "amcsd", "amcsd", "--limit", "40"], "different names"),
                            (["--pretraining", "0.5"], "patience=0"),
                            (["--split", "random", "--shares", "1"], "give --split family")):
            try:
                run(parser.parse_args(["cnn_aug", "--folder", folder, *wrong]))
            except InputError as error:
                assert said in str(error)
            else:
                raise AssertionError(f"{wrong} was taken")
