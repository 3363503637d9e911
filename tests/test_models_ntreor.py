# Generated from nbs/30_ntreor.ipynb; edit the notebook, then run make export.
from dataclasses import replace
from difcon.models.ntreor import Cell, METRICS, NO_CELL, PRIMITIVE, SYSTEMS, Search, Trial, add_arguments, assign, attempt, base_lines, best_zones, cell_parameters, centrings, checked_positions, choices_of_indices, crystal_system_by_indexing, de_wolff, distinct, dominant_row, extinction_suggestions, in_zone, index, inverse_square_d, lattice_of, lattice_relation, lattice_symmetries, lines_of_cell, metric_in, metric_of_cell, must_compile, nearest_line, niggli, observable_lines, observed_lines, perhaps_spacings, position_of, possible_lines, ranked, read_peak_list, refine, run, shortest_axes, solve, sublattices, tensor, trial_forms, try_base_lines, try_zones, volume_of
from difcon.project import InputError
from difcon.reflections import WAVELENGTH
from difcon.symmetry import extinction_group
from difcon.symmetry import extinction_symbol
from difcon.symmetry import systematically_absent
from pathlib import Path
import argparse
import contextlib
import gemmi
import io
import json
import numpy as np
import pytest
import tempfile


def test_bad_positions_are_named():
    good = [10.0, 20.0, 30.0, 40.0, 50.0]
    assert checked_positions(good).tolist() == good
    for bad, reason in [(good[:4], "at least 5"), (good[::-1], "row 2 (40.0) is below"), (good[:3] + [30.0, 50.0], "row 4 (30.0) repeats"),
                        (good[:4] + [float("nan")], "row 5 is nan"), (good[:4] + ["x"], "give numbers"), (good + [181.0], "row 6")]:
        try:
            checked_positions(bad)
        except InputError as error:
            assert reason in str(error), error
        else:
            raise AssertionError(f"{bad} was accepted")


def test_small_angles_may_be_spacings():
    spacings = np.array([1.2, 1.5, 2.2, 3.3, 4.3, 7.1])
    assert "--d-spacings" in perhaps_spacings(spacings, 1.54) and perhaps_spacings(spacings, 0.5) is None and perhaps_spacings(10 * spacings, 1.54) is None


def peak_list_of(text, **options):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "peaks.txt"
        path.write_text(text, encoding="utf-8")
        return read_peak_list(path, **options)


def test_peak_lists_from_files():
    two_theta, heights = peak_list_of("# quartz\n20.86 22\n26.64, 100  # strongest\n\n36.54\n39.47\n40.28\n")
    assert two_theta.tolist() == [20.86, 26.64, 36.54, 39.47, 40.28] and heights[:2].tolist() == [22, 100] and np.isnan(heights[2:]).all()
    two_theta, _ = peak_list_of("4.255\n3.343\n2.457\n2.281\n2.236\n", wavelength=1.5406, d_spacings=True)
    assert np.allclose(two_theta, [20.86, 26.64, 36.54, 39.47, 40.30], atol=0.01)


def test_bad_peak_lists_are_named():
    for text, reason, options in [
        ("10\n20\n30\n40\n", "4 peaks", {}), ("", "0 peaks", {}), ("10\n20\nabc\n40\n50\n", "row 3 is 'abc'", {}),
        ("10\n20\n\n20\n40\n50\n", "row 4 (20) repeats row 2", {}), ("10\n30\n20\n40\n50\n", "row 3 (20) is out of order", {}),
        ("10\n20\n30\n40\n200\n", "row 5: 2θ = 200", {}), ("10\n20\nnan\n40\n50\n", "row 3: 2θ = nan", {}), ("1 2 3\n", "row 1 has 3 numbers", {}),
        ("9\n7\n6\n5\n4\n", "add --d-spacings", {}), ("4\n5\n6\n7\n9\n", "leave out --d-spacings", {"d_spacings": True}),
        ("9\n7\n6\n5\n0.5\n", "row 5: d = 0.5", {"d_spacings": True}), ("9\n7\n6\n5\n-1\n", "row 5: d = -1", {"d_spacings": True}), ("20,86\n26,64\n36,5\n39,4\n40,2\n", "write 20.86", {}),
        ("9\n7\n7.5\n5\n4\n3\n", "add --d-spacings", {}),
    ]:
        with pytest.raises(InputError) as caught:
            peak_list_of(text, **options)
        assert "peaks.txt" in str(caught.value) and reason in str(caught.value), caught.value
    with pytest.raises(InputError, match="cannot be read"):
        read_peak_list("no/such/file.txt")


def test_cells_and_metrics():
    cell = (5.0, 6.1, 7.3, 82.0, 97.0, 105.0)
    metric = metric_of_cell(cell)
    assert np.allclose(cell_parameters(lattice_of(metric)), cell)
    assert np.isclose(volume_of(metric), gemmi.UnitCell(*cell).volume)
    assert np.isclose(1 / gemmi.UnitCell(*cell).calculate_d([1, -2, 3]) ** 2, np.array([1, 4, 9, -6, 3, -2]) @ metric)
    assert volume_of(np.array([1.0, 1, 1, 2.1, 0, 0])) == 0.0  # no cell


def test_lines_equal_those_of_all_reflections():
    metric = metric_of_cell((5.0, 6.1, 7.3, 82.0, 97.0, 105.0))
    h, k, l = np.indices((21, 21, 21)).reshape(3, -1) - 10
    q = np.sort(np.array([h * h, k * k, l * l, k * l, h * l, h * k]).T @ metric)
    lines = possible_lines(metric, 0.5, 10_000)
    assert np.allclose(lines, np.unique(q[(q > 0) & (q <= 0.5)].round(12)))
    found = np.zeros(3)
    for observed in np.linspace(0.03, 0.45, 40):
        assert np.isclose(nearest_line(observed, 0.1, metric, True, found), np.abs(q - observed).min())
        h, k, l = found
        assert np.isclose(abs(np.array([h * h, k * k, l * l, k * l, h * l, h * k]) @ metric - observed), np.abs(q - observed).min())
    assert len(possible_lines(metric, 0.5, 7)) == 7  # given up


def test_short_axes_are_those_of_niggli():
    generator = np.random.default_rng(0)
    for _ in range(20):
        metric = metric_of_cell((*generator.uniform(3, 12, 3), *generator.uniform(75, 110, 3)))
        other = metric_in(np.array([[1.0, 2, 0], [0, 1, 0], [1, -1, 1]]), metric)
        vector = gemmi.GruberVector(gemmi.UnitCell(*cell_parameters(np.linalg.cholesky(tensor(metric)) * 10)), "P")
        vector.niggli_reduce()
        short = metric_in(shortest_axes(other), other)
        assert np.allclose(np.sqrt(np.sort(short[:3])) * 10, sorted(vector.cell_parameters()[:3])) and short[2] == short[:3].min()
    assert [len(sublattices(index)) for index in (2, 3, 4)] == [7, 13, 35]
    assert np.allclose(np.abs(np.linalg.det(centrings(0))), [4, 2])  # cubic: F and I


def test_solve_equals_numpy():
    generator = np.random.default_rng(0)
    matrix, right = generator.normal(size=(7, 7)), generator.normal(size=7)
    work, solution = matrix.copy(), right.copy()
    assert solve(work, solution, 7) and np.allclose(solution, np.linalg.solve(matrix, right))
    assert not solve(np.ones((3, 3)), np.ones(3), 3)


def test_refinement_recovers_cell_and_zero_shift():
    true = metric_of_cell((5.0, 6.1, 7.3, 90.0, 97.0, 90.0))
    q = possible_lines(true, 0.25, 1000)
    two_theta = position_of(q) + 0.05
    slope = np.sin(np.radians(two_theta)) * 2 / WAVELENGTH**2 * np.pi / 180
    refined, miller, differences = true.copy(), np.zeros((len(q), 3)), np.zeros(len(q))
    assert assign(q, 0.01 * slope, true, False, 0, miller, differences) == 0
    shift = refine(inverse_square_d(two_theta), 0.01 * slope, slope, miller, differences, METRICS[4], True, refined)
    assert abs(shift - 0.05) < 2e-4 and np.allclose(refined, true, atol=2e-6)
    assert refine(q * 1.01, 0.01 * slope, slope, miller, differences, METRICS[4], False, refined) == 0 and np.allclose(refined, true * 1.01)
    assert np.isnan(refine(q[:3], 0.01 * slope, slope, miller, differences, METRICS[4], False, refined))  # too few lines


def test_figure_of_merit_by_hand():
    possible = len(possible_lines(np.array([1.0, 1, 1, 0, 0, 0]), 5.0, 1000))
    assert possible == 5
    assert abs(de_wolff(5.0, np.abs(np.array([1.01, 1.99, 3.02, 5.00]) - [1, 2, 3, 5]).mean(), possible) - 50) < 1e-9


def test_only_a_cell_that_explains_every_line_bounds_the_volume():
    metric = metric_of_cell((5.0, 5.0, 7.3, 90, 90, 90))
    volume = volume_of(metric)
    true = possible_lines(metric, 0.5, 1000)[:20]
    for extra, trials, limit in [([], 1, 1.05 * volume), ([0.3], 1, 2000.0), ([], 0, 2000.0)]:
        q = np.sort(np.append(true, extra))
        slope, cells = np.sqrt(q) / 60, np.zeros((3, 8))
        limits = np.array([60.0, 2000.0, trials])
        assert attempt(q, 0.02 * slope, slope, metric.copy(), METRICS[1], centrings(1), limits, 2, (10.0, 20.0), 1e-5, np.zeros((len(q), 3)), np.zeros(len(q)), cells) == (trials > 0)
        assert np.isclose(limits[1], limit) and limits[2] == 0 and (cells[:, 6].max() > 20) == (trials > 0)


def test_forms_within_the_limits():
    assert trial_forms(0, (4, 4), 6)[:, 0].tolist() == [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 16, 17, 18, 20]
    assert len(trial_forms(3, (2, 2), 4)) == 3 + 6 + 7 + 6  # permutations of axes are different forms
    assert [rows.shape for rows in choices_of_indices(Trial(0, ((1,),), (4, 4), (6,)))] == [(1, 4)] * 3 + [(17, 4)]


def test_the_zones_of_a_lattice_are_found():
    metric = metric_of_cell((6.140, 10.736, 5.986, 82.27, 107.43, 102.67))
    q = possible_lines(metric, 0.2, 1000)[:20]
    zones = best_zones(q[:6], False, q, np.full(20, 1e-5), 5)
    assert zones[0, 3] > 4 and (np.diff(zones[:, 3]) <= 0).all()
    b, c, d = zones[0, :3]
    k, l = np.indices((9, 9)).reshape(2, -1) - 4
    in_lattice = possible_lines(metric, 0.2, 1000)
    of_zone = b * k * k + c * l * l + d * k * l
    assert all(np.abs(in_lattice - q).min() < 1e-9 for q in of_zone[(of_zone > 0) & (of_zone < 0.2)])


def test_a_short_axis_follows_from_one_line_outside_its_zone():
    metric = metric_of_cell((16.1, 3.72, 8.9, 90, 97.3, 90))
    q = possible_lines(metric, 0.2, 1000)[:20]
    slope, cells = np.sqrt(q) / 60, np.zeros((5, 8))
    assert sum(in_zone(line, 1e-9, metric[[0, 2, 4]]) for line in q) > 14
    try_zones(q[:7], False, 40, q, 0.02 * slope, slope, METRICS[4], centrings(4), np.array([60.0, 2000.0, 1e6]), 0, (10.0, 20.0), 1e-5, cells)
    assert abs(cells[cells[:, 6].argmax(), 7] / volume_of(metric) - 1) < 1e-6


def test_slope_of_q_equals_a_difference():
    lines = observed_lines(np.array([20.0, 60.0, 100.0]), 1.5418, Search())
    step = (inverse_square_d([20.001, 60.001, 100.001], 1.5418) - lines.q) / 0.001
    assert np.allclose(step, lines.slope, rtol=1e-4)
    assert np.allclose(lines.tolerance[0], 0.06 * lines.slope[0])  # the angle limits at low angle
    assert np.allclose(lines.tolerance[1], 0.0004 * 4 / 1.5418**2)  # sin²θ at high angle
    assert np.allclose(observed_lines(np.array([20.1, 60.1, 100.1]), 1.5418, Search(), shift=0.1).q, lines.q)


def test_a_dominant_row_is_one_base_line():
    layered = possible_lines(metric_of_cell((3.1, 3.1, 30.0, 90, 90, 120)), 0.2, 1000)
    lines = observed_lines(position_of(layered[:20]) + np.random.default_rng(0).uniform(-0.02, 0.02, 20), WAVELENGTH, Search())
    assert dominant_row(lines.q, lines.tolerance)[0] == 11
    assert np.allclose(base_lines(lines), layered[[0, *range(11, 20)]], atol=3e-4) and abs(base_lines(lines)[0] - layered[0]) < abs(lines.q[0] - layered[0])
    rhombohedral = np.square([3.0, 6, 9, 12, 12.4, 13.1]) / 900
    assert dominant_row(rhombohedral[[1, 2, 3, 4, 5]], np.full(5, 1e-4))[0] == 3  # 006, 009, 0012
    cubic = observed_lines(position_of(np.array([3.0, 4, 8, 11, 12, 16]) / 30), WAVELENGTH, Search())
    assert (base_lines(cubic) == cubic.q).all()


def test_the_symmetry_of_a_lattice_is_found_from_any_axes():
    for system, centring, cell in [(0, "F", (5.4, 5.4, 5.4, 90, 90, 90)), (1, "I", (3.8, 3.8, 9.5, 90, 90, 90)), (2, "R", (4.8, 4.8, 13.0, 90, 90, 120)),
                                   (3, "C", (3.0, 7.1, 9.0, 90, 90, 90)), (4, "C", (9.7, 8.9, 5.3, 90, 105.6, 90)), (5, "P", (5.0, 6.1, 7.3, 82.0, 97.0, 105.0))]:
        metric = metric_in(np.array([[1.0, 1, 0], [0, 1, 0], [0, 2, 1]]) @ PRIMITIVE[centring], metric_of_cell(cell))
        found_system, found_centring, conventional = lattice_symmetries(metric, (0.01,))[0]
        assert (found_system, found_centring) == (system, centring)
        assert np.isclose(volume_of(conventional), volume_of(metric_of_cell(cell)))
    names = [SYSTEMS[system] for system, _, _ in lattice_symmetries(metric_of_cell((5.0, 5.02, 5.5, 90, 90, 90)))]
    assert names == ["orthorhombic", "tetragonal"]  # what it is, and what it nearly is


def small(system, m20, volume):
    "A cell with little but a system, a figure of merit and a volume."
    return Cell(system, "P", (1.0, 1.0, 1.0), (90.0, 90.0, 90.0), volume, m20, 1.0, 20, 0, 20, 0.0)


def test_ranking_of_cells():
    cells = [small("orthorhombic", 100.0, 10.0), small("cubic", 80.0, 40.0), small("cubic", 80.0, 20.0), small("cubic", 60.0, 5.0)]
    assert ranked(cells, 0.8) == [cells[2], cells[1], cells[0], cells[3]]
    assert ranked(cells, 1.0) == [cells[0], cells[2], cells[1], cells[3]]
    assert ranked([], 0.7) == []


def test_the_same_cell_is_listed_once():
    first = small("cubic", 80.0, 20.0)
    nearly, other = replace(first, lengths=(1.001, 1.0, 1.0), m20=70.0), replace(first, lengths=(1.01, 1.0, 1.0))
    assert distinct([first, nearly, other, replace(first, centring="I")]) == [first, other, replace(first, centring="I")]


def positions_of(system, centring, cell, wavelength=1.5418, two_theta_max=110.0):
    "All positions that a lattice gives, degrees."
    primitive = metric_in(PRIMITIVE[centring], metric_of_cell(cell))
    return position_of(possible_lines(primitive, inverse_square_d(two_theta_max, wavelength), 100_000), wavelength)

KNOWN = {
    "silicon": ("cubic", "F", (5.431, 5.431, 5.431, 90, 90, 90)),
    "iron": ("cubic", "I", (2.866, 2.866, 2.866, 90, 90, 90)),
    "caesium chloride": ("cubic", "P", (4.123, 4.123, 4.123, 90, 90, 90)),
    "rutile": ("tetragonal", "P", (4.594, 4.594, 2.959, 90, 90, 90)),
    "anatase": ("tetragonal", "I", (3.785, 3.785, 9.514, 90, 90, 90)),
    "quartz": ("hexagonal", "P", (4.913, 4.913, 5.405, 90, 90, 120)),
    "corundum": ("hexagonal", "R", (4.759, 4.759, 12.992, 90, 90, 120)),
    "forsterite": ("orthorhombic", "P", (4.756, 5.981, 10.207, 90, 90, 90)),
    "sulfur": ("orthorhombic", "F", (10.465, 12.866, 24.486, 90, 90, 90)),
    "orthoclase": ("monoclinic", "C", (8.561, 12.996, 7.192, 90, 116.01, 90)),
    "zirconia": ("monoclinic", "P", (5.150, 5.212, 5.317, 90, 99.23, 90)),
    "albite": ("triclinic", "C", (8.142, 12.785, 7.159, 94.19, 116.61, 87.68)),
    "copper sulfate": ("triclinic", "P", (6.140, 10.736, 5.986, 82.27, 107.43, 102.67)),
}


def test_exact_lines_of_known_cells_are_indexed():
    for name, (system, centring, cell) in KNOWN.items():
        if name == "iron":  # its five lines have two answers, see below
            continue
        best = index(positions_of(system, centring, cell, two_theta_max=70.0 if system in ("monoclinic", "triclinic") else 110.0))[0]
        volume = volume_of(metric_of_cell(cell)) / (2 if (system, centring) == ("triclinic", "C") else 1)
        assert best.system == system and best.unindexed == 0 and abs(best.volume / volume - 1) < 1e-3, (name, best)
        assert system == "triclinic" or best.centring == centring, (name, best)
        if system == "triclinic":
            true = np.linalg.inv(PRIMITIVE[centring]).T @ lattice_of(metric_of_cell(cell))
            assert np.allclose(best.lengths + best.angles, niggli(true), atol=0.02), (name, best)
        elif system != "monoclinic":
            assert np.allclose(sorted(best.lengths), sorted(cell[:3]), atol=2e-3), (name, best)


def test_long_and_short_axes_are_found():
    generator = np.random.default_rng(0)
    for system, centring, cell in [("orthorhombic", "P", (4.1, 5.3, 27.9, 90, 90, 90)), ("hexagonal", "R", (4.1, 4.1, 70.3, 90, 90, 120)),
                                   ("tetragonal", "I", (3.9, 3.9, 29.0, 90, 90, 90)), ("monoclinic", "P", (5.1, 6.2, 22.9, 90, 97.3, 90)),
                                   ("monoclinic", "P", (16.1, 3.72, 8.9, 90, 97.3, 90))]:
        lines = positions_of(system, centring, cell)[:20]
        lines = lines[np.diff(lines, prepend=0) > 0.04]
        for positions in (lines, np.sort(lines + generator.uniform(-0.02, 0.02, len(lines)))):
            best = index(positions)[0]
            assert best.system == system and abs(best.volume / volume_of(metric_of_cell(cell)) - 1) < 0.01, (cell, best)


def test_indexing_does_not_depend_on_the_wavelength():
    for wavelength in (0.7107, 1.5406, 2.2897):
        best = index(positions_of(*KNOWN["quartz"], wavelength, 75.0), wavelength)[0]
        assert best.system == "hexagonal" and np.allclose(best.lengths, KNOWN["quartz"][2][:3], atol=1e-3)


def test_lines_with_errors_a_shift_and_impurities_are_indexed():
    generator = np.random.default_rng(1)
    for name in ["rutile", "corundum", "forsterite", "zirconia", "copper sulfate"]:
        system, centring, cell = KNOWN[name]
        lines = positions_of(system, centring, cell)[:20]
        volume = volume_of(metric_of_cell(cell))
        best = index(lines + generator.uniform(-0.02, 0.02, len(lines)))[0]
        assert best.system == system and abs(best.volume / volume - 1) < 0.01, (name, best)
        best = index(lines + 0.08)[0]
        assert best.system == system and abs(best.volume / volume - 1) < 0.01 and abs(best.zero_shift - 0.08) < 0.02, (name, best)
    best = index(np.sort(np.append(positions_of(*KNOWN["quartz"]), [33.3, 48.1])))[0]
    assert best.system == "hexagonal" and best.unindexed == 2 and abs(best.volume / 112.98 - 1) < 0.01


def test_the_setting_does_not_matter():
    metric = metric_of_cell(KNOWN["zirconia"][2])
    other = metric_in(np.array([[1.0, 0, 1], [0, 1, 0], [1, 1, 2]]), metric)
    q_max = inverse_square_d(60.0)
    assert np.allclose(possible_lines(metric, q_max, 10_000), possible_lines(other, q_max, 10_000))
    assert np.allclose(metric_in(shortest_axes(other), other)[:3], metric_in(shortest_axes(metric), metric)[:3])
    first, second = (index(position_of(possible_lines(axes, q_max, 10_000)))[0] for axes in (metric, other))
    assert first.system == second.system == "monoclinic" and np.allclose(first.lengths + first.angles, second.lengths + second.angles, atol=1e-6)


def positions_in_group(space_group, centring, cell, two_theta_max=70.0):
    "All positions that a space group allows in its standard setting, at 1.5406 Å, degrees."
    lengths, angles = cell[:3], cell[3:]
    miller, q = lines_of_cell(Cell("", centring, lengths, angles, 0.0, 0.0, 0.0, 20, 0, 20, 0.0), inverse_square_d(two_theta_max, 1.5406))
    return np.unique(position_of(q[~systematically_absent(space_group, miller)], 1.5406).round(6))


def test_the_extinction_group_is_suggested():
    for space_group, centring, cell in [(62, "P", (10.207, 5.981, 4.756, 90, 90, 90)), (136, "P", (4.594, 4.594, 2.959, 90, 90, 90)),
                                        (14, "P", (5.150, 5.212, 5.317, 90, 99.23, 90))]:
        lines = positions_in_group(space_group, centring, cell)
        best = index(lines, 1.5406)[0]
        suggestions = extinction_suggestions(best, lines, 1.5406)
        assert suggestions[0].symbol == extinction_symbol(extinction_group(space_group)), (space_group, best, suggestions[:3])
        assert [suggestion.absent for suggestion in suggestions] == sorted((suggestion.absent for suggestion in suggestions), reverse=True)


def test_the_first_use_is_told_from_later_ones():
    with tempfile.TemporaryDirectory() as folder:
        assert must_compile(folder) and must_compile(None)
        Path(folder, "ntreor.try_base_lines-100.py311.nbi").touch()
        assert not must_compile(folder)
    index([10.0, 20.0, 30.0, 40.0, 50.0], search=Search(trials=1))
    assert must_compile(try_base_lines.stats.cache_path) == (try_base_lines.__module__ == "__main__")


def difcon_index(text, *options, code=0):
    "What `difcon index` prints for a peak list."
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as printed:
        path = Path(folder) / "peaks.txt"
        path.write_text(text, encoding="utf-8")
        assert run(parser.parse_args([str(path), *options])) == code
    return printed.getvalue()

QUARTZ_LINES = "\n".join(f"{line:.2f}" for line in positions_in_group(154, "P", (4.913, 4.913, 5.405, 90, 90, 120), 80.0))


def test_the_command_ranks_cells():
    answer = json.loads(difcon_index(QUARTZ_LINES, "--wavelength", "1.5406", "--json"))
    best = answer["cells"][0]
    assert best["system"] == "hexagonal" and best["m20"] > 20 and np.allclose(best["lengths"], (4.913, 4.913, 5.405), atol=0.01)
    assert {"system": "hexagonal", "symbol": "P(62)--", "absent": answer["extinction_groups"][0]["absent"]} in answer["extinction_groups"]
    assert "hexagonal" in difcon_index(QUARTZ_LINES, "--wavelength", "1.5406").splitlines()[1]
    with pytest.raises(InputError, match="between 0.1 and 5"):
        difcon_index(QUARTZ_LINES, "--wavelength", "15.4")
    with pytest.raises(SystemExit), contextlib.redirect_stderr(io.StringIO()) as complaint:
        difcon_index(QUARTZ_LINES, "--wavelength", "1.5406", "--top", "0")
    assert "whole number of 1 or more" in complaint.getvalue()


def test_few_lines_and_none_indexed_are_said():
    few = difcon_index("\n".join(QUARTZ_LINES.splitlines()[:8]), "--wavelength", "1.5406").splitlines()
    assert few[0].startswith("only 8 lines") and few[1].split()[:2] == ["M8", "F8"]
    assert difcon_index(QUARTZ_LINES, "--wavelength", "1.5406").split()[:2] == ["M20", "F20"]
    by_chance = "\n".join(f"{line:.3f}" for line in np.sort(np.random.default_rng(1).uniform(30, 90, 20)))
    assert difcon_index(by_chance, "--wavelength", "1.5418", code=1).strip() == NO_CELL
    assert json.loads(difcon_index(by_chance, "--wavelength", "1.5418", "--json", code=1)) == {"cells": [], "extinction_groups": []}


def test_observable_lines_are_seen_once():
    lines = observable_lines(np.array([20.0, 30.0, 30.02, 40.0]), np.array([1.0, 0.3, 0.1, 0.005]))
    assert np.allclose(lines, [20.0, 30.005])
    assert len(observable_lines(np.array([]), np.array([]))) == 0


def test_answers_of_the_baseline():
    known = [positions_of(*KNOWN[name]) for name in ("quartz", "corundum")]
    assert crystal_system_by_indexing([*known, [10.0, 20.0]]) == ["hexagonal", "trigonal", None]
    generator = np.random.default_rng(0)
    by_chance = [np.sort(generator.uniform(10, 60, lines)) for lines in (8, 8, 12, 12)]
    assert crystal_system_by_indexing(by_chance, search=Search(trials=20_000)) == [None] * 4


def test_relations_of_lattices():
    lattice = lattice_of(metric_of_cell((5.0, 6.1, 7.3, 82.0, 97.0, 105.0)))
    other_axes = np.array([[1, 2, 0], [0, 1, 0], [1, 1, 1]]) @ lattice
    assert np.allclose(niggli(lattice), niggli(other_axes), atol=1e-6)
    assert lattice_relation(lattice, other_axes) == "same" == lattice_relation(lattice * 1.005, other_axes)
    assert lattice_relation(np.array([[1, 1, 0], [-1, 1, 0], [0, 0, 1]]) @ lattice, other_axes) == "superlattice"
    assert lattice_relation(lattice, np.diag([1, 1, 3]) @ lattice) == "sublattice"
    assert lattice_relation(lattice * 1.04, lattice) == "other"
