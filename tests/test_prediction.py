# Generated from nbs/51_prediction.ipynb; edit the notebook, then run make export.
from dataclasses import asdict
from difcon.measured import Pattern
from difcon.measured import read_pattern
from difcon.models.cnn import NetworkSettings
from difcon.prediction import PACKAGED, Prediction, Predictor, add_arguments, as_json, as_text, predict_files, run
from difcon.project import InputError
from difcon.symmetry import CRYSTAL_SYSTEMS
from difcon.symmetry import TASKS
from difcon.training import Settings
from difcon.training import load_network
from difcon.training import new_network
from difcon.training import read_card
from difcon.training import save_network
from pathlib import Path
import argparse
import contextlib
import io
import json
import numpy as np
import pytest
import tempfile
import torch


def untrained_weights(folder):
    "Weights of a small network with random weights."
    shape = NetworkSettings(stem_kernel=9, stem_stride=50, widths=(4, 8), tail=2, features=16)
    settings = Settings("difcon", network=shape, representation=16)
    path, network, generator = Path(folder) / "small.safetensors", new_network(settings), torch.Generator().manual_seed(0)
    with torch.no_grad():  # first weights say nearly the same of all patterns
        for parameter in network.parameters():
            parameter.normal_(0, 0.5, generator=generator)
    save_network(network, path, {"settings": asdict(settings)})
    return path


def example_file(folder, name="quartz.xy", header="# wavelength = 1.5406\n", shift=0.0):
    "A file with a few lines on a background, from 5° to 90°."
    two_theta = np.arange(5, 90, 0.02)
    intensity = 20 + sum(height * np.exp(-(((two_theta - line - shift) / 0.1) ** 2)) for line, height in ((20.9, 160), (26.6, 900), (50.1, 120)))
    path = Path(folder) / name
    path.write_text(header + "\n".join(f"{angle:.4f} {count:.4f}" for angle, count in zip(two_theta, intensity)), encoding="utf-8")
    return path


def test_predictions_are_probabilities():
    with tempfile.TemporaryDirectory() as folder:
        predictor = Predictor(untrained_weights(folder))
        first = read_pattern(example_file(folder))
        second = read_pattern(example_file(folder, "b.xy", shift=1.0))
    both = predictor.predict([first, second])
    for task, classes in zip(TASKS, (7, 101, 230)):
        probabilities = both[0].probabilities[task]
        assert probabilities.shape == (classes,) and np.isclose(probabilities.sum(), 1) and probabilities.min() >= 0
        ranks = both[0].ranked(task)
        assert sorted(label for label, _ in ranks) == list(range(classes))
        assert np.all(np.diff([probability for _, probability in ranks]) <= 0)
        assert not np.allclose(both[1].probabilities[task], probabilities, atol=1e-6)
    alone = predictor.predict([second])[0]
    assert np.allclose(alone.probabilities["space_group"], both[1].probabilities["space_group"], atol=1e-5)
    assert predictor.predict([]) == []


def test_only_what_the_crystal_scatters_counts():
    with tempfile.TemporaryDirectory() as folder:
        predictor = Predictor(untrained_weights(folder))
        pattern = read_pattern(example_file(folder))
    half_angle = np.arcsin(np.sin(np.radians(pattern.two_theta) / 2) * 0.7107 / 1.5406)
    molybdenum = Pattern("Mo", np.degrees(2 * half_angle), pattern.intensity, 0.7107)
    louder = Pattern("longer", pattern.two_theta, 1000 * pattern.intensity, pattern.wavelength)
    expected, *others = [prediction.probabilities["space_group"] for prediction in predictor.predict([pattern, molybdenum, louder])]
    assert all(np.allclose(other, expected, atol=1e-4) for other in others)


def test_temperatures_and_cleaning_of_the_card_are_used():
    with tempfile.TemporaryDirectory() as folder:
        path, pattern = untrained_weights(folder), read_pattern(example_file(folder))
        plain = Predictor(path)
        card, network = read_card(path), load_network(path)
        card["settings"]["cleaning"] = "arpls"
        save_network(network, path, card | {"temperatures": {"crystal_system": 50.0}})
        flat = Predictor(path)
    assert (plain.cleaning, flat.cleaning) == ("snip", "arpls")
    before, after = (predictor.predict([pattern])[0].probabilities["crystal_system"].max() for predictor in (plain, flat))
    assert before > 1.5 / 7 > after


def test_weights_that_are_none():
    with tempfile.TemporaryDirectory() as folder:
        not_weights = Path(folder) / "a.safetensors"
        not_weights.write_text("not weights")
        for path in (not_weights, Path(folder) / "absent.safetensors"):
            with pytest.raises(InputError, match=path.name):
                Predictor(path)


def test_json_is_complete():
    equal = {"crystal_system": np.full(7, 1 / 7), "extinction_group": np.full(101, 1 / 101), "space_group": np.eye(230)[61] * 0.5 + 0.5 / 230}
    pattern = Pattern("a.xy", np.zeros(2), np.zeros(2), 1.5406)
    record, = json.loads(as_json([Prediction(pattern, equal)]))
    assert list(record) == ["file", "wavelength", "crystal_system", "extinction_group", "space_group"]
    assert record["file"] == "a.xy" and record["wavelength"] == 1.5406
    assert [entry["name"] for entry in record["crystal_system"]] == list(CRYSTAL_SYSTEMS)
    assert [entry["id"] for entry in record["extinction_group"]] == list(range(1, 102))
    assert record["extinction_group"][0] == {"id": 1, "symbol": "P-", "probability": 0.009901}
    assert record["space_group"][0] == {"number": 62, "symbol": "P n m a", "probability": 0.502174}
    assert [entry["number"] for entry in record["space_group"][1:4]] == [1, 2, 3] and len(record["space_group"]) == 230
    assert np.isclose(sum(entry["probability"] for entry in record["space_group"]), 1, atol=1e-3)


def test_text_for_people():
    decided = {"crystal_system": np.eye(7)[4], "extinction_group": np.full(101, 1 / 101), "space_group": np.eye(230)[153] * 0.5 + 0.5 / 230}
    pattern = Pattern("a.xy", np.array([5.0, 90.0]), np.zeros(2), 1.5406)
    text = as_text([Prediction(pattern, decided)] * 2, top=9)
    lines = text.splitlines()
    assert len(lines) == 2 * (1 + 1 + 9) + 1 and max(map(len, lines)) <= 90
    assert "a.xy" in lines[0] and "1.5406 Å" in lines[0]
    assert lines[2].split()[:3] == ["trigonal", "100.0", "%"] and lines[2].endswith("154  P 32 2 1   50.2 %")
    assert lines[3].split()[1:3] == ["<0.1", "%"]
    assert len({line.index("space group") for line in lines if "space group" in line}) == 1


def test_one_bad_file_among_several():
    with tempfile.TemporaryDirectory() as folder:
        good, bad = example_file(folder), example_file(folder, "bad.xy", header="")
        predictions, errors = predict_files([good, bad, Path(folder) / "absent.xy"], weights=untrained_weights(folder))
        assert [prediction.pattern.name for prediction in predictions] == [str(good)]
        assert ["bad.xy: no wavelength" in str(errors[0]), "absent.xy: no such file" in str(errors[1])] == [True, True]
        predictions, errors = predict_files([good, bad], wavelength=1.5406, weights=untrained_weights(folder))
        assert len(predictions) == 2 and not errors


def command(*arguments):
    "Exit code, output and errors of `difcon predict`."
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.redirect_stderr(io.StringIO()) as errors:
        code = run(parser.parse_args([str(argument) for argument in arguments]))
    return code, output.getvalue(), errors.getvalue()


def test_the_command():
    with tempfile.TemporaryDirectory() as folder:
        weights, good, bad = untrained_weights(folder), example_file(folder), Path(folder) / "bad.xy"
        bad.write_text("5 1\n6 two\n")
        code, output, errors = command(good, "--weights", weights)
        assert code == 0 and not errors and output.count("%") == 15
        code, output, errors = command(bad, good, "--json", "--weights", weights)
        assert code == 2 and errors.startswith("difcon predict: ") and "bad.xy, row 2" in errors and errors.count("\n") == 1
        assert [entry["file"] for entry in json.loads(output)] == [str(good)]
        code, output, errors = command(bad, "--json", "--weights", weights)
        assert code == 2 and json.loads(output) == []
        with pytest.raises(InputError, match="absent"):
            command(good, "--weights", Path(folder) / "absent.safetensors")
        texts = [command(good, "--model", model)[1] for model in PACKAGED]
        assert command(good)[1] == texts[0] != texts[1]
        with pytest.raises(SystemExit) as stop:
            command(good, "--top", "0")
        assert stop.value.code == 2
