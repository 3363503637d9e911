# Generated from nbs/01_structures.ipynb; edit the notebook, then run make export.
from contextlib import closing
from difcon.project import InputError
from difcon.project import data_file
from difcon.project import needs_data
from difcon.structures import Atoms, REASONS, Unusable, amcsd_file, check_cell, decode_numbers, density, element_of_label, found_space_group, make_crystal, orbit, orthogonalisation_matrix, read_amcsd, read_cell, read_cif, read_cif_folder, read_operators, read_parquet, read_source, reduced_formula, split, to_pymatgen
from pathlib import Path
import base64
import gemmi
import math
import numpy as np
import pyarrow.parquet
import pytest
import re
import sqlite3
import tempfile


def test_operators_in_any_setting():
    assert read_operators(("x,y,z", "-x,y+1/2,-z")).space_group == 4
    shifted = read_operators(("x,y,z", "1/4-x,1/2+y,-z"))
    assert shifted.space_group == 4 and shifted.rotations.shape == (2, 3, 3)
    for triplets in [("x,y,z", "-y,x,z"), (), ("x,y",)]:
        with pytest.raises(Unusable, match="operators"):
            read_operators(triplets)


def test_cells():
    cubic = read_operators(("x,y,z", "z,x,y", "y,z,x"))
    check_cell(orthogonalisation_matrix((5, 5, 5, 80, 80, 80)), cubic)
    for cell in [(5, 5, 5.1, 90, 90, 90), (5, 5, 5, 90, 90, 80)]:
        with pytest.raises(Unusable, match="symmetry of the operators"):
            check_cell(orthogonalisation_matrix(cell), cubic)
    for cell in [(0, 5, 5, 90, 90, 90), (5, 5, 5, 90, 90, 180), (5, 5, 5, 120, 120, 120), (5, 5, math.nan, 90, 90, 90)]:
        with pytest.raises(Unusable, match="impossible"):
            orthogonalisation_matrix(cell)


def test_orbits_of_special_positions():
    hall = gemmi.SpaceGroup("F d -3 m:1")
    operators = read_operators(tuple(operator.triplet() for operator in hall.operations()))
    edges = orthogonalisation_matrix((3.567, 3.567, 3.567, 90, 90, 90))
    for position, multiplicity in [((0, 0, 0), 8), ((0.125, 0.125, 0.1251), 16), ((0.2, 0.2, 0.2), 32), ((0.1, 0.22, 0.33), 192)]:
        atoms = orbit(np.array(position, dtype=float), *operators[:2], edges)
        assert len(atoms) == multiplicity
        again = orbit(atoms[-1], *operators[:2], edges)
        assert np.allclose(sorted(map(tuple, again.round(9) % 1)), sorted(map(tuple, atoms.round(9) % 1)))


def test_formulas():
    assert reduced_formula(np.array([8] * 6 + [14] * 3), np.ones(9)) == "SiO2"
    assert reduced_formula(np.array([12] * 8 + [26] * 8 + [8] * 8), np.repeat([0.9, 0.1, 1.0], 8)) == "Fe0.1Mg0.9O"
    assert reduced_formula(np.array([12] * 4 + [26] * 4 + [8] * 4), np.repeat([0.97, 0.03, 1.0], 4)) == "MgO"
    assert reduced_formula(np.array([6]), np.array([0.04])) == "C0"


SALT = tuple(operator.triplet() for operator in gemmi.SpaceGroup(225).operations())


def salt(
    numbers=(11, 17),
    positions=((0, 0, 0), (0.5, 0.5, 0.5)),
    occupancies=(1.0, 1.0),
    cell=(5.64, 5.64, 5.64, 90, 90, 90),
):
    "Rock salt, or a damaged version of it."
    atoms = Atoms(np.array(numbers), np.array(positions, dtype=float), np.array(occupancies))
    return make_crystal("1", "test", "Halite", cell, read_operators(SALT), atoms)


def test_records():
    assert salt().formula == "NaCl" and salt().space_group == 225 and len(salt().numbers) == 8
    mixed = salt((11, 19, 17), ((0, 0, 0), (0, 0, 0), (0.5, 0.5, 0.5)), (0.5, 0.52, 1.0))
    assert len(mixed.numbers) == 12 and np.isclose(mixed.occupancies[:8].sum(), 4)
    twice = salt((11, 17, 17), ((0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0, 0)), (1.0, 1.0, 1.0))
    assert len(twice.numbers) == 8
    split_atom = salt((11, 17), ((0.03, 0, 0), (0.5, 0.5, 0.5)), (1 / 6, 1.0))
    assert len(split_atom.numbers) == 28 and np.isclose(split_atom.occupancies.sum(), 8)
    for reason, changes in {
        "crowded": dict(positions=((0, 0, 0), (0, 0.5, 0.5))),
        "crowded ": dict(positions=((0.03, 0, 0), (0.5, 0.5, 0.5))),
        "element": dict(numbers=(11, 99)),
        "coordinates": dict(positions=((0, 0, 0), (math.nan, 0, 0))),
        "occupancy": dict(occupancies=(0.0, 1.0)),
        "no atoms": dict(numbers=(), positions=np.zeros((0, 3)), occupancies=()),
        "cell and operators": dict(cell=(5.64, 5.64, 5.7, 90, 90, 90)),
    }.items():
        with pytest.raises(Unusable) as caught:
            salt(**changes)
        assert caught.value.reason == reason.strip()


def test_decoding():
    encoded = base64.b64encode(np.array([2_000_000, -1_333_200, 8_000_000, 12_000_000], dtype="<i4").tobytes()).decode()
    assert np.allclose(decode_numbers(encoded), [0.5, -0.3333, np.nan, np.nan], equal_nan=True)


def test_labels():
    assert element_of_label("CO1", "Ca (C O3)") == 6 and element_of_label("Co1", "Co O") == 27
    assert element_of_label("Ow2", "H2 O") == 8 and element_of_label("Wat", "H2 O") == 8
    assert element_of_label("FeMe", "Fe S") == 26 and element_of_label("D1", "Fe") == 1
    with pytest.raises(Unusable, match="names no element"):
        element_of_label("M1", "Fe S")


def test_cells_as_text():
    assert read_cell(["5.640(2)", "5,64", "5.64,", "90.", "90", "90"]) == (5.64, 5.64, 5.64, 90, 90, 90)
    with pytest.raises(Unusable, match="cell lengths or angles"):
        read_cell(["?"] * 6)


def test_amcsd_keeps_partial_occupancies():
    few, set_aside = read_amcsd(400)
    assert len(few) + len(set_aside) == 400 and len(few) > 390
    assert {rejection.reason for rejection in set_aside} <= set(REASONS)
    partial = [crystal for crystal in few if crystal.occupancies.min() < 0.999]
    assert 0.25 < len(partial) / len(few) < 0.4
    assert len({crystal.identifier for crystal in few}) == len(few)
    assert [crystal.identifier for crystal in read_amcsd(400)[0]] == [crystal.identifier for crystal in few]


def test_densities():
    assert abs(density(salt()) - 2.164) < 0.005
    with closing(sqlite3.connect(f"{amcsd_file().as_uri()}?mode=ro", uri=True)) as connection:
        recorded = {f"amcsd-{row}": float(value) for row, value in connection.execute("select id, crystal_density from cif")}
    ratio = np.array([density(mineral) / recorded[mineral.identifier] for mineral in read_amcsd(300)[0]])
    assert np.mean(np.abs(ratio - 1) < 0.01) > 0.93 and ratio.max() < 1.02


GOOD_CIF = """data_halite
_cell_length_a 5.640(1)
_cell_length_b 5.640(1)
_cell_length_c 5.640(1)
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
_chemical_name_mineral Halite
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na1 Na1+ 0 0 0 1
Cl1 Cl1- 0.5 0.5 0.5(1) ?
"""
DAMAGED_CIFS = {  # what replaces what, and the reason
    "file": ("loop_", "loop_ loop_"),
    "cell": ("_cell_length_b 5.640(1)", "_cell_length_b ?"),
    "cell and operators": ("_cell_length_b 5.640(1)", "_cell_length_b 6"),
    "operators": ("'F m -3 m'", "'F m m'"),
    "element": ("Na1 Na1+", "Xx Xx"),
    "coordinates": ("0 0 0 1", "? 0 0 1"),
    "occupancy": ("0 0 0 1", "0 0 0 1.7"),
    "crowded": ("0.5 0.5 0.5(1)", "0.5 0.5 0"),
    "no atoms": ("_atom_site_fract_x", "_atom_site_u"),
}


def test_cif_files():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "halite.cif"
        path.write_text(GOOD_CIF)
        (crystal,) = read_cif(path)
        assert (crystal.name, crystal.formula, crystal.space_group, len(crystal.numbers)) == ("Halite", "NaCl", 225, 8)
        path.write_text(GOOD_CIF.replace("Na1 Na1+ 0 0 0 1", "Na1 Na1+ 0 0 0 0.7\nK1 K1+ 0 0 0 0.3") + GOOD_CIF.replace("halite", "second"))
        mixed, second = read_cif(path)
        assert mixed.formula == "K0.3Na0.7Cl" and len(mixed.numbers) == 12
        assert second.identifier == "halite/second" and np.array_equal(second.positions, crystal.positions)


def test_damaged_cif_files():
    with tempfile.TemporaryDirectory() as folder:
        with pytest.raises(InputError, match="no .cif file"):
            read_cif_folder(folder)
        for reason, (old, new) in DAMAGED_CIFS.items():
            path = Path(folder) / f"{reason}.cif"
            path.write_text(GOOD_CIF.replace(old, new))
            with pytest.raises(InputError, match=re.escape(f"{path}: {REASONS[reason]}")):
                read_cif(path)
        with pytest.raises(InputError, match="none of 9 CIFs can be used"):
            read_cif_folder(folder)
        (Path(folder) / "good.CIF").write_text(GOOD_CIF)
        crystals_read, set_aside = read_cif_folder(folder)
        assert len(crystals_read) == 1
        assert sorted(rejection.reason for rejection in set_aside) == sorted(DAMAGED_CIFS)


def test_tables_of_crystals():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "crystals.parquet"
        rows = {
            "id": ["good", "half", "short", "nameless", "heavy"],
            "formula": ["CsCl"] * 5,
            "spacegroup_number": [221, 221, 221, None, 221],
            "lattice": [[4.1, 4.1, 4.1, 90.0, 90.0, 90.0]] * 5,
            "coords": [[0.0, 0.0, 0.0, 0.5, 0.5, 1.5]] * 2 + [[0.0, 0.0, 0.0]] + [[0.0, 0.0, 0.0, 0.5, 0.5, 0.5]] * 2,
            "numbers": [[55, 17]] * 4 + [[120, 17]],
            "occupancy": [None, [0.5, 1.0], None, None, None],
        }
        pyarrow.parquet.write_table(pyarrow.table(rows), path)
        good, bad = read_parquet(path)
        assert [crystal.formula for crystal in good] == ["CsCl", "Cs0.5Cl"]
        assert np.array_equal(good[0].positions, [[0, 0, 0], [0.5, 0.5, 0.5]]) and good[0].space_group == 221
        assert [(rejection.identifier, rejection.reason) for rejection in bad] == [("short", "coordinates"), ("nameless", "operators"), ("heavy", "element")]
        path.write_bytes(b"no table")
        with pytest.raises(InputError, match="no table of crystals"):
            read_parquet(path)


@needs_data("structures/iza_zeolites_full.parquet")
def test_zeolites_are_read():
    zeolites, set_aside = read_parquet(data_file("structures/iza_zeolites_full.parquet"))
    assert len(zeolites) + len(set_aside) == 253 and max(len(zeolite.numbers) for zeolite in zeolites) == 4320
    assert len(read_parquet(data_file("structures/iza_zeolites_full.parquet"), 10)[0]) <= 10


def test_sources():
    for source in ("no-such-folder", "no-such.parquet", "no-such.cif", "notebook.txt"):
        with pytest.raises(InputError, match=f"{source}: no source of crystals"):
            read_source(source)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "halite.cif"
        path.write_text(GOOD_CIF)
        assert read_source(path)[0][0].formula == read_source(folder)[0][0].formula == "NaCl"
    few, _ = read_source("amcsd", 20)
    assert len(few) >= 19 and few[0].source == "amcsd"


def test_splits():
    some = [f"formula {i % 2000}" for i in range(10_000)]
    family, random = split(some, "family"), split(some, "random")
    assert abs(family.mean() - 0.1) < 0.02 and random.sum() == 1000
    assert not {some[i] for i in np.flatnonzero(family)} & {some[i] for i in np.flatnonzero(~family)}
    assert np.array_equal(split(some[::-1])[::-1], family)
    assert np.array_equal(split(some, "random"), random) and not np.array_equal(split(some, "random", seed=1), random)
    with pytest.raises(InputError, match="there are family and random"):
        split(some, "alphabetical")


def test_pymatgen_sees_the_same_crystal():
    for mineral in read_amcsd(60)[0]:
        structure = to_pymatgen(mineral)
        assert np.isclose(structure.volume, np.linalg.det(orthogonalisation_matrix(mineral.cell)))
        assert np.isclose(structure.composition.num_atoms, mineral.occupancies.sum())
        assert all(site.species.num_atoms <= 1 + 1e-6 for site in structure)


def test_spglib_finds_the_reported_group():
    same = [found_space_group(mineral) == mineral.space_group for mineral in read_amcsd(100)[0] if len(mineral.numbers) < 100]
    assert np.mean(same) > 0.85
