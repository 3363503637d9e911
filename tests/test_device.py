# Generated from nbs/23_device.ipynb; edit the notebook, then run make export.
from difcon.augment.binning import BINS
from difcon.augment.draws import counted
from difcon.augment.draws import uniform_draws
from difcon.augment.profile import add_lines
from difcon.augment.profile import add_peaks
from difcon.augment.profile import profile_table
from difcon.device import add_asymmetric_lines, add_symmetric_lines, as_lines, chosen_device, device_counts, device_draws, pieces
from difcon.project import InputError
import numpy as np
import torch


def test_devices_that_are_not_there_are_named():
    assert chosen_device("cpu").type == "cpu"
    for name in ("abacus", "cuda:99", "meta"):
        try:
            chosen_device(name)
        except InputError as error:
            assert f"device {name}:" in str(error)
        else:
            raise AssertionError(name)


def test_draws_are_those_of_the_kernels():
    seeds = [0, 1, 12345, 2**40 + 3, 2**62]
    for stream in (0, 5):
        with np.errstate(over="ignore"):
            expected = np.stack([uniform_draws(seed, stream, 1000) for seed in seeds])
        assert np.array_equal(device_draws(torch.tensor(seeds), stream, 1000).numpy(), expected)


def test_counts_are_those_of_the_kernels():
    generator = np.random.default_rng(0)
    expected = np.concatenate([generator.uniform(0, 12, 4000), generator.uniform(12, 5000, 4000)]).astype(np.float32)
    with np.errstate(over="ignore"):
        draws, wanted = uniform_draws(3, 1, len(expected)), counted(expected, 3, 1)
    found = device_counts(torch.from_numpy(expected), torch.from_numpy(draws)).numpy()
    assert (found != wanted).mean() < 1e-3 and np.abs(found - wanted).max() <= 1


def random_lines(seed=0, counts=(200, 1, 0, 900), widest=2.0):
    "Lines of some patterns, as NumPy arrays of one pattern each; some lie beyond the range, some are zero."
    generator = np.random.default_rng(seed)
    found = []
    for count in counts:
        width = np.exp(generator.uniform(np.log(0.01), np.log(widest), count)) * generator.uniform(0.2, 1)
        found.append((generator.uniform(0.5, 150, count), width, generator.random(count) ** 3 * (generator.random(count) > 0.1), generator.random(count)))
    return found


def test_pieces_hold_every_line_once():
    lines = as_lines(random_lines(counts=(3, 0, 2) * 200))
    parts = list(pieces(lines, 600))
    assert [part.stop - part.start for part, _ in parts] == [256, 256, 88]
    assert torch.equal(torch.cat([own.row + part.start for part, own in parts]), lines.row)
    assert torch.equal(torch.cat([own.eta for _, own in parts]), lines.eta)
    assert len(as_lines([]).row) == 0 and list(pieces(as_lines([]), 0)) == []


def test_symmetric_lines_are_those_of_the_kernel():
    for accurate in (False, True):
        for widest in (0.08, 2.0):
            lists = random_lines(widest=widest)
            wanted = np.zeros((len(lists), BINS), np.float32)
            for pattern, (two_theta, width, intensity, eta) in zip(wanted, lists):
                add_lines(pattern, two_theta, intensity, width, eta, accurate)
            found = torch.zeros(len(lists), BINS)
            add_symmetric_lines(found, as_lines(lists), accurate)
            assert not found[2].any() and wanted[0].max() > 0
            assert np.allclose(found, wanted, atol=2e-5 * wanted.max())


def test_asymmetric_lines_are_those_of_the_kernel():
    for eta, rho in ((0.0, 0.0), (0.5, 0.7), (1.0, -1.0)):
        lists = random_lines(counts=(150, 0, 400), widest=0.5)
        wanted, table = np.zeros((len(lists), BINS), np.float32), profile_table(eta, rho)
        for pattern, (two_theta, width, intensity, _) in zip(wanted, lists):
            add_peaks(pattern, two_theta, intensity, width, table)
        found = torch.zeros(len(lists), BINS)
        add_asymmetric_lines(found, as_lines(lists), torch.from_numpy(table).expand(len(lists), -1, -1))
        assert np.allclose(found, wanted, atol=5e-5 * wanted.max())
