# Generated from nbs/21_laboratory.ipynb; edit the notebook, then run make export.
from difcon.augment.binning import BINS
from difcon.augment.binning import BIN_WIDTH
from difcon.augment.draws import counted
from difcon.augment.profile import add_lines
from difcon.device import device_steps
from difcon.laboratory import ANODES, EMISSION, LAB, LABELS, LaboratoryPreset, NODE, SYNCHROTRON, TUNGSTEN, air_scatter, amorphous_hump, axial_divergence, caglioti_width, chebyshev_background, displacement_factor, emission_lines, graininess, in_steps, measured_angles, multiplicities, onto_axis, reciprocal_metric, sample_laboratory, saturation, simulate_laboratory, size_width, specimen_displacement, squared_lengths, strain_width, strained_metric, subtraction, texture, thompson_cox_hastings, transparency
from difcon.project import InputError
from difcon.reflections import Peaks
from difcon.reflections import WAVELENGTH
from difcon.reflections import lorentz_polarisation
import gemmi
import numba
import numpy as np
import scipy.special
import torch


def test_emission_obeys_bragg_and_comes_back_onto_the_axis():
    spacing, strengths = np.array([8.0, 3.0, 1.2, 0.72]), np.arange(1.0, 5.0)
    for first, second, beta in EMISSION.values():
        wavelengths, weights = np.array([first, second, beta, TUNGSTEN]), np.array([1, 0.5, 0.0, 0.1])
        angles, areas, lambdas = emission_lines(spacing, strengths, wavelengths, weights)
        expected = [(d, weight * strength, wavelength) for wavelength, weight in zip(wavelengths, weights) if weight
                    for d, strength in zip(spacing, strengths) if wavelength < 2 * d]
        assert np.allclose(np.stack([lambdas / (2 * np.sin(np.radians(angles / 2))), areas, lambdas], 1), expected)
        assert 1.0015 < second / first < 1.008 and 0.88 < beta / first < 0.92
        reachable = spacing > first / 2
        axis, widths = onto_axis(angles[: reachable.sum()], np.full(reachable.sum(), 1e-4), first)
        expected = 2 * np.degrees(np.arcsin(np.minimum(WAVELENGTH / 2 / spacing[reachable], 1)))
        seen = WAVELENGTH / 2 / spacing[reachable] < 1
        assert np.allclose(axis[seen], expected[seen])
        shifted, _ = onto_axis(angles[: reachable.sum()] + 1e-4, widths, first)
        assert np.allclose((shifted - axis)[seen], widths[seen], rtol=1e-3)


def test_shifts_follow_their_formulas():
    angles = np.array([5.0, 45.0, 90.0, 120.0])
    assert np.allclose(angles - specimen_displacement(angles, 0.1), 2 * 0.1 / 200 * 180 / np.pi * np.cos(np.radians(angles / 2)))
    assert np.allclose(angles - transparency(angles, 0.03), 0.03 * np.sin(np.radians(angles)))
    assert np.array_equal(specimen_displacement(angles, 0.0), angles) and np.array_equal(transparency(angles, 0.0), angles)


def test_axial_divergence_keeps_area_and_has_the_mean_of_the_smear():
    two_theta, areas = np.array([4.0, 10.0, 45.0, 90.0, 130.0]), np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    angles, parts, origin = axial_divergence(two_theta, areas, np.full(5, 0.05), 0.02)
    assert np.allclose(np.bincount(origin, parts), areas)
    mean = np.bincount(origin, parts * angles) / areas
    assert np.allclose(mean, two_theta - 0.02 / 3 / np.tan(np.radians(two_theta)))  # ∫ x² dx = 1/3, exact by Simpson's rule
    assert np.all(angles[origin == 1] <= 10) and np.all(angles[origin == 4] >= 130) and np.sum(origin == 2) == 5 and np.sum(origin == 0) > 5


def test_a_smeared_line_has_one_maximum():
    for asymmetry in (0.003, 0.02, 0.05):
        for angle in (4.0, 6.0, 9.0, 15.0, 30.0):
            for width in (0.03, 0.05, 0.1, 0.3):
                if asymmetry / np.tan(np.radians(angle)) > 8 * width:
                    continue  # no diffractometer smears so far
                angles, areas, _ = axial_divergence(np.array([angle]), np.ones(1), np.array([width]), asymmetry)
                grid = np.arange(angle - 10 * width - 10 * asymmetry, angle + 3 * width, width / 50)
                profile = np.exp(-4 * np.log(2) * ((grid[:, None] - angles) / width) ** 2) @ areas
                rising = np.diff(profile[profile > 1e-3 * profile.max()]) > 0
                assert np.count_nonzero(np.diff(rising.astype(int))) == 1, (asymmetry, angle, width)


def rotations_of(space_group):
    "Rotations of a space group's Laue class without inversion, for row vectors h R."
    matrices = {tuple(np.ravel(operation.rot) // operation.DEN) for operation in gemmi.find_spacegroup_by_number(space_group).operations()}
    proper = {matrix if np.linalg.det(np.reshape(matrix, (3, 3))) > 0 else tuple(-np.array(matrix)) for matrix in matrices}
    return np.array(sorted(proper), np.int8).reshape(-1, 3, 3)


CELLS = {1: (5.0, 6.0, 7.0, 80.0, 95.0, 105.0), 14: (5.0, 6.0, 7.0, 90.0, 105.0, 90.0), 62: (5.0, 6.0, 7.0, 90.0, 90.0, 90.0),
         88: (5.0, 5.0, 8.0, 90.0, 90.0, 90.0), 148: (5.0, 5.0, 12.0, 90.0, 90.0, 120.0), 152: (4.9, 4.9, 5.4, 90.0, 90.0, 120.0),
         194: (3.0, 3.0, 5.0, 90.0, 90.0, 120.0), 227: (5.43, 5.43, 5.43, 90.0, 90.0, 90.0)}


def test_texture_is_exact_over_equivalents():
    generator = np.random.default_rng(0)
    for space_group, cell in CELLS.items():
        metric, rotations = reciprocal_metric(np.array(cell)), rotations_of(space_group)
        hkl = generator.integers(-4, 5, (20, 3)).astype(np.int16)
        hkl = hkl[np.any(hkl != 0, axis=1)]
        found = texture(hkl, rotations, metric, np.array([0.0, 1.0, 2.0]), 0.6, 0.7)
        cartesian = np.linalg.cholesky(metric)
        axis = np.array([0, 1, 2]) @ cartesian
        count = multiplicities(hkl, rotations)
        for reflection, factor, multiplicity in zip(hkl, found, count):
            equivalents = {tuple(sign * (reflection @ rotation)) for rotation in rotations for sign in (1, -1)}
            assert len(equivalents) == multiplicity
            vectors = np.array(list(equivalents)) @ cartesian
            cosine = vectors @ axis / np.linalg.norm(vectors, axis=1) / np.linalg.norm(axis)
            weights = (0.36 * cosine**2 + (1 - cosine**2) / 0.6) ** -1.5
            assert np.isclose(factor, 0.3 + 0.7 * weights.mean())


def test_texture_conserves_intensity():
    cosine = np.linspace(0, 1, 20_001)
    metric, one = np.eye(3), np.eye(3, dtype=np.int8)[None]
    directions = np.stack([np.sqrt(1 - cosine**2), 0 * cosine, cosine], axis=1)
    for r in (0.4, 0.8, 1.0, 1.5):
        weights = texture(directions, one, metric, np.array([0.0, 0.0, 1.0]), r, 1.0)
        assert np.isclose(np.trapezoid(weights, cosine), 1, atol=1e-4)
        assert np.isclose(weights[-1], r**-3) and np.isclose(weights[0], r**1.5)


def test_cells_change_within_their_symmetry():
    generator = np.random.default_rng(1)
    for space_group, cell in CELLS.items():
        metric, rotations = reciprocal_metric(np.array(cell)), rotations_of(space_group)
        changed = strained_metric(metric, rotations, 0.0, 0.01, generator.random(6))
        hkl = generator.integers(-5, 6, (30, 3))
        hkl = hkl[np.any(hkl != 0, axis=1)]
        before = squared_lengths(hkl, metric)
        ratio = np.sqrt(before / squared_lengths(hkl, changed))
        assert np.all(np.abs(ratio - 1) < 0.0103)  # and second order
        for rotation in rotations:
            assert np.allclose(squared_lengths(hkl @ rotation, changed), squared_lengths(hkl, changed))
        assert np.ptp(ratio) < 1e-12 if space_group == 227 else np.ptp(ratio) > 1e-5
        assert np.allclose(squared_lengths(hkl, strained_metric(metric, rotations, 0.01, 0.0, np.zeros(6))), before / 1.01**2)
        crystal = gemmi.UnitCell(*cell)
        assert np.allclose(before, [1 / crystal.calculate_d([int(index) for index in reflection]) ** 2 for reflection in hkl])


def test_widths_and_intensities_follow_their_formulas():
    angle = np.array([20.0, 60.0, 100.0])
    theta = np.radians(angle / 2)
    assert np.allclose(size_width(angle, 100.0, 1.5406), np.degrees(0.9 * 0.15406 / 100 / np.cos(theta)))
    assert np.allclose(strain_width(angle, 1e-3), np.degrees(4e-3 * np.tan(theta)))
    assert np.allclose(caglioti_width(angle, 2e-3, -1e-3, 3e-3) ** 2, 2e-3 * np.tan(theta) ** 2 - 1e-3 * np.tan(theta) + 3e-3)
    spacing = 1.5418 / 2 / np.sin(theta)
    assert np.allclose(displacement_factor(spacing, 1.2), np.exp(-2 * 1.2 * np.sin(theta) ** 2 / 1.5418**2))
    draws = (np.arange(20_000) + 0.5) / 20_000
    factor = graininess(np.full(20_000, 8.0), 5.0, draws)
    assert np.isclose(factor.mean(), 1, atol=5e-3) and np.isclose(factor.std(), 1 / np.sqrt(40), rtol=0.02)


def test_thompson_cox_hastings_is_near_the_voigt_profile():
    for gaussian, lorentzian in ((0.08, 0.0), (0.08, 0.02), (0.05, 0.05), (0.02, 0.1)):
        width, eta = (values[0] for values in thompson_cox_hastings(np.array([gaussian]), np.array([lorentzian])))
        offset = np.linspace(-0.5, 0.5, 1001)
        voigt = scipy.special.voigt_profile(offset, gaussian / np.sqrt(8 * np.log(2)), lorentzian / 2)
        t = offset / width
        near = (1 - eta) * np.sqrt(4 * np.log(2) / np.pi) * np.exp(-4 * np.log(2) * t**2) + eta * 2 / np.pi / (1 + 4 * t**2)
        assert np.abs(near / width - voigt).max() < 0.015 * voigt.max()


def test_backgrounds_follow_their_formulas():
    angles = np.linspace(5, 90, 400)
    x = (2 * angles - 95) / 85
    series = np.polynomial.chebyshev.chebval(x, [1, -0.3, 0.1, 0.05])
    assert np.allclose(chebyshev_background(angles, 5.0, 90.0, np.array([-0.3, 0.1, 0.05])), series)
    assert chebyshev_background(angles, 5.0, 90.0, np.array([5.0])).min() == 0
    assert np.isclose(amorphous_hump(np.array([30.0]), 25.0, 10.0)[0], 0.5)
    assert np.isclose(air_scatter(np.array([9.0]), 4.0)[0], np.exp(-1))


def test_saturation_cuts_the_strongest_point():
    pattern = np.array([0.0, 0.01, 0.5, 1.0], np.float32)
    assert np.allclose(saturation(pattern, 0.2), pattern / (1 + 0.25 * pattern)) and np.isclose(saturation(pattern, 0.2)[-1], 0.8)
    assert np.array_equal(saturation(pattern, 0.0), pattern)


def test_counts_lie_at_round_angles_of_the_measurement():
    expected = np.random.default_rng(0).uniform(20, 200, 900).astype(np.float32)
    for wavelength, first, step in ((1.54184, 8000, 1), (0.71073, 3000, 2), (2.291, 7000, 3), (WAVELENGTH, 500, 5)):
        angles = measured_angles(wavelength)
        with np.errstate(over="ignore"):
            bins = in_steps(expected, first, angles, step, np.int64(3), 1)
            edges = np.interp(np.arange(first, first + 901), np.arange(241) * NODE, angles) / (0.01 * step)
            points = np.arange(np.floor(edges[0]), np.ceil(edges[-1]) + 1)
            places = np.interp(points, edges, np.arange(901)) - 0.5  # where the points lie, in bins
            counts = counted(np.interp(places, np.arange(900), expected).astype(np.float32), np.int64(3), 1)
        fine = np.linspace(edges[:-1], edges[1:], 2001)
        wanted = np.interp((fine[1:] + fine[:-1]) / 2, points, counts).mean(0)
        assert np.abs(bins - wanted).max() < 0.05, (wavelength, np.abs(bins - wanted).max())


def test_noise_of_neighbouring_bins_is_correlated():
    with np.errstate(over="ignore"):
        fine = in_steps(np.full(6000, 100, np.float32), 0, measured_angles(WAVELENGTH), 1, np.int64(3), 1)
        beside = in_steps(np.full(3000, 100, np.float32), 9000, measured_angles(1.5427), 1, np.int64(3), 1)
        coarse = in_steps(np.full(600, 100, np.float32), 0, measured_angles(WAVELENGTH), 5, np.int64(3), 1)
    assert abs(fine.std() - np.sqrt(50)) < 0.3 and abs(np.corrcoef(fine[1:], fine[:-1])[0, 1] - 0.5) < 0.05  # the mean of two counts
    assert abs(beside.mean() - 100) < 1 and abs(np.corrcoef(beside[1:], beside[:-1])[0, 1] - 0.5) > 0.02
    assert np.allclose(np.diff(coarse, 2)[np.arange(598) % 5 < 3], 0, atol=1e-3) and abs(coarse.mean() - 100) < 3


def test_subtraction_leaves_the_noise():
    level = np.array([0.0, 4.0, 100.0, 1e4], np.float32)
    assert np.allclose(subtraction(level, 1.0, 2.0), [0, 0, 80, 9800]) and np.allclose(subtraction(level, 0.5, 0.0), level / 2)


def made_up_reflections(seed=0, space_groups=(152, 227, 62, 1)):
    "The inequivalent reflections of some cells with random intensities."
    generator = np.random.default_rng(seed)
    lists, hkls, turns = [], [], []
    for space_group in space_groups:
        rotations, metric = rotations_of(space_group), reciprocal_metric(np.array(CELLS[space_group]))
        hkl = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3, indexing="ij"), -1).reshape(-1, 3)
        hkl = hkl[np.any(hkl != 0, axis=1)]
        largest = {max(tuple(sign * (h @ rotation)) for rotation in rotations for sign in (1, -1)) for h in hkl}
        hkl = np.array(sorted(largest, key=lambda h: squared_lengths(np.array([h]), metric)[0]))[:60]
        hkl = hkl[squared_lengths(hkl, metric) < 1.2]
        two_theta = 2 * np.degrees(np.arcsin(WAVELENGTH / 2 * np.sqrt(squared_lengths(hkl, metric))))
        intensity = generator.random(len(hkl)) ** 3 + 0.01
        lists.append((two_theta, intensity / intensity.max()))
        hkls.append(hkl.astype(np.int16))
        turns.append(rotations)
    ends = [np.concatenate([[0], np.cumsum([len(each) for each in kind])]) for kind in (hkls, turns)]
    return Peaks(*(np.concatenate(values) for values in zip(*lists)), ends[0], np.concatenate(hkls),
                 np.array([CELLS[space_group] for space_group in space_groups]), np.concatenate(turns), ends[1])


def part_of(peaks, row):
    "One crystal of several."
    lines, turns = slice(*peaks.offsets[row : row + 2]), slice(*peaks.rotation_offsets[row : row + 2])
    return Peaks(peaks.two_theta[lines], peaks.intensity[lines], np.array([0, lines.stop - lines.start]), peaks.hkl[lines],
                 peaks.cells[row : row + 1], peaks.rotations[turns], np.array([0, turns.stop - turns.start]))


def test_same_seed_same_pattern_whatever_the_batch_and_the_threads():
    peaks, seeds = made_up_reflections(), np.array([11, 5, 2048, 3])
    threads = numba.get_num_threads()
    for preset in (LAB, SYNCHROTRON):
        together, _ = simulate_laboratory(peaks, preset, seeds, impurities=peaks)
        for number in range(1, numba.config.NUMBA_NUM_THREADS + 1):
            numba.set_num_threads(number)
            assert torch.equal(simulate_laboratory(peaks, preset, seeds, peaks)[0], together)
        numba.set_num_threads(threads)
        for row in (3, 0, 2, 1):
            assert torch.equal(simulate_laboratory(part_of(peaks, row), preset, seeds[row : row + 1], peaks)[0][0], together[row])
        assert together.isfinite().all() and together.min() >= 0 and (together.amax(1) == 1).all()
        assert not torch.equal(simulate_laboratory(peaks, preset, seeds + 1, peaks)[0], together)


def test_neutral_preset_gives_the_lines_back():
    peaks = made_up_reflections()
    still = LaboratoryPreset("still", {"w": (2.5e-3,)})
    patterns, _ = simulate_laboratory(peaks, still, np.arange(4), accurate=True)
    for row, pattern in enumerate(patterns.numpy()):
        lines = slice(*peaks.offsets[row : row + 2])
        expected = np.zeros(BINS, np.float32)
        shift = 2 * np.degrees(np.arcsin(EMISSION["Cu"][0] / 1.54184 * np.sin(np.radians(peaks.two_theta[lines] / 2))))
        add_lines(expected, shift, peaks.intensity[lines], np.full(len(shift), 0.05), np.zeros(len(shift)), True)
        assert np.abs(pattern - expected / expected.max()).max() < 0.02


def test_steps_of_a_device_are_those_of_the_kernel():
    expected = np.random.default_rng(1).uniform(0, 300, (3, BINS)).astype(np.float32)
    first, last, step, numbers = (torch.tensor(values) for values in ([0, 40, 3000], [9000, 12000, 8333], [1, 2, 3], [5, 6, 7]))
    angles = np.stack([measured_angles(wavelength) for wavelength in (1.54184, 0.71073, 2.291)])
    found = device_steps(torch.from_numpy(expected), first[:, None], last[:, None], torch.from_numpy(angles), step[:, None], numbers, 4)
    for row in range(3):
        inside = slice(int(first[row]), int(last[row]))
        with np.errstate(over="ignore"):
            wanted = in_steps(expected[row, inside], int(first[row]), angles[row], int(step[row]), int(numbers[row]), 4)
        assert (np.abs(found[row, inside].numpy() - wanted) < 0.01).mean() > 0.999


def test_a_device_gives_the_same_patterns():
    peaks, seeds = made_up_reflections(), np.array([11, 5, 2048, 3])
    still = {name: values for name, values in LAB.variables.items() if name != "counts"}
    for preset, kept in ((LaboratoryPreset("still", still), 1), (LAB, 0.9999), (SYNCHROTRON, 0.9999)):
        for accurate in (False, True):
            wanted, parameters = simulate_laboratory(peaks, preset, seeds, peaks, accurate)
            for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
                found, same = simulate_laboratory(peaks, preset, seeds, peaks, accurate, torch.device(device))
                assert all(np.array_equal(values, same[name]) for name, values in parameters.items())
                assert ((found.cpu() - wanted).abs() < 1e-4).double().mean() >= kept and wanted.max() == 1


def test_presets_that_need_hkl_say_so():
    peaks = made_up_reflections()
    lines = Peaks(peaks.two_theta, peaks.intensity, peaks.offsets)
    assert LAB.needs_hkl and not LAB.without("texture", "graininess", "cell").needs_hkl
    assert simulate_laboratory(lines, LAB.without("texture", "graininess", "cell"), range(4))[0].isfinite().all()
    for wrong, words in (
        (lambda: simulate_laboratory(lines, LAB, range(4)), "table.reflections()"),
        (lambda: LaboratoryPreset("mine", {"strian": (0.0,)}), "strian"),
        (lambda: LaboratoryPreset("mine", {"strain": (0.0, 7.0)}), "within 0 to 0.05"),
        (lambda: LaboratoryPreset("mine", {}, {"Zn": 1.0}), "Zn"),
        (lambda: LAB.without("textures"), "textures"),
        (lambda: LaboratoryPreset("mine", {"low": (80.0,), "high": (30.0,)}), "leave at least 1°"),
        (lambda: LaboratoryPreset("mine", {"wavelength": (0.7,)}), "anodes: {}"),
        (lambda: LaboratoryPreset("mine", {}, {"Cu": np.nan}), "weight above 0"),
    ):
        try:
            wrong()
        except InputError as error:
            assert words in str(error), error
        else:
            raise AssertionError(words)


def test_leaving_an_effect_out_leaves_the_others_as_they_are():
    whole, part = sample_laboratory(range(50), LAB), sample_laboratory(range(50), LAB.without("texture", "counts"))
    for name, values in whole.items():
        same = np.array_equal(values, part[name])
        assert same != (name in ("texture_r", "texture_share", "counts")), name
    assert np.all(part["texture_share"] == 0) and np.all(np.isinf(part["counts"]))


def one_line(spacing=1.0):
    "A crystal with a single reflection."
    return Peaks(2 * np.degrees(np.arcsin([WAVELENGTH / 2 / spacing])), np.ones(1), np.array([0, 1]))


def area_near(pattern, wavelength, spacing, label, reach=0.15):
    "The area of a pattern within some degrees of where a wavelength's line must lie, without the Lorentz-polarisation factor."
    measured = 2 * np.degrees(np.arcsin(wavelength / 2 / spacing))
    axis = 2 * np.degrees(np.arcsin(WAVELENGTH / label * wavelength / 2 / spacing))
    first, last = (int((axis + side * reach) / BIN_WIDTH) for side in (-1, 1))
    return pattern[first:last].sum() / lorentz_polarisation(np.array([measured]))[0]


def test_lines_of_a_tube_have_the_strengths_asked_for():
    for anode, spacing in (("Cu", 1.0), ("Co", 1.2), ("Mo", 0.95), ("Cr", 1.7), ("Fe", 1.3), ("Ag", 0.95)):
        preset = LaboratoryPreset("tube", {"w": (4e-4,), "kalpha2": (0.5,), "kbeta": (0.1,), "tungsten": (0.05,)}, {anode: 1.0})
        pattern = simulate_laboratory(one_line(spacing), preset, [0], accurate=True)[0][0].double()
        label, (first, second, beta) = LABELS[ANODES.index(anode)], EMISSION[anode]
        near = 0.4 * 2 * np.degrees((second - first) / 2 / spacing)  # the doublet must stay apart
        areas = [area_near(pattern, wavelength, spacing, label, min(near, 0.15)) for wavelength in (first, second, beta)]
        assert np.isclose(areas[1] / areas[0], 0.5, rtol=0.05) and np.isclose(areas[2] / areas[0], 0.1, rtol=0.08), anode
        if anode == "Cu":
            assert np.isclose(area_near(pattern, TUNGSTEN, spacing, label) / areas[0], 0.05, rtol=0.1)


def test_nothing_is_measured_outside_of_the_range():
    preset = LaboratoryPreset("short", {"w": (4e-4,), "low": (20.0,), "high": (60.0,), "counts": (100.0,), "background": (1.0,)})
    pattern = simulate_laboratory(made_up_reflections(), preset, range(4))[0]
    assert not pattern[:, :1999].any() and not pattern[:, 6001:].any() and (pattern[:, 2001:5999] > 0).double().mean() > 0.95
    reach = 2 * np.degrees(np.arcsin(WAVELENGTH / 2.291))  # chromium measures up to 180°, which is 84.6° on the axis
    pattern = simulate_laboratory(one_line(2.0), LaboratoryPreset("chromium", {"counts": (100.0,), "background": (1.0,)}, {"Cr": 1.0}), [0])[0][0]
    assert not pattern[int(reach / BIN_WIDTH) :].any() and pattern[5000:8000].all()


def test_a_second_phase_is_as_strong_as_asked_for():
    main, other = one_line(2.0), one_line(3.0)
    for share in (0.005, 0.15):
        preset = LaboratoryPreset("mixed", {"w": (1e-3,), "second_phase": (share,), "b_factor": (2.0,)}, {})
        pattern = simulate_laboratory(main, preset, [0], other, accurate=True)[0][0]
        angle = int(other.two_theta[0] / BIN_WIDTH)
        assert np.isclose(pattern[angle - 20 : angle + 20].sum() / pattern[int(main.two_theta[0] / BIN_WIDTH) - 20 :][:40].sum(), share, rtol=0.03)


def test_the_polarisation_factor_is_that_of_the_beam():
    ratios = []
    for polarisation in (1.0, 0.0):
        lines = Peaks(np.array([30.0, 90.0]), np.array([1.0, 1.0]), np.array([0, 2]))
        pattern = simulate_laboratory(lines, LaboratoryPreset("beam", {"w": (1e-3,), "polarisation": (polarisation,)}, {}), [0], accurate=True)[0][0]
        ratios.append(float(pattern[8970:9030].sum() / pattern[2970:3030].sum()))
    cosine = np.cos(np.radians([30.0, 90.0])) ** 2
    assert np.isclose(ratios[1] / ratios[0], (1 + cosine[0]) / (1 + cosine[1]), rtol=1e-3)  # unpolarised: (1 + cos² 2θ) / 2


def test_second_phase_and_anode_depend_on_the_seed_alone():
    peaks = made_up_reflections(space_groups=(227,))
    others = made_up_reflections(1, (62, 14, 194))
    mixed = LaboratoryPreset("mixed", {"w": (2.5e-3,), "second_phase": (0.15,)}, {"Cu": 1.0, "Co": 1.0, "Mo": 1.0})
    alone = LaboratoryPreset("alone", {"w": (2.5e-3,)}, {"Cu": 1.0, "Co": 1.0, "Mo": 1.0})
    seen = set()
    for number in range(12):
        with_other, parameters = simulate_laboratory(peaks, mixed, [number], others)
        without, _ = simulate_laboratory(peaks, alone, [number], others)
        assert 0.02 < (with_other - without).abs().max() < 0.6 and torch.equal(without, simulate_laboratory(peaks, mixed, [number])[0])
        seen.add(ANODES[int(parameters["anode"][0])])
        line = Peaks(np.array([40.0]), np.ones(1), np.array([0, 1]))
        assert abs(simulate_laboratory(line, alone, [number])[0][0].argmax() * BIN_WIDTH - 40) < 0.1  # every anode comes onto the same axis
    assert seen == {"Cu", "Co", "Mo"}
