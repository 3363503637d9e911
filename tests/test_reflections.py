# Generated from nbs/02_reflections.ipynb; edit the notebook, then run make export.
from dataclasses import fields
from dataclasses import replace
from difcon.project import InputError
from difcon.reflections import PeakTable, TWO_THETA_MAX, WAVELENGTH, bragg_angle, d_spacing, ensure_peak_table, form_factor, form_factor_table, gather, intensities, lorentz_polarisation, peak_table_settings, read_peak_table, reflections, write_peak_table
from difcon.structures import Crystal
from difcon.structures import orthogonalisation_matrix
from difcon.structures import read_amcsd
from difcon.structures import to_pymatgen
from difcon.symmetry import CRYSTAL_SYSTEMS
from difcon.symmetry import SYSTEM_OF_SPACE_GROUP
from pathlib import Path
from pymatgen.analysis.diffraction.xrd import XRDCalculator
import itertools
import math
import numpy as np
import pytest
import tempfile


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


def test_ragged_gather():
    positions, offsets = gather(np.array([0, 2, 2, 5]), np.array([2, 1, 0, 2]))
    assert positions.tolist() == [2, 3, 4, 0, 1, 2, 3, 4] and offsets.tolist() == [0, 3, 3, 5, 8]
    assert gather(np.array([0, 2]), np.array([], dtype=int))[1].tolist() == [0]


def same_table(first, second):
    "Whether two peak tables hold the same."
    return all(np.array_equal(getattr(first, field.name), getattr(second, field.name)) for field in fields(PeakTable))


def test_tables_on_disk():
    some = read_amcsd(30)[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "some.parquet"
        write_peak_table(some, path, provenance={"source": "here"})
        table = read_peak_table(path)
        assert peak_table_settings(path)["wavelength"] == WAVELENGTH and peak_table_settings(path)["source"] == "here"
    assert table.identifiers == [crystal.identifier for crystal in some] and len(table) == len(some)
    assert table.space_groups.tolist() == [crystal.space_group for crystal in some]
    for index in (0, 7, len(some) - 1):
        lines, peaks = reflections(some[index]), table.peaks([index])
        assert np.array_equal(peaks.two_theta, bragg_angle(lines[0])) and peaks.offsets.tolist() == [0, len(lines[0])]
        assert np.allclose(peaks.intensity, intensities(*lines), rtol=1e-6) and peaks.intensity.max() == 1
    chosen = table.take([5, 2, 5])
    assert chosen.names == [some[5].name, some[2].name, some[5].name]
    assert np.array_equal(chosen.peaks([1]).two_theta, table.peaks([2]).two_theta)
    assert same_table(table.take(range(len(table))), table)


def test_tables_are_made_when_absent_or_of_other_settings():
    with tempfile.TemporaryDirectory() as folder:
        first = ensure_peak_table(folder, "amcsd", 12, progress=False)
        path = Path(folder) / "peaks" / "amcsd_12.parquet"
        made = path.stat().st_mtime_ns
        assert same_table(ensure_peak_table(folder, "amcsd", 12, progress=False), first) and path.stat().st_mtime_ns == made
        write_peak_table([], path)
        assert len(read_peak_table(path)) == 0
        assert same_table(ensure_peak_table(folder, "amcsd", 12, progress=False), first)
        path.write_bytes(b"no table")
        with pytest.raises(InputError, match="no peak table"):
            read_peak_table(path)
        assert same_table(ensure_peak_table(folder, "amcsd", 12, progress=False), first)
