# Generated from nbs/66_robustness.ipynb; edit the notebook, then run make export.
from difcon.laboratory import LAB
from difcon.laboratory import QUANTITIES
from difcon.models.cnn import SPACE_GROUPS_OF_SYSTEM
from difcon.models.cnn import SymmetryOutput
from difcon.peak_table import read_peak_table
from difcon.peak_table import write_peak_table
from difcon.robustness import SWEEPS, robustness_table
from difcon.structures import Crystal
from pathlib import Path
import numpy as np
import tempfile
import torch


def test_every_effect_of_the_laboratory_is_tried():
    tried = {sweep.quantity for sweep in SWEEPS} | {name for sweep in SWEEPS for name, _ in sweep.beside}
    effects = {QUANTITIES[name].effect for name in tried}
    left_out = {QUANTITIES[name].effect for name in LAB.variables} - effects
    assert left_out == {"polarisation", "transparency", "subtracted", "step"}, left_out
    for sweep in SWEEPS:
        assert not sweep.shown or len(sweep.shown) == len(sweep.values)
        first = sweep.preset(sweep.values[0]).variables[sweep.quantity][0]
        assert first == QUANTITIES[sweep.quantity].neutral or sweep.quantity == "w"
        assert (np.diff(sweep.shown or sweep.values) > 0).all(), sweep.label


def test_accuracy_of_a_network_that_knows_the_answer():
    class Oracle(torch.nn.Module):
        "Is right as long as a pattern has anything above 60°, where all the lines of the second crystal lie."

        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, patterns):
            logits = torch.zeros(len(patterns), 230)
            logits[:, 224] = patterns[:, 6000:].amax(1)
            logits[:, 0] = 1e-3
            systems = torch.stack([part.logsumexp(1) for part in logits.split(SPACE_GROUPS_OF_SYSTEM, 1)], 1)
            return SymmetryOutput(patterns[:, :4], logits, systems, torch.zeros(len(patterns), 101))


    with tempfile.TemporaryDirectory() as folder:
        salt = Crystal("salt", "made up", "salt", "NaCl", 225, (5.64,) * 3 + (90.0,) * 3, np.array([11] * 4 + [17] * 4),
                       np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5], [0.5, 0.5, 0.5]]), np.ones(8), np.full(8, np.nan))
        write_peak_table([salt] * 3, Path(folder) / "salt")
        made = robustness_table({"oracle": Oracle()}, read_peak_table(Path(folder) / "salt"), np.arange(3), [sweep for sweep in SWEEPS if sweep.quantity == "high"])
    groups = made[made.task == "SG"].set_index("strength")["accuracy / %"]
    assert groups[0] == groups[50] == 100 and groups[70] == groups[85] == 0 and (made.patterns == 3).all()
