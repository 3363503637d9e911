# Generated from nbs/52_peak_search.ipynb; edit the notebook, then run make export.
from difcon.measured import Pattern
from difcon.models.ntreor import read_peak_list
from difcon.peak_search import ANODES, PeakList, add_arguments, background_below, candidates, check_steps, doublet_of, find_peaks, groups_of, noise_variance, on_even_steps, partner_shift, profiles, run, strip_partners, typical_width
from difcon.project import InputError
from difcon.reflections import bragg_angle
from difcon.reflections import d_spacing
from pathlib import Path
import argparse
import contextlib
import io
import numpy as np
import pytest
import tempfile


def test_positions_at_another_wavelength():
    peaks = PeakList(np.array([20.0, 50.0, 100.0]), np.ones(3), np.ones(3), np.ones(3), 0.7107, False)
    assert np.array_equal(peaks.at(0.7107).round(9), [20, 50, 100])
    assert np.allclose(d_spacing(peaks.at(1.5418), 1.5418), d_spacing(np.array([20.0, 50.0]), 0.7107)) and len(peaks) == 3


def lines_at(two_theta, positions, heights, width, mixing=0.5):
    "Pseudo-Voigt lines."
    offset = (two_theta[:, None] - positions) / width
    return (mixing / (1 + 4 * offset**2) + (1 - mixing) * np.exp(-4 * np.log(2) * offset**2)) @ heights


def measured_lines(spacings, heights, width=0.1, wavelengths=(1.5406,), shares=(1.0,), level=50.0, seed=0, step=0.02):
    "Counts of lines at spacings, 5° to 90°, on a background that falls; one copy of the lines for each wavelength."
    two_theta = np.arange(5, 90, step)
    counts = level * (1 + np.exp((5 - two_theta) / 10))
    for wavelength, share in zip(wavelengths, shares):
        counts += lines_at(two_theta, bragg_angle(spacings, wavelength), share * np.asarray(heights), width)
    return Pattern("counts", two_theta, np.random.default_rng(seed).poisson(counts), wavelengths[0])


CU_DOUBLET = dict(wavelengths=(1.540593, 1.544427), shares=(1.0, 0.5))
SPACINGS = np.array([7.0, 4.2, 3.0, 2.5, 2.1, 1.6, 1.35, 1.2])


def test_steps_and_background():
    pattern = measured_lines(SPACINGS, 1000 * np.ones(8))
    two_theta, intensity = on_even_steps(pattern)
    assert np.allclose(two_theta, pattern.two_theta) and np.allclose(intensity, pattern.intensity)
    gaps = Pattern("gaps", np.delete(pattern.two_theta, [3, 4, 90]), np.delete(pattern.intensity, [3, 4, 90]), 1.5406)
    assert np.allclose(on_even_steps(gaps)[0], pattern.two_theta)
    below = background_below(two_theta, intensity, 1.5406)
    assert np.median(np.abs(below / (50 * (1 + np.exp((5 - two_theta) / 10))) - 1)) < 0.1


def test_noise_of_counts_and_of_scaled_counts():
    pattern = measured_lines(SPACINGS, 4000 * np.ones(8), level=200.0)
    expected = 200 * (1 + np.exp((5 - pattern.two_theta) / 10)) + lines_at(pattern.two_theta, bragg_angle(SPACINGS, 1.5406), 4000 * np.ones(8), 0.1)
    variance = noise_variance(pattern.intensity.astype(float), 5.0)
    assert np.isclose(np.median(variance / expected), 1, atol=0.15)
    assert np.allclose(noise_variance(pattern.intensity / 7.0, 5.0), variance / 49)


def test_widths_of_lines():
    two_theta = np.arange(5, 90, 0.02)
    for width in (0.1, 0.2, 0.4):
        assert np.isclose(0.02 * typical_width(lines_at(two_theta, bragg_angle(SPACINGS, 1.5406), np.ones(8), width)), width, rtol=0.15)


def test_doublets_by_wavelength():
    assert doublet_of(1.5406) == doublet_of(1.54056) == doublet_of(1.5418) == doublet_of(1.54184) == ANODES["Cu"]
    assert doublet_of(0.7107) == doublet_of(0.70930) == ANODES["Mo"] and doublet_of(1.7890) == doublet_of(1.7903) == ANODES["Co"]
    assert all(doublet_of(wavelength) is None for wavelength in (0.4137, 1.0, 1.529, 1.545, 1.3922))


def test_stripped_doublets():
    two_theta = np.arange(5, 120, 0.01)
    first, second = (lines_at(two_theta, bragg_angle(SPACINGS, wavelength), np.ones(8), 0.1) for wavelength in ANODES["Cu"])
    shift = partner_shift(two_theta, ANODES["Cu"])
    places = np.arange(len(two_theta))
    assert np.allclose(np.interp(bragg_angle(SPACINGS, ANODES["Cu"][0]), two_theta, two_theta + 0.01 * shift), bragg_angle(SPACINGS, ANODES["Cu"][1]), atol=1e-5)
    stripped = strip_partners(first + 0.5 * second, np.interp(places, places + shift, places, left=-1), 0.5)
    assert np.abs(stripped - first).max() < 0.02


def test_candidates_of_overlapping_lines():
    two_theta = np.arange(0, 4, 0.01)
    lines = lines_at(two_theta, np.array([1.0, 2.0, 2.11]), np.array([1.0, 1.0, 0.6]), 0.1)
    places = candidates(lines, np.full(400, 1e-4), 10.0)
    assert len(places) == 3 and np.allclose(0.01 * places, [1.0, 2.0, 2.11], atol=0.01)
    white = np.random.default_rng(0).normal(size=50000)
    assert len(candidates(white, np.ones(50000), 10.0)) < 20


def test_derivatives_of_profiles():
    points = np.arange(60.0)
    parameters = np.array([20.3, 31.7, 5.0, 2.0, np.log(6.0), 0.4, 0.1])
    values, slopes = profiles(points, parameters, np.array([5.0, 7.0]), 0.5)
    expected = 0.1 + lines_at(points, np.array([20.3, 31.7, 25.3, 38.7]), np.array([5.0, 2.0, 2.5, 1.0]), 6.0, 0.4)
    assert np.allclose(values, expected)
    for number in range(7):
        step = np.zeros(7)
        step[number] = 1e-5
        difference = profiles(points, parameters + step, np.array([5.0, 7.0]), 0.5)[0] - profiles(points, parameters - step, np.array([5.0, 7.0]), 0.5)[0]
        assert np.allclose(slopes[:, number], difference / 2e-5, atol=1e-6)


def test_groups_of_neighbours():
    assert [group.tolist() for group in groups_of(np.array([1.0, 3, 20, 22, 24]), 5)] == [[1, 3], [20, 22, 24]]
    assert groups_of(np.array([]), 5) == [] and [len(group) for group in groups_of(np.arange(100.0) ** 1.01, 5)][-1] <= 24


def test_known_lines_are_found_where_they_are():
    for seed in range(4):
        for options, is_doublet in ((CU_DOUBLET, True), ({"wavelengths": (1.540593,)}, False), ({"wavelengths": (1.2,)}, False)):
            pattern = measured_lines(SPACINGS, 3000 * np.ones(8), seed=seed, **options)
            peaks = find_peaks(pattern)
            expected = bragg_angle(SPACINGS, pattern.wavelength)
            assert peaks.doublet is is_doublet and len(peaks) == np.sum(expected < 90)
            assert np.abs(peaks.two_theta - expected[expected < 90]).max() < 0.01
            assert np.allclose(peaks.height, 3000, rtol=0.1) and np.allclose(peaks.full_width, 0.1, rtol=0.1)


def test_the_mean_wavelength_gives_the_same_spacings():
    pattern = measured_lines(SPACINGS, 3000 * np.ones(8), **CU_DOUBLET)
    named = find_peaks(Pattern("mean", pattern.two_theta, pattern.intensity, 1.5418))
    assert named.doublet and np.allclose(d_spacing(named.two_theta, 1.5418), SPACINGS, rtol=3e-4)
    assert np.allclose(named.at(1.540593), find_peaks(pattern).two_theta, atol=1e-6)


def test_overlapping_lines_are_split():
    spacings = d_spacing(np.array([18.0, 20.0, 25.0, 30.0, 30.12, 34.0, 37.0, 40.0, 40.11, 40.25]), 1.540593)
    heights = np.array([900, 2000, 500, 2000, 1000, 700, 1200, 1500, 2000, 800])
    for seed in range(4):
        peaks = find_peaks(measured_lines(spacings, heights, seed=seed, **CU_DOUBLET))
        assert len(peaks) == 10 and np.abs(peaks.two_theta - bragg_angle(spacings, 1.540593)).max() < 0.02
        assert np.allclose(peaks.height, heights, rtol=0.25)


def test_noise_has_no_peaks():
    two_theta = np.arange(5, 90, 0.02)
    counts = [np.random.default_rng(seed).poisson(level, two_theta.size) for seed in range(10) for level in (10, 1000)]
    assert sum(len(find_peaks(Pattern("noise", two_theta, noise, 1.5418))) for noise in counts) <= 10  # one in two patterns, of 4250 points each


def test_scale_and_offset_do_not_matter():
    pattern = measured_lines(SPACINGS, 100 * np.arange(1, 9), seed=5, **CU_DOUBLET)
    peaks = find_peaks(pattern)
    for intensity in (pattern.intensity / 731.0, pattern.intensity + 500.0):
        other = find_peaks(Pattern("other", pattern.two_theta, intensity, pattern.wavelength))
        assert len(other) == len(peaks) == 8 and np.allclose(other.two_theta, peaks.two_theta, atol=2e-3)


def test_patterns_without_noise_or_with_few_points():
    two_theta = np.arange(5, 60, 0.02)
    clear = lines_at(two_theta, np.array([15.1, 21.8, 30.9]), np.array([0.3, 1.0, 0.5]), 0.12)
    assert np.allclose(find_peaks(Pattern("no noise", two_theta, clear, 1.0)).two_theta, [15.1, 21.8, 30.9], atol=1e-3)
    assert len(find_peaks(Pattern("short", two_theta[:20], np.arange(20.0), 1.0))) <= 1


def test_a_list_of_peaks_is_no_pattern():
    check_steps(Pattern("pattern", np.arange(10, 90, 0.2), np.ones(400), 1.5406))
    with pytest.raises(InputError, match="list.txt: its points lie 3.5° apart, as in a list of peaks; .* difcon index"):
        check_steps(Pattern("list.txt", np.arange(10, 80, 3.5), np.ones(20), 1.5406))


def command(*arguments):
    "What `difcon peaks` prints."
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with contextlib.redirect_stdout(io.StringIO()) as output:
        assert run(parser.parse_args([str(argument) for argument in arguments])) == 0
    return output.getvalue()


def pattern_file(folder, pattern):
    "A pattern as two columns."
    path = Path(folder) / "pattern.xy"
    np.savetxt(path, np.column_stack([pattern.two_theta, pattern.intensity]), fmt="%.4f")
    return path


def test_printed_peaks_are_a_peak_list():
    pattern = measured_lines(SPACINGS, 1000 * np.arange(1, 9), **CU_DOUBLET)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "peaks.txt"
        path.write_text(command(pattern_file(folder, pattern), "--wavelength", 1.540593), encoding="utf-8")
        two_theta, heights = read_peak_list(path, 1.540593)
        found = find_peaks(pattern)
        assert np.allclose(two_theta, found.two_theta, atol=1e-4) and np.allclose(heights, found.height, rtol=1e-2)
        with pytest.raises(InputError, match="no wavelength"):
            command(pattern_file(folder, pattern))


def test_what_is_no_pattern_is_an_error():
    spread, two_theta = np.linspace(12, 85, 20), np.arange(5, 60, 0.02)
    for angles, counts, message in ((spread, np.linspace(900, 100, 20), "list of peaks"), (two_theta, 100 + two_theta, "no line stands out")):
        with tempfile.TemporaryDirectory() as folder, pytest.raises(InputError, match=message):
            command(pattern_file(folder, Pattern("no pattern", angles, counts, 1.5406)), "--wavelength", 1.5406)
