# Generated from nbs/32_cnn_static.ipynb; edit the notebook, then run make export.
from difcon.augment.binning import BIN_WIDTH
from difcon.models.cnn import Backbone, Convolution, Halving, LogarithmicAxis, NetworkSettings, ResidualBlock, SPACE_GROUPS_OF_SYSTEM, SymmetryNetwork, SymmetryOutput, flat_length, hits, symmetry_loss
from difcon.project import InputError
from difcon.symmetry import EXTINCTION_GROUP_OF_SPACE_GROUP
from difcon.symmetry import SYSTEM_OF_SPACE_GROUP
from difcon.symmetry import TASKS
from torch import nn
from torch.nn import functional
import numpy as np
import torch


def test_impossible_shapes_are_refused():
    for wrong in ({"kernel": 4}, {"axis": "q"}, {"axis": "log_q", "bins": 150}, {"widths": ()}, {"stem_stride": 0}, {"tail": -1}):
        try:
            NetworkSettings(**wrong)
        except InputError:
            continue
        raise AssertionError(f"{wrong} was taken")


def test_halving_is_the_average_over_two():
    for length in (50, 51):
        x = torch.randn(2, 8, 1, length, generator=torch.Generator().manual_seed(0))
        for memory_format in (torch.contiguous_format, torch.channels_last):
            halved = Halving()(x.contiguous(memory_format=memory_format))
            assert torch.allclose(halved[:, :, 0], functional.avg_pool1d(x[:, :, 0], 2, ceil_mode=True)) and halved.is_contiguous(memory_format=memory_format)


def test_convolution_is_that_of_one_dimension_in_both_memory_formats():
    layer = Convolution(3, 5, 5, 2, 2)
    x = torch.randn(2, 3, 1, 21, generator=torch.Generator().manual_seed(0))
    expected = functional.conv1d(x[:, :, 0], layer.weight, layer.bias, 2, 2)
    assert torch.allclose(layer(x)[:, :, 0], expected, atol=1e-6) and layer(x).is_contiguous()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = layer(x)
    assert torch.allclose(rounded[:, :, 0].float(), expected, atol=0.05) and rounded.is_contiguous(memory_format=torch.channels_last) and not rounded.is_contiguous()


def test_block_without_its_convolutions_is_the_shortcut():
    block = ResidualBlock(8, 8, kernel=3, stride=1).eval()
    nn.init.zeros_(block.second_norm.weight)
    x = torch.randn(2, 8, 1, 50, generator=torch.Generator().manual_seed(0))
    assert torch.equal(block(x), x.relu())


def test_a_larger_cell_is_a_shift_on_the_logarithmic_axis():
    axis = LogarithmicAxis(12000)
    two_theta = (np.arange(12000) + 0.5) * BIN_WIDTH


    def top(sine):
        "Where on the logarithmic axis a line of some sin θ lies."
        pattern = np.exp(-(((two_theta - 2 * np.degrees(np.arcsin(sine))) / 0.3) ** 2)).astype(np.float32)
        values = axis(torch.from_numpy(pattern)[None])[0].double()
        return ((values * torch.arange(12000)).sum() / values.sum()).item()


    shifts = [top(1.1 * sine) - top(sine) for sine in (0.1, 0.2, 0.4, 0.6)]
    step = np.log(np.sin(np.radians(60)) / np.sin(np.radians(1))) / 12000
    assert np.allclose(shifts, np.log(1.1) / step, rtol=0.01)


def test_the_logarithmic_axis_keeps_what_lies_above_two_degrees():
    pattern = torch.rand(3, 12000, generator=torch.Generator().manual_seed(0))
    axis = LogarithmicAxis(12000)
    assert torch.allclose((axis(pattern) * axis.breadth).sum(1), pattern[:, 200:].double().sum(1), rtol=1e-6)
    assert torch.allclose(axis(torch.full((1, 12000), 0.3)), torch.tensor(0.3), atol=1e-6)


def test_backbone_shapes():
    for settings in (NetworkSettings(), NetworkSettings(tail=0), NetworkSettings(bins=1001, widths=(4, 6), blocks=2, features=10)):
        backbone = Backbone(settings)
        patterns = torch.rand(3, settings.bins)
        inner = backbone.stem(patterns[:, None, None])
        for stage in backbone.stages:
            inner = stage(inner)
        assert inner.shape == (3, settings.widths[-1], 1, flat_length(settings))
        assert backbone(patterns).shape == (3, settings.features)
    logarithmic = Backbone(NetworkSettings(axis="log_q"))
    assert logarithmic(torch.rand(2, 12000)).shape == (2, 512) and logarithmic.state_dict().keys() == Backbone().state_dict().keys()


def test_bfloat16_changes_features_little():
    patterns = torch.rand(8, 1001, generator=torch.Generator().manual_seed(0))
    backbone = Backbone(NetworkSettings(bins=1001, stem_stride=4, widths=(8, 12), features=10)).eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        rounded = backbone(patterns).float()
    with torch.no_grad():
        exact = backbone(patterns)
    assert (rounded - exact).abs().max() < 0.05 * exact.abs().max() and exact.std() > 0


def test_positions_are_kept_by_the_flat_end():
    pattern = torch.zeros(1, 640)
    pattern[0, 64:80] = 1.0
    moved = pattern.roll(320, 1)
    torch.manual_seed(0)
    shape = dict(bins=640, stem_kernel=1, stem_stride=1, widths=(8, 8), kernel=1, features=16)
    average, flat = Backbone(NetworkSettings(tail=0, **shape)).eval(), Backbone(NetworkSettings(tail=4, **shape)).eval()
    assert torch.allclose(average(pattern), average(moved), atol=1e-6)
    assert not torch.allclose(flat(pattern), flat(moved), atol=1e-4)


SMALL = NetworkSettings(bins=600, widths=(8, 16), tail=4, features=24)


def labelled_patterns(count, generator_seed=0):
    "Random sparse patterns with space groups spread over all systems."
    generator = torch.Generator().manual_seed(generator_seed)
    patterns = torch.rand(count, 600, generator=generator) * (torch.rand(count, 600, generator=generator) < 0.05)
    return patterns, torch.linspace(1, 230, count).long()


def test_network_shapes():
    output = SymmetryNetwork(SMALL)(labelled_patterns(5)[0])
    shapes = [tuple(part.shape) for part in output]
    assert shapes == [(5, 24), (5, 230), (5, 7), (5, 101)]


def test_a_system_is_as_probable_as_its_space_groups():
    torch.manual_seed(0)
    output = SymmetryNetwork(SMALL)(labelled_patterns(6)[0])
    systems, groups = output.crystal_system.softmax(1).double(), output.space_group.softmax(1).double()
    for system in range(7):
        inside = torch.as_tensor(SYSTEM_OF_SPACE_GROUP == system)
        assert torch.allclose(systems[:, system], groups[:, inside].sum(1), atol=1e-6)
        assert torch.allclose(output.crystal_system[:, system], output.space_group[:, inside].exp().sum(1).log(), atol=1e-5)


def test_loss_equals_plain_numpy():
    torch.manual_seed(1)
    patterns, space_groups = labelled_patterns(9)
    output, weights = SymmetryNetwork(SMALL)(patterns), (1.0, 2.0, 0.5)
    logits = output.space_group.detach().double().numpy()
    extinction = output.extinction_group.detach().double().numpy()
    expected = np.zeros(3)
    for row, number in enumerate(space_groups.tolist()):
        probability = np.exp(logits[row]) / np.exp(logits[row]).sum()
        system = SYSTEM_OF_SPACE_GROUP[number - 1]
        expected[0] -= np.log(sum(p for p, s in zip(probability, SYSTEM_OF_SPACE_GROUP) if s == system)) / 9
        chosen = EXTINCTION_GROUP_OF_SPACE_GROUP[number - 1]
        expected[1] -= np.log(np.exp(extinction[row, chosen]) / np.exp(extinction[row]).sum()) / 9
        expected[2] -= np.log(probability[number - 1]) / 9
    loss, parts = symmetry_loss(output, space_groups, weights)
    assert np.allclose([parts[task].item() for task in TASKS], expected, rtol=1e-5)
    assert np.isclose(loss.item(), expected @ weights / sum(weights), rtol=1e-5)


def test_every_parameter_learns():
    torch.manual_seed(2)
    network = SymmetryNetwork(SMALL)
    patterns, space_groups = labelled_patterns(16)
    symmetry_loss(network(patterns), space_groups)[0].backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None and weight.grad.isfinite().all() and weight.grad.abs().max() > 0, name


def test_hits_of_a_known_output():
    space_group = torch.full((2, 230), -9.0)
    space_group[0, 224], space_group[1, 0] = 9.0, 9.0
    extinction_group = torch.zeros(2, 101)
    extinction_group[0, EXTINCTION_GROUP_OF_SPACE_GROUP[224]] = 1.0
    system = torch.stack([part.logsumexp(1) for part in space_group.split(SPACE_GROUPS_OF_SYSTEM, dim=1)], dim=1)
    found = hits(SymmetryOutput(space_group, space_group, system, extinction_group), torch.tensor([225, 2]))
    assert found["space_group"].tolist() == [True, False] and found["crystal_system"].tolist() == [True, True]
    assert found["extinction_group"].tolist() == [True, EXTINCTION_GROUP_OF_SPACE_GROUP[1] == 0]


def learn_by_heart(steps=120):
    "The loss at each step of a small network that sees the same few patterns again and again."
    torch.manual_seed(0)
    network = SymmetryNetwork(SMALL)
    patterns, space_groups = labelled_patterns(14)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    curve = []
    for _ in range(steps):
        output = network(patterns)
        loss, _ = symmetry_loss(output, space_groups)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append(loss.item())
    return curve, {task: hit.float().mean().item() for task, hit in hits(output, space_groups).items()}


def test_a_small_batch_is_learnt_by_heart():
    curve, accuracy = learn_by_heart()
    assert curve[0] > 3 and curve[-1] < 0.1 and set(accuracy.values()) == {1.0}
