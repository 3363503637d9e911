# Generated from nbs/30_ntreor.ipynb; edit the notebook, then run make export.
from difcon.models.ntreor import CENTRINGS, CENTRINGS_OF_SYSTEM, Cell, SYSTEMS, Search, checked_positions, crystal_system_by_indexing, de_wolff, edges_and_volume, form, index, inverse_square_d, lattice_allows, nearest_line, observable_lines, observed_lines, position_of, possible_lines, ranked, smith_snyder, solve, trial_forms
from difcon.project import InputError
import numpy as np


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


def test_nearest_line_of_each_system():
    found = np.zeros(3)
    assert abs(nearest_line(14.1, 0.5, np.array([1.0, 0, 0]), 0, found) - 0.1) < 1e-12 and found[0] == 14
    assert nearest_line(7.0, 0.5, np.array([1.0, 0, 0]), 0, found) == 0.5  # 7 is no sum of three squares
    assert nearest_line(7 + 4 * 0.3, 0.01, np.array([1.0, 0.3, 0]), 2, found) < 1e-12 and found.tolist() == [7, 4, 0]
    assert nearest_line(5 + 9 * 0.31, 0.01, np.array([1.0, 0.31, 0]), 1, found) < 1e-12 and found.tolist() == [5, 9, 0]
    assert nearest_line(1.13 + 4 * 0.71 + 9 * 0.3, 1e-3, np.array([1.13, 0.71, 0.3]), 3, found) < 1e-12 and found.tolist() == [1, 4, 9]


def test_lattices_allow_what_their_indices_say():
    conditions = {"I": lambda h, k, l: (h + k + l) % 2 == 0, "F": lambda h, k, l: h % 2 == k % 2 == l % 2,
                  "A": lambda h, k, l: (k + l) % 2 == 0, "B": lambda h, k, l: (h + l) % 2 == 0,
                  "C": lambda h, k, l: (h + k) % 2 == 0, "R": lambda h, k, l: (-h + k + l) % 3 == 0 or (h - k + l) % 3 == 0}
    for system, letters in enumerate(CENTRINGS_OF_SYSTEM):
        for letter in letters[1:]:
            for h, k, l in np.ndindex(6, 6, 6):
                allowed = lattice_allows(system, CENTRINGS.index(letter), *form(system, h, k, l))
                assert allowed == conditions[letter](h, k, l), (system, letter, h, k, l)


def test_possible_lines_equal_a_plain_count():
    for system, unknowns in enumerate([(0.9, 0, 0), (0.9, 0.37, 0), (0.9, 0.37, 0), (0.9, 0.51, 0.37)]):
        plain = {round(float(np.dot(unknowns, form.py_func(system, h, k, l))), 9)
                 for h in range(9) for k in range(9) for l in range(12) if h + k + l}
        plain = sorted(q for q in plain if q <= 15)
        assert np.allclose(possible_lines(np.array(unknowns, float), system, 0, 15.0, 3000), plain)


def test_figures_of_merit_by_hand():
    possible = len(possible_lines(np.array([1.0, 0, 0]), 0, 0, 5.0, 100))
    assert possible == 5
    assert abs(de_wolff(np.array([1.01, 1.99, 3.02, 5.00]), np.array([1.0, 2, 3, 5]), possible) - 50) < 1e-9
    assert abs(smith_snyder(np.array([10.01, 19.99, 30.02, 40.0]), np.array([10.0, 20, 30, 40]), 5) - 80) < 1e-9


def test_solve_equals_numpy():
    generator = np.random.default_rng(0)
    matrix, right, solution = generator.normal(size=(3, 3)), generator.normal(size=3), np.zeros(3)
    assert solve(matrix, right, solution) and np.allclose(solution, np.linalg.solve(matrix, right))
    assert not solve(np.ones((3, 3)), right, solution)


def test_edges_and_volume_of_known_metrics():
    assert np.allclose(edges_and_volume(np.array([1 / 16, 0, 0]), 0), (4, 4, 4, 64))
    assert np.allclose(edges_and_volume(np.array([4 / 3 / 9, 1 / 25, 0]), 2), (3, 3, 5, 45 * np.sin(np.pi / 3)))
    assert np.allclose(edges_and_volume(np.array([1 / 9, 1 / 16, 1 / 25]), 3), (3, 4, 5, 60))


def test_forms_within_the_limits():
    assert trial_forms(0, (4, 4), 6)[:, 0].tolist() == [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 16, 17, 18, 20]
    assert len(trial_forms(3, (2, 2), 4)) == 3 + 6 + 7 + 6  # permutations of axes are different forms


def test_slope_of_q_equals_a_difference():
    q, tolerance, per_degree = observed_lines(np.array([20.0, 60.0, 100.0]), 1.5418, Search())
    step = (inverse_square_d([20.001, 60.001, 100.001], 1.5418) - q) / 0.001
    assert np.allclose(step, per_degree, rtol=1e-4)
    assert np.allclose(tolerance[0], 0.06 * per_degree[0])  # the angle limits at low angle
    assert np.allclose(tolerance[1], 0.0004 * 4 / 1.5418**2)  # sin²θ at high angle


def test_ranking_of_cells():
    def small(system, m20, volume):
        return Cell(system, "P", (1.0, 1.0, 1.0), (90.0, 90.0, 90.0), volume, m20, 1.0, 20, 0)

    cells = [small("orthorhombic", 100.0, 10.0), small("cubic", 80.0, 40.0), small("cubic", 80.0, 20.0), small("cubic", 60.0, 5.0)]
    assert ranked(cells, 0.8) == [cells[2], cells[1], cells[0], cells[3]]
    assert ranked(cells, 1.0) == [cells[0], cells[2], cells[1], cells[3]]
    assert ranked([], 0.7) == []


def lines_of_cell(system, centring, lengths, wavelength=1.5418, two_theta_max=110.0):
    "All positions that a lattice gives, degrees."
    a, b, c = lengths
    unknowns = {"cubic": (1 / a**2, 0, 0), "tetragonal": (1 / a**2, 1 / c**2, 0), "hexagonal": (4 / 3 / a**2, 1 / c**2, 0),
                "orthorhombic": (1 / a**2, 1 / b**2, 1 / c**2)}[system]
    q_max = inverse_square_d(two_theta_max, wavelength)
    q = possible_lines(np.array(unknowns, dtype=float), SYSTEMS.index(system), CENTRINGS.index(centring), q_max, 100_000)
    return position_of(q, wavelength)

KNOWN = {
    "silicon": ("cubic", "F", (5.431, 5.431, 5.431)),
    "iron": ("cubic", "I", (2.866, 2.866, 2.866)),
    "caesium chloride": ("cubic", "P", (4.123, 4.123, 4.123)),
    "rutile": ("tetragonal", "P", (4.594, 4.594, 2.959)),
    "anatase": ("tetragonal", "I", (3.785, 3.785, 9.514)),
    "quartz": ("hexagonal", "P", (4.913, 4.913, 5.405)),
    "corundum": ("hexagonal", "R", (4.759, 4.759, 12.992)),
    "forsterite": ("orthorhombic", "P", (4.756, 5.981, 10.207)),
    "anhydrite": ("orthorhombic", "A", (6.245, 6.995, 6.993)),
}


def test_exact_lines_of_known_cells_are_indexed():
    for name in ["silicon", "caesium chloride", "rutile", "anatase", "quartz", "corundum", "forsterite"]:
        system, centring, lengths = KNOWN[name]
        best = index(lines_of_cell(system, centring, lengths))[0]
        assert (best.system, best.centring, best.unindexed) == (system, centring, 0), (name, best)
        assert np.abs(np.subtract(best.lengths, lengths)).max() < 1e-3, (name, best)


def test_indexing_does_not_depend_on_the_wavelength():
    for wavelength in (0.7107, 1.5406, 2.2897):
        best = index(lines_of_cell(*KNOWN["quartz"], wavelength, 75.0), wavelength)[0]
        assert best.system == "hexagonal" and np.abs(np.subtract(best.lengths, KNOWN["quartz"][2])).max() < 1e-3


def test_lines_with_errors_and_one_impurity_are_indexed():
    generator = np.random.default_rng(1)
    for name in ["rutile", "quartz", "forsterite"]:
        lines = lines_of_cell(*KNOWN[name])[:20]
        best = index(lines + generator.uniform(-0.02, 0.02, len(lines)))[0]
        assert best.system == KNOWN[name][0] and np.abs(np.subtract(best.lengths, KNOWN[name][2])).max() < 0.02, (name, best)
    best = index(np.sort(np.append(lines_of_cell(*KNOWN["quartz"]), 33.3)))[0]
    assert best.system == "hexagonal" and best.unindexed == 1


def test_observable_lines_are_seen_once():
    lines = observable_lines(np.array([20.0, 30.0, 30.02, 40.0]), np.array([1.0, 0.3, 0.1, 0.005]))
    assert np.allclose(lines, [20.0, 30.005])
    assert len(observable_lines(np.array([]), np.array([]))) == 0


def test_answers_of_the_baseline():
    generator = np.random.default_rng(0)
    by_chance = [np.sort(generator.uniform(10, 60, lines)) for lines in (8, 8, 12, 12, 20, 20)]
    assert crystal_system_by_indexing(by_chance) == [None] * 6
    known = [lines_of_cell(*KNOWN[name]) for name in ("quartz", "corundum")]
    assert crystal_system_by_indexing([*known, [10.0, 20.0]]) == ["hexagonal", "trigonal", None]
