# Generated from nbs/68_package.ipynb; edit the notebook, then run make export.
from dataclasses import asdict
from difcon.models.cnn import NetworkSettings
from difcon.package import CONDITIONS, SOURCES, add_arguments, card_with_tests, run, table_of_tests
from difcon.peak_table import ensure_peak_table
from difcon.project import InputError
from difcon.structures import split
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


def small_weights(folder, **noted):
    "A small untrained network and its card."
    settings = Settings("cnn_aug", network=NetworkSettings(stem_kernel=9, stem_stride=50, widths=(4, 8), tail=2, features=16))
    path = Path(folder) / "small.safetensors"
    save_network(new_network(settings), path, {"model": "cnn_aug", "settings": asdict(settings), "split": "family", "temperatures": {"crystal_system": 2.0}} | noted)
    return path


def test_a_card_says_what_was_tested():
    with tempfile.TemporaryDirectory() as folder:
        table = ensure_peak_table(folder, "amcsd", 60, progress=False)
        sources = np.repeat(SOURCES, [len(table) // 2, len(table) - len(table) // 2])
        weights = small_weights(folder)
        network, before = load_network(weights), read_card(weights)
    card = card_with_tests(network, before, table, sources, 8)
    with pytest.raises(InputError, match="random"):
        card_with_tests(network, before | {"split": "random"}, table, sources, 8)
    simulated = {f"{source}, {name}" for source in SOURCES for name in CONDITIONS}
    assert {name: value for name, value in card.items() if name != "tests"} == before and set(card["tests"]) - {"measured"} == simulated
    held_out = split(table.families, "family", seed=0)
    for name in simulated:
        cells = card["tests"][name]
        assert cells["patterns"] == min(8, (held_out & (sources == name.split(",")[0])).sum()) and cells["crystal_system"][1] <= cells["crystal_system"][0] <= cells["crystal_system"][2]
    assert len(table_of_tests({"a": card, "b": card})) == 2 * len(card["tests"])


def test_the_command_writes_a_card():
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as printed:
        patch.setenv("DIFCON_DATA", folder)
        weights, to, about = small_weights(folder), Path(folder) / "b.safetensors", Path(folder) / "about.json"
        about.write_text('{"licence": "mine"}')
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        before = read_card(weights)
        assert run(parser.parse_args([str(weights), "--to", str(to), "--about", str(about), "--folder", folder, "--patterns", "4", "--minerals", "60"])) == 0
        assert read_card(weights) == before and read_card(to)["licence"] == "mine" and read_card(to)["temperatures"] == before["temperatures"] and {test.split(",")[0] for test in read_card(to)["tests"]} == {"AMCSD"}
        assert json.loads(to.with_suffix(".json").read_text()) == read_card(to)
        with pytest.raises(InputError, match="absent"):
            run(parser.parse_args([str(Path(folder) / "absent.safetensors")]))
        about.write_text("[1]")
        with pytest.raises(InputError, match="about.json: not an object"):
            run(parser.parse_args([str(weights), "--about", str(about)]))
    assert "AMCSD, lab" in printed.getvalue() and "b.safetensors" in printed.getvalue()
