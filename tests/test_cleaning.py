# Generated from nbs/22_cleaning.ipynb; edit the notebook, then run make export.
from difcon.cleaning import ITERATIONS, METHODS, SETTLED, arpls, background, cell_means, clean, measured_range, noise_level, rolling_minimum, second_difference_bands, smoothed, snip
from difcon.project import InputError
from difcon.project import data_file
from difcon.project import needs_data
from pybaselines.morphological import rolling_ball as pybaselines_rolling_ball
from pybaselines.smooth import snip as pybaselines_snip
from pybaselines.whittaker import arpls as pybaselines_arpls
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


def test_bands_are_those_of_the_matrix():
    for points in (3, 4, 5, 9):
        differences = np.diff(np.eye(points), 2, axis=0)
        matrix = differences.T @ differences
        for place in range(points):
            padded = np.append(matrix[place], [0, 0])[place : place + 3]
            assert np.array_equal(second_difference_bands(place, points), padded), (points, place)


def test_smoothed_solves_its_equations():
    generator = np.random.default_rng(0)
    for points in (3, 4, 50):
        values, weights = generator.random(points), generator.random(points)
        differences = np.diff(np.eye(points), 2, axis=0)
        expected = np.linalg.solve(np.diag(weights) + 7 * differences.T @ differences, weights * values)
        assert np.allclose(smoothed(values, weights, 7.0), expected, rtol=0, atol=1e-12)


def test_arpls_equals_pybaselines():
    generator, points = torch.Generator().manual_seed(0), torch.arange(400.0, dtype=torch.float64)
    values = 2 + torch.sin(points / 60) + 0.05 * torch.randn(3, 400, generator=generator, dtype=torch.float64)
    values += 3 * torch.exp(-(((points[:, None] - torch.tensor([90, 130, 260, 300])) / 4) ** 2)).sum(1)
    for smoothness in (30.0, 1e3, 1e5):
        theirs = [pybaselines_arpls(row, smoothness, max_iter=ITERATIONS - 1, tol=SETTLED)[0] for row in values.numpy()]
        assert np.allclose(arpls(values, smoothness), theirs, rtol=0, atol=1e-8)


def test_arpls_keeps_what_is_straight_and_knows_its_range():
    straight = torch.linspace(5, 1, 200, dtype=torch.float64).repeat(3, 1)
    straight[1, :20] = straight[1, 180:] = torch.inf
    straight[2, 2:] = torch.inf
    assert torch.allclose(arpls(straight, 1e3), straight, atol=1e-6)
    humped = straight[:1] + 3 * (torch.arange(200) == 100)
    assert torch.allclose(arpls(humped, 1e3), straight[:1], atol=0.02)


def test_rolling_minimum_equals_pybaselines_inside():
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(3, 400, generator=generator, dtype=torch.float64) ** 3 + torch.linspace(1, 3, 400, dtype=torch.float64)
    for half_window in (1, 10, 30):
        theirs = np.array([pybaselines_rolling_ball(row, half_window, half_window)[0] for row in values.numpy()])
        inside = slice(3 * half_window, -3 * half_window)
        assert np.allclose(rolling_minimum(values, half_window)[:, inside], theirs[:, inside], rtol=0, atol=1e-12)
    cropped = values.clone()
    cropped[:, :100] = cropped[:, 300:] = torch.inf
    assert torch.allclose(rolling_minimum(cropped, 10)[:, 100:300], rolling_minimum(values[:, 100:300], 10))


def test_noise_is_that_of_the_pattern():
    generator = torch.Generator().manual_seed(0)
    noisy = torch.linspace(5, 3, 12000) + torch.tensor([[0.01], [0.3]]) * torch.randn(2, 12000, generator=generator)
    noisy[:, 4000:4100] += 50
    noisy[:, 9000:] = 0
    assert torch.allclose(noise_level(noisy), torch.tensor([[0.01], [0.3]]), rtol=0.05)
    assert torch.equal(noise_level(torch.zeros(1, 12000)), torch.zeros(1, 1))


def test_what_cannot_be_cleaned_is_named():
    for arguments, word in (((np.zeros(12000),), "tensor"), ((torch.zeros(12001),), "multiple"), ((torch.zeros(12000), "snip", 5.5), "whole number"),
                            ((torch.zeros(12000), "snip", -3), "smoothness -3"), ((torch.zeros(12000), "arpls", 0), "λ"), ((torch.zeros(12000), "broom"), "broom")):
        try:
            clean(*arguments)
        except InputError as error:
            assert word in str(error), error
        else:
            raise AssertionError(word)


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
    for method in METHODS:
        difference = (clean(lines + smooth, method) - clean(lines, method)).abs()
        assert difference.mean() < 0.005 and difference.max() < 0.12, method
        assert (smooth.mean() > 0.08) and smooth.mean() > 15 * difference.mean(), method


def test_a_background_alone_leaves_little():
    _, smooth = example_patterns()
    line = torch.linspace(3, 1, 12000)[None]
    for method, limit in (("snip", 0.002), ("arpls", 0.01), ("rolling_minimum", 0.02)):
        left = (smooth - background(smooth, method)).clamp(min=0)
        assert left.max() < 0.12 * smooth.max() and left.mean() < 0.03 * smooth.mean(), method
        assert (line - background(line, method)).abs().max() < limit, method


def test_zeros_stay_zeros():
    lines, smooth = example_patterns(noise=0.03)
    for method in METHODS:
        cleaned = clean(lines + smooth, method)
        assert (cleaned[lines == 0] == 0).all() and (cleaned >= 0).all()
        assert torch.equal(clean(torch.zeros(2, 12000), method), torch.zeros(2, 12000))


def test_scale_does_not_matter():
    lines, smooth = example_patterns(noise=0.03)
    for method in METHODS:
        expected = clean(lines + smooth, method)
        assert torch.equal(expected.amax(-1), torch.ones(3))
        for scale in (1e-4, 7.0, 1e6):
            assert torch.allclose(clean(scale * (lines + smooth), method), expected, atol=1e-5), method


def test_a_batch_equals_one_by_one():
    lines, smooth = example_patterns(noise=0.03)
    for method in METHODS:
        batch = clean(lines + smooth, method)
        assert torch.equal(batch, torch.stack([clean(one, method) for one in lines + smooth])), method
        assert torch.equal(clean((lines + smooth).reshape(3, 1, 12000), method), batch[:, None]), method


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


def test_noise_below_the_floor_is_cut():
    lines, smooth = example_patterns()
    noise = 0.01 * torch.randn(lines.shape, generator=torch.Generator().manual_seed(0)) * (lines != 0)
    shown = [clean(lines + smooth + noise, noise_floor=floor) for floor in (0.0, 1.0, 4.0)]
    between = (lines < 1e-4) & (lines != 0)
    parts = [(cleaned[between] > 0).float().mean().item() for cleaned in shown]
    assert parts[0] > 0.5 > parts[1] and parts[2] < 0.02
    assert torch.allclose(shown[2][lines > 0.5], lines[lines > 0.5], atol=0.08)


def test_range_and_names_are_checked():
    lines, smooth = example_patterns()
    cut = clean(lines + smooth, two_theta_range=(30, 80))
    assert not cut[:, :3000].any() and not cut[:, 8000:].any() and torch.equal(cut.amax(-1), torch.ones(3))
    for wrong, said in (({"method": "polynomial"}, "snip, arpls, rolling_minimum"), ({"two_theta_range": (80, 30)}, "80–30")):
        try:
            clean(lines, **wrong)
        except InputError as error:
            assert said in str(error)
        else:
            raise AssertionError(f"{wrong} was taken")


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
