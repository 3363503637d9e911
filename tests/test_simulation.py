# Generated from nbs/20_simulation.ipynb; edit the notebook, then run make export.
from difcon.project import InputError
from difcon.simulation import Preset, TABLE1_TEST, Variable, preset_named


def test_unknown_names_and_ranges_are_errors():
    def message_of(function, *arguments):
        try:
            function(*arguments)
        except InputError as error:
            return str(error)
        raise AssertionError("no error")


    assert "table1/training, table1/test" in message_of(preset_named, "table2")
    assert "zero_shfit" in message_of(Preset, "mine", {"zero_shfit": Variable(0, 1)})
    assert "zero_shift, position_noise" in message_of(Preset, "mine", {"zero_shfit": Variable(0, 1)})
    assert "u_range" in message_of(Preset, "mine", {}, (0.5, 1.5))
    assert preset_named("table1/test") is TABLE1_TEST
