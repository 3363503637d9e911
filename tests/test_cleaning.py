# Generated from nbs/22_cleaning.ipynb; edit the notebook, then run make export.
from difcon.cleaning import background, cell_means, clean, measured_range, snip
from difcon.project import data_file
from difcon.project import needs_data
from pybaselines.smooth import snip as pybaselines_snip
import numpy as np
import pandas as pd
import torch


def test_measured_range_of_few_bins():
    first, last = measured_range(torch.tensor([[0.0, 0, 3, 0, -2, 0], [0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]]))
    assert first.flatten().tolist() == [2, 0, 0, 5] and last.flatten().tolist() == [4, -1, 0, 5]


def test_means_of_measured_bins_only():
    lines = torch.zeros(1, 40)
    lines[0, 13:25] = torch.arange(12.0) + 1
    assert cell_means(lines, *measured_range(lines)).tolist() == [[torch.inf, 4.0, 10.0, torch.inf]]


def test_snip_equals_pybaselines():
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(3, 400, generator=generator, dtype=torch.float64) ** 3 + torch.linspace(1, 3, 400, dtype=torch.float64)
    for half_window in (1, 10, 40):
        ours = snip(values, half_window).numpy()
        edges = {"mode": "constant", "constant_values": np.inf}
        theirs = [pybaselines_snip(row, half_window, decreasing=True, pad_kwargs=edges)[0] for row in values.numpy()]
        assert np.allclose(ours, theirs, rtol=0, atol=1e-14)


def test_snip_keeps_what_is_straight():
    straight = torch.linspace(5, 1, 200).repeat(2, 1)
    straight[1, :20] = straight[1, 180:] = torch.inf
    assert torch.allclose(snip(straight, 10), straight)
    humped = straight + 3 * (torch.arange(200) == 100)
    assert torch.allclose(snip(humped, 10), straight, atol=1e-6)


def example_background(two_theta):
    "A fall from low angles, an amorphous hump of 12° full width, and a constant, relative to a maximum of 1."
    return 0.6 * np.exp(-two_theta / 8) + 0.25 * np.exp(-4 * np.log(2) * ((two_theta - 25) / 12) ** 2) + 0.05


def example_patterns(noise=0.0):
    "Three patterns with narrow and broad lines, one of them cropped, and their backgrounds."
    two_theta, generator = (np.arange(12000) + 0.5) * 0.01, np.random.default_rng(0)
    patterns = np.zeros((3, 12000))
    for pattern, width in zip(patterns, (0.05, 0.15, 0.4)):
        for line, height in zip(generator.uniform(8, 110, 40), generator.uniform(0.02, 0.8, 40)):
            pattern += height * np.exp(-4 * np.log(2) * ((two_theta - line) / width) ** 2)
    patterns = patterns / patterns.max(axis=1, keepdims=True) + noise * generator.uniform(-1, 1, patterns.shape)
    measured = np.ones((3, 1)) * ((two_theta > 5) & (two_theta < 115))
    measured[2] = (two_theta > 20) & (two_theta < 90)
    return torch.tensor((patterns + 1e-12) * measured).float(), torch.tensor(example_background(two_theta) * measured).float()


def measured_patterns(names=None):
    "Some patterns of the measured set in bins of 0.01°, at their own angles, with a maximum of 1."
    columns = ["id", "two_theta", "intensity", "wavelength_A", "processed", "recommended"]
    table = pd.read_parquet(data_file("measured/measured_patterns.parquet"), columns=columns)
    chosen = table.set_index("id").loc[names] if names else table.query("recommended and processed == 'raw' and 1.5 < wavelength_A < 1.6")
    grid = (np.arange(12000) + 0.5) * 0.01
    bins = [np.interp(grid, angles, counts, left=0, right=0) for angles, counts in zip(chosen["two_theta"], chosen["intensity"])]
    return torch.tensor(np.array(bins) / np.max(bins, axis=1, keepdims=True)).float()


def test_a_smooth_background_changes_little():
    lines, smooth = example_patterns()
    difference = (clean(lines + smooth) - clean(lines)).abs()
    assert difference.mean() < 0.005 and difference.max() < 0.08
    assert (smooth.mean() > 0.08) and (lines + smooth - lines).abs().mean() > 15 * difference.mean()


def test_a_background_alone_leaves_little():
    _, smooth = example_patterns()
    left = (smooth - background(smooth)).clamp(min=0)
    assert left.max() < 0.06 * smooth.max() and left.mean() < 0.03 * smooth.mean()
    line = torch.linspace(3, 1, 12000)
    assert (line - background(line[None])[0]).abs().max() < 0.002


def test_zeros_stay_zeros():
    lines, smooth = example_patterns(noise=0.03)
    cleaned = clean(lines + smooth)
    assert (cleaned[lines == 0] == 0).all() and (cleaned >= 0).all()
    assert torch.equal(clean(torch.zeros(2, 12000)), torch.zeros(2, 12000))


def test_scale_does_not_matter():
    lines, smooth = example_patterns(noise=0.03)
    expected = clean(lines + smooth)
    assert torch.equal(expected.amax(-1), torch.ones(3))
    for scale in (1e-4, 7.0, 1e6):
        assert torch.allclose(clean(scale * (lines + smooth)), expected, atol=1e-5)


def test_a_batch_equals_one_by_one():
    lines, smooth = example_patterns(noise=0.03)
    batch = clean(lines + smooth)
    assert torch.equal(batch, torch.stack([clean(one) for one in lines + smooth]))
    assert torch.equal(clean((lines + smooth).reshape(3, 1, 12000)), batch[:, None])


def test_edges_of_a_crop_are_clean():
    two_theta = (torch.arange(12000) + 0.5) * 0.01
    falling = torch.exp(-two_theta / 8) + 0.05
    line = torch.exp(-(((two_theta - 40) / 0.1) ** 2))
    for low, high in ((5.0, 90.0), (5.037, 89.994), (24.0, 100.003)):
        cleaned = clean(((falling + line) * ((two_theta > low) & (two_theta < high)))[None])[0]
        assert cleaned[(two_theta - 40).abs() > 1].max() < 0.01


def test_the_background_lies_below_lines_and_within_noise():
    lines, _ = example_patterns()
    level = background(lines)
    narrow, middle, broad = (level / lines.amax(-1, keepdim=True)).amax(-1)
    assert max(narrow, middle) < 0.02 and broad < 0.2
    noise = torch.rand(4, 12000, generator=torch.Generator().manual_seed(0)) * 0.1 - 0.05
    assert background(noise).max() < 0.02 and background(noise).mean() < 0.002


def test_cleaning_twice_changes_little():
    lines, smooth = example_patterns(noise=0.03)
    once = clean(lines + smooth)
    assert (clean(once) - once).abs().mean() < 0.005


@needs_data("measured/measured_patterns.parquet")
def test_measured_patterns_lose_their_background():
    "Of raw measured patterns the median bin is far above zero before and near it after cleaning."
    measured = measured_patterns()
    before = torch.stack([row[row != 0].median() for row in measured])
    cleaned = clean(measured)
    after = torch.stack([row[inside != 0].median() for row, inside in zip(cleaned, measured)])
    assert before.median() > 0.02 and (after < before).all() and after.median() < 0.25 * before.median()
