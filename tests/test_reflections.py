# Generated from nbs/02_reflections.ipynb; edit the notebook, then run make export.
from dataclasses import replace
from difcon.reflections import TWO_THETA_MAX, WAVELENGTH, bragg_angle, d_spacing, form_factor, form_factor_table, intensities, lorentz_polarisation, reflections
from difcon.structures import Crystal
from difcon.structures import orthogonalisation_matrix
from difcon.structures import read_amcsd
from difcon.structures import to_pymatgen
from difcon.symmetry import CRYSTAL_SYSTEMS
from difcon.symmetry import SYSTEM_OF_SPACE_GROUP
from pymatgen.analysis.diffraction.xrd import XRDCalculator
import itertools
import math
import numpy as np


def test_bragg():
    angles = np.linspace(1, 179, 50)
    assert np.allclose(bragg_angle(d_spacing(angles)), angles)
    assert np.isnan(bragg_angle(0.7)) and np.isclose(bragg_angle(1.5418), 60)


def test_lorentz_polarisation_falls_to_right_angles():
    assert np.isclose(lorentz_polarisation(90), 1 / (0.5 * math.sqrt(0.5)))
    assert np.all(np.diff(lorentz_polarisation(np.linspace(1, 90, 90))) < 0)


def test_form_factors_begin_at_the_number_of_electrons():
    assert not np.isnan(form_factor_table()[1:]).any()
    for number in (1, 8, 26, 92):
        falling = [form_factor(number, form_factor_table()[number], s**2) for s in np.linspace(0, 0.56, 8)]
        assert falling[0] == number and np.all(np.diff(falling) < 0)


def random_crystal(seed=0, atoms=7, cell=(6.1, 5.2, 7.3, 81.0, 95.0, 102.0)):
    "A crystal of random atoms, some shared and some partly there."
    draws = np.random.default_rng(seed)
    numbers, positions = draws.choice([1, 8, 14, 82], atoms), draws.random((atoms, 3))
    return Crystal("random", "test", "", "", 1, cell, numbers, positions, draws.uniform(0.2, 1.0, atoms))


def plain_reflections(crystal, g_max):
    "All reflections of a crystal by the formula: 1/d and |F|²."
    indices = np.stack(np.meshgrid(*[np.arange(-12, 13)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    g = np.linalg.norm(indices @ np.linalg.inv(orthogonalisation_matrix(crystal.cell)), axis=1)
    indices, g = indices[(g > 0) & (g <= g_max)], g[(g > 0) & (g <= g_max)]
    total = np.zeros(len(g), dtype=complex)
    for number, position, occupancy in zip(crystal.numbers, crystal.positions, crystal.occupancies):
        a, b = form_factor_table()[number].T
        factor = number - 41.78214 * (g / 2) ** 2 * (a * np.exp(-b * (g[:, None] / 2) ** 2)).sum(axis=1)
        total += occupancy * factor * np.exp(2j * np.pi * (indices @ position))
    return g, np.abs(total) ** 2


def test_equal_to_the_plain_sum():
    for seed in range(5):
        crystal = random_crystal(seed)
        g, f_squared = plain_reflections(crystal, 2 * math.sin(math.radians(60)) / WAVELENGTH)
        d, mean, multiplicity = reflections(crystal)
        assert np.all(np.diff(d) < 0) and multiplicity.sum() <= len(g)
        assert np.isclose((mean * multiplicity).sum(), f_squared.sum(), rtol=1e-4)
        for line in (0, len(d) // 2, len(d) - 1):
            members = np.abs(1 / g - d[line]) < 1e-9
            assert members.sum() == multiplicity[line] and np.isclose(f_squared[members].mean(), mean[line])


def test_lines_depend_on_the_crystal_alone():
    crystal = random_crystal(3)
    expected = reflections(crystal)
    shuffled = np.random.default_rng(0).permutation(len(crystal.numbers))
    moved = replace(crystal, positions=crystal.positions + [0.21, 0.4, -0.3])
    mixed = replace(crystal, numbers=crystal.numbers[shuffled], positions=crystal.positions[shuffled], occupancies=crystal.occupancies[shuffled])
    for other in (moved, mixed):
        assert all(np.allclose(value, wanted) for value, wanted in zip(reflections(other), expected))
    doubled = replace(
        crystal,
        cell=(crystal.cell[0] * 2, *crystal.cell[1:]),
        numbers=np.tile(crystal.numbers, 2),
        positions=np.concatenate([crystal.positions / [2, 1, 1], crystal.positions / [2, 1, 1] + [0.5, 0, 0]]),
        occupancies=np.tile(crystal.occupancies, 2),
    )
    assert np.allclose(reflections(doubled)[0], expected[0]) and np.allclose(reflections(doubled)[1], 4 * expected[1])


def test_systematic_absences_go():
    primitive = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    salt = Crystal("salt", "test", "", "NaCl", 225, (5.64,) * 3 + (90.0,) * 3, np.repeat([11, 17], 4),
                   np.concatenate([primitive, primitive + 0.5]) % 1.0, np.ones(8))
    d, _, multiplicity = reflections(salt)
    assert np.allclose((5.64 / d[:5]) ** 2, [3, 4, 8, 11, 12]) and multiplicity[:5].tolist() == [8, 6, 12, 24, 8]
    assert intensities(*reflections(salt)).argmax() == 1


def drawn_from_all_systems(crystals, count, largest):
    "Crystals of all seven systems, taken in turn, of at most so many atoms."
    systems = [[] for _ in CRYSTAL_SYSTEMS]
    for crystal in crystals:
        if len(crystal.numbers) <= largest:
            systems[SYSTEM_OF_SPACE_GROUP[crystal.space_group - 1]].append(crystal)
    turns = itertools.zip_longest(*systems)
    return [crystal for turn in turns for crystal in turn if crystal is not None][:count]


def pymatgen_lines(crystal):
    "2θ and relative intensity by pymatgen."
    pattern = XRDCalculator(WAVELENGTH).get_pattern(to_pymatgen(crystal), two_theta_range=(0, TWO_THETA_MAX))
    return np.array(pattern.x), np.array(pattern.y) / 100


def test_equal_to_pymatgen():
    drawn = drawn_from_all_systems(read_amcsd(1500)[0], count=100, largest=60)
    assert len({SYSTEM_OF_SPACE_GROUP[crystal.space_group - 1] for crystal in drawn}) == 7 and len(drawn) == 100
    assert sum(crystal.occupancies.min() < 0.99 for crystal in drawn) > 10
    differences = []
    for crystal in drawn:
        lines, (two_theta, intensity) = reflections(crystal), pymatgen_lines(crystal)
        assert len(lines[0]) == len(two_theta), crystal.identifier
        differences.append((np.abs(bragg_angle(lines[0]) - two_theta).max(), np.abs(intensities(*lines) - intensity).max()))
    assert np.all(np.max(differences, axis=0) < [1e-6, 1e-4])
