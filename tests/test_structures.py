# Generated from nbs/01_structures.ipynb; edit the notebook, then run make export.
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from difcon.project import InputError
from difcon.project import data_file
from difcon.project import needs_data
from difcon.structures import Atoms, CELL_TAGS, CifReader, Crystal, HEADER, LARGEST_BLOCK, MaterialsProjectReader, PIECE, REASONS, REMARKS, Rejection, TENSOR, Unusable, amcsd_file, cif_columns, cif_numbers, cif_pieces, cif_text, contradicts, decode_numbers, density, element_of_label, element_of_type, equivalent_displacements, found_space_group, from_pymatgen, groups_of_symbol, has_twin, known_value, make_crystal, materials_project_query, open_source, orbit, orthogonalisation_matrix, plausible, read_amcsd, read_cell, read_cif, read_cif_file, read_cif_folder, read_operators, read_parquet, read_source, reduced_formula, reduced_lengths, sort_out, split, stated_amounts, symmetrised_cell, to_pymatgen
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO
import base64
import errno
import gemmi
import gzip
import io
import math
import numpy as np
import os
import pickle
import pyarrow.parquet
import pytest
import re
import sqlite3
import tarfile
import tempfile
import zipfile


def test_operators_in_any_setting():
    assert read_operators(("x,y,z", "'-x, y+1/2, -z'")).space_group == 4
    assert read_operators(("x,y,z", "-X,Y+0.5,-Z")).space_group == 4
    shifted = read_operators(("x,y,z", "1/4-x,1/2+y,-z"))
    assert shifted.space_group == 4 and shifted.rotations.shape == (2, 3, 3)
    assert read_operators(("-x,-y,-z",)).triplets == {"x,y,z", "-x,-y,-z"} and read_operators(("-x,-y,-z",)).space_group == 2
    for triplets in [("x,y,z", "-y,x,z"), (), ("x,y",)]:
        with pytest.raises(Unusable, match="operators"):
            read_operators(triplets)


def test_cells():
    cubic = read_operators(("x,y,z", "z,x,y", "y,z,x"))
    assert symmetrised_cell((5, 5, 5, 80, 80, 80), cubic) == (5, 5, 5, 80, 80, 80)
    nearly = symmetrised_cell((5, 5.001, 5.002, 90, 90.1, 90), cubic)
    assert np.allclose(nearly[:3], 5.001, atol=1e-5) and np.ptp(nearly[:3]) < 1e-12 and np.ptp(nearly[3:]) < 1e-12
    assert np.allclose(symmetrised_cell(nearly, cubic), nearly, rtol=1e-14)
    hexagonal = read_operators(("x,y,z", "-y,x-y,z", "-x+y,-x,z"))
    assert np.allclose(symmetrised_cell((5, 5.01, 7, 90, 90, 120), hexagonal)[3:], (90, 90, 120), atol=1e-9)
    for cell in [(5, 5, 5.1, 90, 90, 90), (5, 5, 5, 90, 90, 80)]:
        with pytest.raises(Unusable, match="symmetry of the operators"):
            symmetrised_cell(cell, cubic)
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


def test_stated_formulas():
    assert stated_amounts("'Ca.5 (C O3) (H2 O)6'") == {20: 0.5, 6: 1, 8: 9, 1: 12}
    assert stated_amounts("Mg3 (Si2 (O H)4)2 D2") == {12: 3, 14: 4, 8: 8, 1: 10}
    assert stated_amounts("?") == stated_amounts("Fe2 O3 + x") == stated_amounts("Xx2") == {}


SALT = tuple(operator.triplet() for operator in gemmi.SpaceGroup(225).operations())


def salt(
    numbers=(11, 17),
    positions=((0, 0, 0), (0.5, 0.5, 0.5)),
    occupancies=(1.0, 1.0),
    cell=(5.64, 5.64, 5.64, 90, 90, 90),
    stated=None,
):
    "Rock salt, or a damaged version of it."
    numbers, occupancies = np.array(numbers, dtype=np.int64), np.array(occupancies)
    atoms = Atoms(numbers, np.array(positions, dtype=float), occupancies, 0.01 * np.arange(1.0, len(numbers) + 1))
    return make_crystal("1", "test", "Halite", cell, read_operators(SALT), atoms, stated)


def test_records():
    assert salt().formula == "NaCl" and salt().space_group == 225 and salt().remarks == ()
    assert np.array_equal(salt().displacements, np.repeat([0.01, 0.02], 4))
    mixed = salt((11, 19, 17), ((0, 0, 0), (0, 0, 0), (0.5, 0.5, 0.5)), (0.5, 0.52, 1.0))
    assert len(mixed.numbers) == 12 and np.isclose(mixed.occupancies[:8].sum(), 4) and mixed.remarks == ("full",)
    twice = salt((11, 17, 17), ((0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0, 0)), (1.0, 0.8, 0.8))
    assert len(twice.numbers) == len(twice.positions) == 8 and twice.remarks == ("twice",) and twice.occupancies[-1] == 0.8
    iron = salt((26, 26, 17), ((0, 0, 0), (0, 0, 0), (0.5, 0.5, 0.5)), (0.5, 0.5, 1.0))  # Fe2+ and Fe3+ are not one atom
    assert len(iron.numbers) == 12 and iron.formula == "FeCl"
    split_atom = salt((11, 17), ((0.03, 0, 0), (0.5, 0.5, 0.5)), (1 / 6, 1.0))
    assert len(split_atom.numbers) == 28 and np.isclose(split_atom.occupancies.sum(), 8)
    assert salt((11, 17, 9), ((0, 0, 0), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)), (1.0, 1.0, 0.0)).remarks == ("vacant",)
    assert salt(stated={11: 1, 17: 1, 1: 4}).remarks == ("hydrogen",) and salt(stated={11: 1, 17: 1}).remarks == ()
    assert salt(stated={11: 1, 17: 1, 1: 4, 8: 2}).remarks == ("hydrogen", "formula") and salt(stated={19: 1, 17: 1}).remarks == ("formula",)
    assert salt(stated={11: 0.95, 19: 0.05, 17: 1}).remarks == () and salt(stated={11: 0.85, 19: 0.15, 17: 1}).remarks == ("formula",)
    assert not contradicts({1: 2.0}, np.array([1, 1]), np.ones(2)) and contradicts({1: 2.0}, np.array([8]), np.ones(1))
    assert salt(cell=(5.64, 5.641, 5.642, 90, 90, 90)).remarks == ("cell",)
    for reason, changes in {
        "crowded": dict(positions=((0, 0, 0), (0, 0.5, 0.5))),
        "crowded ": dict(positions=((0.03, 0, 0), (0.5, 0.5, 0.5))),
        "crowded  ": dict(cell=(0.564, 0.564, 0.564, 90, 90, 90)),
        "element": dict(numbers=(11, 99)),
        "coordinates": dict(positions=((0, 0, 0), (math.nan, 0, 0))),
        "coordinates ": dict(positions=((0, 0, 0), (0.5, 0.5, -1e4))),
        "occupancy": dict(occupancies=(-0.1, 1.0)),
        "no atoms": dict(numbers=(), positions=np.zeros((0, 3)), occupancies=()),
        "cell": dict(cell=(564, 564, 564, 90, 90, 90)),
        "cell and operators": dict(cell=(5.64, 5.64, 5.7, 90, 90, 90)),
    }.items():
        with pytest.raises(Unusable) as caught:
            salt(**changes)
        assert caught.value.reason == reason.strip()


def test_labels():
    assert element_of_label("CO1", "Ca (C O3)") == 6 and element_of_label("Co1", "Co O") == 27
    assert element_of_label("Ow2", "H2 O") == 8 and element_of_label("Wat", "H2 O") == 8
    assert element_of_label("FeMe", "Fe S") == 26 and element_of_label("D1", "Fe H") == element_of_label("T2", "Fe D") == element_of_label("D1") == 1
    assert element_of_label("Fe3+") == 26 and element_of_label("O2-") == 8 and element_of_label("CL1-") == 17
    assert element_of_label("Vac1", "V O2") == 0 and element_of_label("V1", "V O2") == 23
    for label, formula in [("M1", "Fe S"), ("T1", "Na Al Si3 O8"), ("B1", "Ca Ti O3"), ("D1", "Fe"), ("Wat", "Na Cl"), ("M1", "")]:
        with pytest.raises(Unusable, match="no element"):
            element_of_label(label, formula)


def test_displacements():
    tensors = np.array([[0.01, 0.02, 0.03, 0.002, -0.004, 0.003]])
    assert np.isclose(equivalent_displacements(tensors, (5, 6, 7, 90, 90, 90))[0], 0.02)
    for cell in [(5, 6, 7, 80, 95, 103), (5, 5, 7, 90, 90, 120)]:  # gemmi's Cartesian tensor has the same trace
        site = gemmi.SmallStructure.Site()
        site.aniso = gemmi.SMat33d(*tensors[0])
        reciprocal = gemmi.UnitCell(*cell).reciprocal().parameters
        orthogonal = np.array(gemmi.UnitCell(*cell).orth.mat.tolist()) @ np.diag(reciprocal[:3])
        tensor = np.array(site.aniso.as_mat33().tolist())
        assert np.isclose(equivalent_displacements(tensors, cell)[0], np.trace(orthogonal @ tensor @ orthogonal.T) / 3)
    assert np.array_equal(plausible(np.array([-1, 0, 0.01, 3, np.nan])), [np.nan, np.nan, 0.01, np.nan, np.nan], equal_nan=True)


def test_pymatgen_both_ways():
    mixed = salt((11, 19, 17), ((0, 0, 0), (0, 0, 0), (0.5, 0.5, 0.5)), (0.5, 0.25, 1.0))
    structure = to_pymatgen(mixed)
    assert len(structure) == 8 and not structure.is_ordered and structure.site_properties["u_iso"][0] == (0.5 * 0.01 + 0.25 * 0.02) / 0.75
    again = from_pymatgen(structure, "salt")
    assert (again.identifier, again.formula, again.space_group, len(again.numbers)) == ("salt", mixed.formula, 225, 12)
    assert from_pymatgen(to_pymatgen(salt()), space_group=1).space_group == 1
    assert from_pymatgen(structure.copy(site_properties={})).occupancies.sum() == mixed.occupancies.sum()


def test_decoding():
    encoded = base64.b64encode(np.array([2_000_000, -1_333_200, 8_000_000, 12_000_000], dtype="<i4").tobytes()).decode()
    assert np.allclose(decode_numbers(encoded), [0.5, -0.3333, np.nan, np.nan], equal_nan=True)


def test_cells_as_text():
    assert read_cell(["5.640(2)", "5,64", "5.64,", "90.", "90", "90"]) == (5.64, 5.64, 5.64, 90, 90, 90)
    with pytest.raises(Unusable, match="cell lengths or angles"):
        read_cell(["?"] * 6)


def test_pieces_of_a_cif():
    block = b"data_x\n_text '" + b"data_" * (PIECE // 20) + b"'\n"
    late = b"(c)" + b" " * PIECE + b"\n" + 9 * block.replace(b"data_x", b"DATA_x")
    for content in (b"", b"data_short\n", b"(c)\n" + 9 * block, late, b"\xef\xbb\xbf" + 30 * block, block + b" " * PIECE + b"\n" + 9 * block):
        pieces = list(cif_pieces(io.BytesIO(content)))
        assert b"".join(pieces) == content and (len(pieces) > 1) == (len(content) > PIECE)
        assert all(map(HEADER.match, pieces[1:])) and (HEADER.search(pieces[0]) or not content)
    with pytest.raises(Unusable, match="a data block of more than 64 MiB"):
        list(cif_pieces(io.BytesIO(b"data_a\n" + bytes(LARGEST_BLOCK + PIECE))))


def test_texts_of_all_kinds():
    for content in (b"(c) somebody\ndata_a\n_x 'Sch\xf6n'\n", "data_a\n_x 'Schön'\n".encode("utf-8-sig"), "\ufeffDATA_a\r_x 'Schön'\r".encode("utf-16-le")):
        assert gemmi.cif.read_string(cif_text(content)).sole_block().find_value("_x") == "'Schön'"
    for content in (b"", b"<html>no data_here</html>"):
        with pytest.raises(Unusable, match="damaged, too large or no CIF"):
            cif_text(content)


def test_values_of_a_cif():
    block = gemmi.cif.read_string("data_a\n_cell_length_a 5.6(1)\n_x ?\nloop_\n_Atom_site_label\n_atom_site_fract_x\nNa1 0.5(2)\nCl1 .\n").sole_block()
    columns = cif_columns(block, "_atom_site_fract_x")
    assert columns["_atom_site_label"] == ["Na1", "Cl1"]
    assert np.array_equal(cif_numbers(columns, "_atom_site_fract_x", 2), [0.5, np.nan], equal_nan=True)
    assert known_value(block, "_x", "_cell_length_a") == "5.6(1)" and known_value(block, "_y") == ""
    block = gemmi.cif.read_string("data_a\n_atom_site_label Po\n_atom_site_fract_x 0\n").sole_block()
    assert cif_columns(block, "_atom_site_fract_x") == {"_atom_site_label": ["Po"], "_atom_site_fract_x": ["0"]}


def test_types():
    assert [element_of_type(kind, "K Cl") for kind in ("Na", "Na+", "Cl1-", "Cl-1", "Fe2.5+", "CL", "Va")] == [11, 11, 17, 17, 26, 17, 0]
    for kind in ("T", "NA", "M", "X1+"):
        with pytest.raises(Unusable, match="no element"):
            element_of_type(kind, "K Cl")


def test_symbols_of_space_groups():
    def settings(symbol, alpha=90, gamma=120):
        return [group.xhm() for group in groups_of_symbol(symbol, alpha, gamma)]


    assert settings("P 21/c") == settings("P2(1)/c") == settings("P_1_21/c_1") == ["P 1 21/c 1"]
    assert settings("R -3 m") == settings("R -3 m H") == ["R -3 m:H"] and settings("R -3 m", 80, 80) == settings("R-3mR") == ["R -3 m:R"]
    assert settings("F d -3 m Z") == ["F d -3 m:2"] and settings("Fd-3m") == ["F d -3 m:1", "F d -3 m:2"]
    assert settings("P m c n") == ["P m c n"] and settings("I 1 2/a 1") == ["I 1 2/a 1"] and settings("P 9") == []


def table_of(**changes) -> pyarrow.Table:
    "A table of five crystals of which two are good."
    return pyarrow.table({
        "id": ["good", "half", "short", "nameless", "heavy"],
        "formula": ["CsCl"] * 5,
        "spacegroup_number": [221, 221, 221, None, 221],
        "lattice": [[4.1, 4.1, 4.1, 90.0, 90.0, 90.0]] * 5,
        "coords": [[0.0, 0.0, 0.0, 0.5, 0.5, 1.5]] * 2 + [[0.0, 0.0, 0.0]] + [[0.0, 0.0, 0.0, 0.5, 0.5, 0.5]] * 2,
        "numbers": [[55, 17]] * 4 + [[120, 17]],
        "occupancy": [None, [0.5, 1.0], None, None, None],
    } | changes)


RUTILE_OPERATORS = "\n".join(f"'{operator.triplet()}'" for operator in gemmi.SpaceGroup(136).operations())
RUTILE = f"""#(C) of the database
data_rutile
_chemical_name_mineral 'Rutile'
_chemical_formula_sum 'O2 Ti'
_cell_length_a 4.594(1)
_cell_length_b 4.594(1)
_cell_length_c 2.959(1)
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_cell_volume 62.4
_cell_formula_units_Z 2
_symmetry_space_group_name_Hall '-P 4n 2n'
_symmetry_space_group_name_H-M 'P 42/m n m'
_symmetry_Int_Tables_number 136
loop_
_symmetry_equiv_pos_as_xyz
{RUTILE_OPERATORS}
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
_atom_site_U_iso_or_equiv
Ti1 Ti 0 0 0 1 0.005(1)
O1 O 0.3053(2) 0.3053(2) 0 1 0.007(1)
"""


def rutile(*changes: tuple[str, str]) -> str:
    "Rutile's file with some text replaced."
    text = RUTILE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def read_text(text: str | bytes, stem: str = "file") -> tuple[list[Crystal], list[Rejection]]:
    "What a file of this content gives."
    return read_cif_file(io.BytesIO(text if isinstance(text, bytes) else text.encode()), stem, "test")


def only(text: str | bytes) -> Crystal:
    "The one crystal of a file."
    (crystal,), rejected = read_text(text)
    assert not rejected
    return crystal


LISTED = f"loop_\n_symmetry_equiv_pos_as_xyz\n{RUTILE_OPERATORS}\n"
SYMBOLS = [("_symmetry_space_group_name_Hall '-P 4n 2n'\n", ""), ("_symmetry_space_group_name_H-M 'P 42/m n m'\n", ""), ("_symmetry_Int_Tables_number 136\n", "")]
OXYGEN = "O1 O 0.3053(2) 0.3053(2) 0 1 0.007(1)\n"
NO_VOLUME = ("_cell_volume 62.4\n", "")
BROKEN = {
    "file": {
        "empty": b"",
        "a web page": b"<html><body>Too many requests</body></html>",
        "no data block": rutile(("data_rutile", "")),
        "a zero byte": rutile(("_atom_site_label", "_atom_site\x00label")),
        "a loop in a loop": rutile(("loop_\n_atom", "loop_ loop_\n_atom")),
        "a value too few": rutile((" 0.007(1)", "")),
        "a value too many": rutile((" 0.007(1)", " 0.007(1) 3")),
        "cut off in the middle": RUTILE.partition("2) 0 1 0.007")[0],
        "a quote that does not end": rutile(("'O2 Ti'", "'O2 Ti")),
        "a text that does not end": rutile(("loop_\n_atom", "_publ_section_title\n;never ends\nloop_\n_atom")),
    },
    "cell": {
        "a length missing": rutile(("_cell_length_b 4.594(1)\n", "")),
        "a length unknown": rutile(("_cell_length_b 4.594(1)", "_cell_length_b ?")),
        "a length that is no number": rutile(("_cell_length_c 2.959(1)", "_cell_length_c 2.9S9")),
        "a length of 0": rutile(("_cell_length_c 2.959(1)", "_cell_length_c 0")),
        "a negative length": rutile(("_cell_length_c 2.959(1)", "_cell_length_c -2.959")),
        "an angle of 180": rutile(("_cell_angle_gamma 90", "_cell_angle_gamma 180")),
        "angles that close no cell": rutile(("_cell_angle_alpha 90", "_cell_angle_alpha 150"), ("_cell_angle_beta 90", "_cell_angle_beta 150")),
        "another volume": rutile(("_cell_volume 62.4", "_cell_volume 124.8")),
        "lengths in pm": rutile(("4.594(1)", "459.4"), ("2.959(1)", "295.9"), NO_VOLUME),
    },
    "operators": {
        "no operators and no symbol": rutile((LISTED, ""), *SYMBOLS),
        "an unknown symbol": rutile((LISTED, ""), *SYMBOLS[::2], ("P 42/m n m", "P 43/m n m")),
        "a number that is none": rutile((LISTED, ""), *SYMBOLS[:2], ("number 136", "number 236")),
        "an unreadable operator": rutile(("'-x,-y,z'", "'-x,-y,u'")),
        "an operator missing": rutile(("'-x,-y,z'\n", "")),
        "a misprinted operator": rutile(("'-x,-y,z'", "'-x,-x,z'")),
        "a list cut short, Z unknown": rutile((RUTILE_OPERATORS, "'x,y,z'"), ("_cell_formula_units_Z 2\n", "")),
        "a list cut short, Z of neither": rutile((RUTILE_OPERATORS, "'x,y,z'"), ("_cell_formula_units_Z 2", "_cell_formula_units_Z 7")),
        "an origin left open": rutile((LISTED, ""), *SYMBOLS[::2], ("P 42/m n m", "P 4/n n c"), ("_cell_formula_units_Z 2\n", "")),
    },
    "cell and operators": {
        "a and b unequal": rutile(("_cell_length_b 4.594(1)", "_cell_length_b 4.7"), NO_VOLUME),
        "an angle that is not 90": rutile(("_cell_angle_gamma 90", "_cell_angle_gamma 92")),
        "an orthorhombic cell": rutile(("_cell_length_b 4.594(1)", "_cell_length_b 9.188"), NO_VOLUME),
    },
    "no atoms": {
        "no loop of atoms": RUTILE.partition("loop_\n_atom")[0],
        "a loop without values": RUTILE.partition("Ti1 Ti")[0],
        "vacant sites only": rutile(("0 0 0 1 ", "0 0 0 0 "), (OXYGEN, "")),
        "dummy atoms only": rutile(("_atom_site_occupancy", "_atom_site_calc_flag"), (" 0 1 0.0", " 0 dum 0.0")),
    },
    "element": {
        "an unknown element": rutile(("Ti1 Ti", "Q1 Q")),
        "an element beyond Cf": rutile(("Ti1 Ti", "Es1 Es")),
        "no label": rutile(("Ti1 Ti", "? ?")),
        "a site's name": rutile(("_atom_site_type_symbol\n", ""), ("Ti1 Ti", "T1"), ("O1 O", "O1")),
    },
    "coordinates": {
        "a coordinate unknown": rutile(("0.3053(2) 0 1", "? 0 1")),
        "a coordinate that is no number": rutile(("0.3053(2) 0 1", "0.3O53 0 1")),
        "a coordinate of 1e300": rutile(("0.3053(2) 0 1", "1e300 0 1")),
        "coordinates without a point": rutile(("0.3053(2) 0.3053(2)", "3053(2) 3053(2)")),
        "a decimal comma": rutile(("0.3053(2) 0 1", "0,3053 0 1")),
        "a column missing": rutile(("_atom_site_fract_z", "_atom_site_fract_w")),
    },
    "occupancy": {
        "an occupancy above 1": rutile(("Ti 0 0 0 1", "Ti 0 0 0 1.7")),
        "a negative occupancy": rutile(("Ti 0 0 0 1", "Ti 0 0 0 -0.5")),
        "an occupancy that is no number": rutile(("Ti 0 0 0 1", "Ti 0 0 0 half")),
    },
    "crowded": {
        "two elements on one position": rutile((OXYGEN, OXYGEN + "F1 F 0.3053 0.3053 0 1 .\n")),
        "atoms 0.3 Å apart": rutile((OXYGEN, OXYGEN + "F1 F 0.35 0.35 0 1 .\n")),
        "lengths in nm": rutile(("4.594(1)", "0.4594"), ("2.959(1)", "0.2959"), NO_VOLUME),
    },
}


def test_broken_files_are_set_aside_with_a_reason():
    assert sum(map(len, BROKEN.values())) >= 50
    with tempfile.TemporaryDirectory() as folder:
        for reason, kinds in BROKEN.items():
            for kind, text in kinds.items():
                path = Path(folder) / reason / f"{kind}.cif"
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(text if isinstance(text, bytes) else text.encode())
                with pytest.raises(InputError, match=re.escape(f"{path}: {REASONS[reason]}")):
                    read_cif(path)
        with pytest.raises(InputError, match=f"none of {sum(map(len, BROKEN.values()))} records can be used"):
            read_source(folder)
        (Path(folder) / "good.CIF").write_text(RUTILE)
        (good,), set_aside = read_source(folder)
        assert good.identifier == "good/rutile"
        given = {rejection.identifier.removesuffix("/rutile"): rejection.reason for rejection in set_aside}
        assert given == {f"{reason}/{kind}": reason for reason, kinds in BROKEN.items() for kind in kinds}


EXPANDED = "".join(f"Ti{i} Ti {at} 1 .\n" for i, at in enumerate(["0 0 0", ".5 .5 .5"])) + "".join(
    f"O{i} O {at} 1 .\n" for i, at in enumerate([".305 .305 0", ".695 .695 0", ".195 .805 .5", ".805 .195 .5"]))
TITANIUM = "Ti1 Ti 0 0 0 1 0.005(1)\n"
DIRTY = {
    "ions as types": ((), rutile(("Ti1 Ti", "Ti1 Ti4+"), ("O1 O", "O1 O2-"))),
    "no types": ((), rutile(("_atom_site_type_symbol\n", ""), ("Ti1 Ti", "Ti1"), ("O1 O", "O1"))),
    "labels in capitals": ((), rutile(("_atom_site_type_symbol\n", ""), ("Ti1 Ti", "TI1"), ("O1 O", "OW1"))),
    "? and . for 1": ((), rutile((" 0 0 0 1", " 0 0 0 ?"), ("2) 0 1 0.007(1)", "2) 0 . ?"))),
    "no volume, no angles": ((), rutile(NO_VOLUME, *((f"_cell_angle_{angle} 90\n", "") for angle in ("alpha", "beta", "gamma")))),
    "a tag without a value": ((), rutile(("_cell_volume 62.4", "_cell_volume"))),
    "tags in capitals": ((), rutile(("_atom_site_fract", "_ATOM_SITE_FRACT"), ("_cell_length", "_CELL_LENGTH"))),
    "Windows, Latin-1": ((), rutile(("'Rutile'", "'Rutilé'")).replace("\n", "\r\n").encode("latin-1")),
    "a byte order mark": ((), RUTILE.removeprefix("#(C) of the database\n").encode("utf-8-sig")),
    "a line before the data": ((), RUTILE.removeprefix("#")),
    "another block before": ((), "data_global\n_publ_author_name 'A. Author'\n" + RUTILE),
    "operators in capitals": ((), rutile(("'-x,-y,z'", "' -X, -Y, +Z '"))),
    "symbol alone": (("operators",), rutile((LISTED, ""), *SYMBOLS[::2])),
    "Hall symbol alone": (("operators",), rutile((LISTED, ""), *SYMBOLS[1:])),
    "number alone": (("operators",), rutile((LISTED, ""), *SYMBOLS[:2])),
    "? for the operators": (("operators",), rutile((LISTED, "_symmetry_equiv_pos_as_xyz ?\n"))),
    "x,y,z alone": (("operators",), rutile((RUTILE_OPERATORS, "'x,y,z'"))),
    "inversion alone": (("operators",), rutile((RUTILE_OPERATORS, "'-x,-y,-z'"))),
    "x,y,z and all atoms": (("operators", "twice"), rutile((RUTILE_OPERATORS, "'x,y,z'"), (TITANIUM + OXYGEN, EXPANDED))),
    "no identity": ((), rutile(("'x,y,z'\n", ""))),
    "another number": (("symbol",), rutile(("number 136", "number 138"))),
    "another symbol": (("symbol",), rutile(("-P 4n 2n", "-P 4ac 2ac"), ("P 42/m n m", "P 42/n c m"))),
    "a cell nearly tetragonal": (("cell",), rutile(("_cell_length_b 4.594(1)", "_cell_length_b 4.597"))),
    "an atom twice": (("twice",), rutile((OXYGEN, OXYGEN + OXYGEN.replace("O1 O", "O2 O")))),
    "all atoms of the cell": (("twice",), rutile((TITANIUM + OXYGEN, EXPANDED))),
    "occupancies of 1.01": (("full",), rutile(("Ti 0 0 0 1", "Ti 0 0 0 1.01"))),
    "ions share a site": ((), rutile((TITANIUM, "Ti1 Ti4+ 0 0 0 .7 .\nTi2 Ti3+ 0 0 0 .3 .\n"))),
    "a vacant site": (("vacant",), rutile((OXYGEN, OXYGEN + "Va1 Va .5 0 .25 1 .\n"))),
    "an empty site": (("vacant",), rutile((OXYGEN, OXYGEN + "Li1 Li .5 0 .25 0 .\n"))),
    "hydrogen missing": (("hydrogen",), rutile(("'O2 Ti'", "'H4 O2 Ti'"))),
    "another formula": (("formula",), rutile(("'O2 Ti'", "'O2 Zr'"))),
    "hydrogen without coordinates": (("hydrogen",), rutile(("'O2 Ti'", "'H4 O2 Ti'"), (OXYGEN, OXYGEN + "H1 H ? ? ? 1 .\n"))),
}


def test_dirty_files_are_read():
    for kind, (remarks, text) in DIRTY.items():
        crystal = only(text)
        assert crystal.remarks == remarks, kind
        assert (crystal.formula, crystal.space_group) == ("TiO2", 136), kind
        amounts = np.bincount(crystal.numbers, weights=crystal.occupancies)
        assert np.isclose(amounts[22], 2) and np.isclose(amounts[8], 4) and np.isclose(amounts.sum(), 6), kind
        assert np.allclose(crystal.cell, (4.594, 4.594, 2.959, 90, 90, 90), atol=0.002) and np.isclose(*crystal.cell[:2], rtol=1e-14), kind


def small_cif(symbol: str, cell: str, atoms: str, more: str = "") -> str:
    "A CIF without operators."
    lengths = "\n".join(f"{tag} {value}" for tag, value in zip(CELL_TAGS, cell.split()))
    columns = "\n".join(f"_atom_site_{name}" for name in ("label", "fract_x", "fract_y", "fract_z"))
    return f"data_a\n{more}\n_symmetry_space_group_name_H-M '{symbol}'\n{lengths}\nloop_\n{columns}\n{atoms}\n"


def test_settings_and_origins():
    for symbol, cell, position, atoms in [
        ("R -3 m R", "4.746 4.746 4.746 57.24 57.24 57.24", "0.234 0.234 0.234", 2),
        ("R -3 m", "4.746 4.746 4.746 57.24 57.24 57.24", "0.234 0.234 0.234", 2),
        ("R -3 m", "4.546 4.546 11.862 90 90 120", "0 0 0.234", 6),
        ("R -3 m :H", "4.546 4.546 11.862 90 90 120", "0 0 0.234", 6),
    ]:
        bismuth = only(small_cif(symbol, cell, f"Bi {position}"))
        assert bismuth.space_group == found_space_group(bismuth) == 166 and len(bismuth.numbers) == atoms
    for symbol, position, units in [("F d -3 m S", "0 0 0", "?"), ("F d -3 m :2", ".125 .125 .125", "?"), ("F d -3 m", ".125 .125 .125", "8"), ("F d -3 m", "0 0 0", "8")]:
        more = f"_chemical_formula_sum Si\n_cell_formula_units_Z {units}"
        silicon = only(small_cif(symbol, "5.431 5.431 5.431 90 90 90", f"Si {position}", more))
        assert silicon.space_group == found_space_group(silicon) == 227 and len(silicon.numbers) == 8
    for symbol in ("P 1 21/c 1", "P 1 21/a 1", "P 1 21/n 1", "P 21/b 1 1"):
        cell = "5 6 7 100 90 90" if symbol == "P 21/b 1 1" else "5 6 7 90 100 90"
        monoclinic = only(small_cif(symbol, cell, "Fe 0.1 0.2 0.3\nS 0.35 0.42 0.15"))
        assert monoclinic.space_group == found_space_group(monoclinic) == 14 and len(monoclinic.numbers) == 8
    graphite = only(small_cif("P 63/m m c", "2.461 2.461 6.708 90 90 120", "C1 0 0 .25\nC2 .3333 .6667 .25"))
    assert len(graphite.numbers) == 4 and np.allclose(graphite.positions[2:, :2] * 3, [[1, 2], [2, 1]], atol=1e-12)  # exactly 1/3
    ice = only(small_cif("P 1", "4 4 4 90 90 90", "D1 .2 0 0\nT1 0 .2 0\nO1 0 0 0"))
    assert ice.formula == "H2O" and ice.numbers.tolist() == [1, 1, 8]


def test_lists_and_symbols():
    def listed(symbol, kept, more="", atoms="Na 0 0 0\nCl .5 .5 .5", cell="5.64 5.64 5.64 90 90 90"):
        "A CIF that lists only some operators of its symbol."
        triplets = [operator.triplet() for operator in gemmi.SpaceGroup(symbol).operations()]
        lines = "\n".join(f"'{triplet}'" for triplet in triplets if kept(triplet))
        return small_cif(symbol, cell, atoms, f"_chemical_formula_sum 'Na Cl'\n{more}\nloop_\n_symmetry_equiv_pos_as_xyz\n{lines}\n")


    def uncentred(triplet):
        return "/" not in triplet


    centred = only(listed("F m -3 m", uncentred, "_cell_formula_units_Z 4"))
    assert (centred.space_group, len(centred.numbers), centred.remarks) == (225, 8, ("operators",))
    whole = only(listed("F m -3 m", lambda triplet: True))
    assert np.array_equal(whole.positions, centred.positions) and whole.remarks == ()
    primitive = only(listed("F m -3 m", uncentred, "_cell_formula_units_Z 1"))
    assert (primitive.space_group, len(primitive.numbers), primitive.remarks) == (221, 2, ("symbol",))
    _, (undecided,) = read_text(listed("F m -3 m", uncentred))
    assert undecided.reason == "operators" and "48 of space group 221 or 192 of space group 225" in undecided.detail
    triclinic = only(listed("C -1", uncentred, "_cell_formula_units_Z 4", "Na .1 .2 .3\nCl .3 .4 .1", "8.2 12.9 7.1 93 116 91"))
    assert (triclinic.space_group, len(triclinic.numbers), triclinic.remarks) == (2, 8, ("operators",))  # P -1 and C -1 have one number


def test_displacements_of_a_cif():
    assert np.allclose(only(RUTILE).displacements, [0.005] * 2 + [0.007] * 4)
    as_b = rutile(("_atom_site_U_iso_or_equiv", "_atom_site_B_iso_or_equiv"), ("0.005(1)", "0.3948"), ("0.007(1)", "0.5527"))
    assert np.allclose(only(as_b).displacements, [0.005] * 2 + [0.007] * 4, atol=1e-5)
    tensors = "\n".join(f"_atom_site_aniso_U_{index}" for index in TENSOR)
    as_tensor = rutile((" 0.005(1)", " ."), (" 0.007(1)", " ?")) + f"loop_\n_atom_site_aniso_label\n{tensors}\nTi1 0.004 0.004 0.007 0.001 0 0\n"
    assert np.allclose(only(as_tensor).displacements, [0.005] * 2 + [np.nan] * 4, equal_nan=True)
    assert np.isnan(only(rutile(("0.007(1)", "-0.007"))).displacements[2:]).all()


def test_several_crystals_in_a_file():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "both.cif"
        path.write_text(RUTILE + rutile(("data_rutile", "data_bad"), ("Ti1 Ti", "Q1 Q")) + rutile(("#", ""), ("(C) of the database\n", "")))
        with pytest.raises(InputError, match="names no element"):
            read_cif(path)
        first_and_third, (second,) = read_source(path)
        assert [crystal.identifier for crystal in first_and_third] == ["both/rutile", "both/rutile#2"]
        assert second == Rejection("both/bad", "element", "label 'Q' in O2 Ti")
        assert len(open_source(path)) == 1


def test_broken_blocks_cost_themselves_alone():
    for broken in (BROKEN["file"]["a value too few"], BROKEN["file"]["a quote that does not end"], BROKEN["file"]["a text that does not end"]):
        damaged = broken.replace("#(C) of the database\ndata_rutile", "data_bad")
        good, (bad,) = read_text(RUTILE + damaged + rutile(("#(C) of the database\n", "")))
        assert [crystal.identifier for crystal in good] == ["file/rutile", "file/rutile#2"]
        assert (bad.identifier, bad.reason) == ("file/bad", "file")
    padding = "#" * (LARGEST_BLOCK // 2) + "\n"
    (good,), (bad,) = read_text(RUTILE + padding + BROKEN["element"]["an unknown element"] + padding)
    assert (good.identifier, bad.identifier, bad.reason) == ("file/rutile", "file/rutile#2", "element")


def pack(folder: Path, archive: Path) -> None:
    "Pack the files of a folder."
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for path in files:
                packed.write(path, path.relative_to(folder))
        return
    with tarfile.open(archive, "w:" + archive.suffix[1:].replace("tgz", "gz").replace("tar", "")) as packed:
        for path in files:
            packed.add(path, path.relative_to(folder))


def fill_folder(folder: Path) -> None:
    "Six files: plain, in folders, compressed, broken and no CIF."
    (folder / "1/00").mkdir(parents=True)
    for i in range(3):
        (folder / f"1/00/{i}.cif").write_text(rutile(("data_rutile", f"data_{i}")))
    (folder / "packed.cif.gz").write_bytes(gzip.compress(RUTILE.encode()))
    (folder / "broken.cif").write_bytes(BROKEN["element"]["no label"].encode())
    (folder / "README.txt").write_text("no CIF")


def test_machine_failures_stop_the_run():
    class FailingReader(CifReader):
        "A file that cannot be opened."

        source, names = "disk", ["1/a.cif"]

        def __init__(self, number: int):
            self.number = number

        def open(self, number: int) -> BinaryIO:
            raise OSError(self.number, os.strerror(self.number))


    for number in (errno.EIO, errno.ENOSPC, errno.ESTALE, errno.EMFILE):
        with pytest.raises(InputError, match="disk: 1/a.cif cannot be read now .*put that right and run again"):
            FailingReader(number).read([0])
    for number in (errno.EACCES, errno.ENOENT):
        none, (rejection,) = FailingReader(number).read([0])
        assert none == [] and (rejection.identifier, rejection.reason) == ("1/a", "file") and os.strerror(number) in rejection.detail


def test_archives():
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "cifs"
        fill_folder(folder)
        expected, set_aside = read_source(folder)
        assert [crystal.identifier for crystal in expected] == ["1/00/0/0", "1/00/1/1", "1/00/2/2", "packed/rutile"]
        assert [rejection.identifier for rejection in set_aside] == ["broken/rutile"]
        for suffix in (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz"):
            archive = Path(place) / f"cifs{suffix}"
            pack(folder, archive)
            source = pickle.loads(pickle.dumps(open_source(archive)))
            assert len(source) == 5 and len(pickle.dumps(source)) < 500
            assert source.provenance() == open_source(archive).provenance()
            for order in ([0, 1, 2, 3, 4], [4, 0, 2, 2]):
                crystals_read, _ = source.read(order)
                by_number, _ = sort_out((("", i) for i in order), lambda i: (expected[:3] + [None] + expected[3:])[i])
                assert [crystal.identifier for crystal in crystals_read] == [crystal.identifier for crystal in by_number if crystal]
                assert all(np.array_equal(crystal.positions, expected[0].positions) for crystal in crystals_read)
            with ThreadPoolExecutor(4) as pool:
                for crystals_read, _ in pool.map(source.read, 25 * [[0, 1], [2, 4]]):
                    assert all(np.array_equal(crystal.positions, expected[0].positions) for crystal in crystals_read)
            content = archive.read_bytes()
            for damaged in (b"", content[: len(content) // 3], b"no archive at all"):
                archive.write_bytes(damaged)
                with pytest.raises(InputError, match=re.escape(f"{archive}: ")):
                    read_source(archive)
        assert sorted(path.name for path in Path(place).iterdir()) == ["cifs", "cifs.tar", "cifs.tar.gz", "cifs.tar.xz", "cifs.tgz", "cifs.zip"]


def test_hostile_archives():
    with tempfile.TemporaryDirectory() as place:
        archive = Path(place) / "hostile.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("../outside.cif", RUTILE)
            packed.writestr("bomb.cif", RUTILE + "#" * (LARGEST_BLOCK + PIECE))
            packed.writestr("bomb.cif.gz", gzip.compress(bytes(LARGEST_BLOCK + PIECE)))
            packed.writestr("cut.cif.gz", gzip.compress(RUTILE.encode())[:100])
        crystals_read, set_aside = read_source(archive)
        assert [crystal.identifier for crystal in crystals_read] == ["../outside/rutile"]
        assert [(rejection.identifier, rejection.reason) for rejection in set_aside] == [("bomb", "file"), ("bomb", "file"), ("cut", "file")]
        assert [path.name for path in Path(place).iterdir()] == ["hostile.zip"] and not (Path(place).parent / "outside.cif").exists()


def test_tables_of_crystals():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "crystals.parquet"
        pyarrow.parquet.write_table(table_of(), path)
        good, bad = read_parquet(path)
        assert [crystal.formula for crystal in good] == ["CsCl", "Cs0.5Cl"] and np.isnan(good[0].displacements).all()
        assert np.array_equal(good[0].positions, [[0, 0, 0], [0.5, 0.5, 0.5]]) and good[0].space_group == 221
        assert [(rejection.identifier, rejection.reason) for rejection in bad] == [("short", "coordinates"), ("nameless", "operators"), ("heavy", "element")]
        pyarrow.parquet.write_table(pyarrow.concat_tables([table_of()] * 3), path, row_group_size=4)
        source = open_source(path)
        assert len(source) == 15 and [crystal.formula for crystal in source.read([5, 14, 6, 0])[0]] == ["CsCl", "Cs0.5Cl", "CsCl"]
        assert len(open_source(path, 4)) == 4
        pyarrow.parquet.write_table(table_of(coords=[[0.0, 0.0, 0.0, 0.5, 0.5, 0.5], [0.0, 0.0, 0.0] * 2] + [[0.0, 0.0, 0.0, 0.0, 0.95, 0.05]] * 3,
                                             numbers=[[55, 17], [55, 17], [55, 17], [55, 55], [1, 55]], spacegroup_number=[221] * 5,
                                             occupancy=[None, [0.5, 0.52], None, None, [1.0, 1.0]]), path)
        (whole, shared, with_hydrogen), bad = read_parquet(path)
        assert whole.remarks == () and shared.remarks == ("full",) and np.isclose(shared.occupancies.sum(), 1) and with_hydrogen.formula == "CsH"
        assert [rejection.reason for rejection in bad] == ["crowded"] * 2 and "0.29 Å apart" in bad[0].detail
        pyarrow.parquet.write_table(table_of(coords=[[0.0, 0.0, 0.0, 1.0, 1.0, 1e-4]] * 5, numbers=[[55, 55]] * 5, occupancy=[[1.0, 1.0]] * 5), path)
        assert [(len(crystal.numbers), crystal.remarks) for crystal in read_parquet(path)[0]] == [(1, ("twice",))] * 4
        for changes in (dict(lattice=[None, [4.0]] * 2 + [None]), dict(lattice=[[4.0] * 5] * 5), dict(numbers=[[]] * 5), dict(coords=[[0.0, 0.0, 0.0, 0.5, 1e300, 0.5]] * 5), dict(coords=[[0.0, 0.0, 0.0, 0.5, None, 0.5]] * 5)):
            pyarrow.parquet.write_table(table_of(**changes), path)
            assert len(open_source(path).read(range(5))[1]) == 5
        pyarrow.parquet.write_table(table_of(numbers=["Cs", "Cl"] * 2 + ["F"]), path)
        with pytest.raises(InputError, match="column numbers holds string"):
            read_parquet(path)
        pyarrow.parquet.write_table(table_of().drop_columns("lattice"), path)
        with pytest.raises(InputError, match="column lattice is missing"):
            read_parquet(path)
        path.write_bytes(b"no table")
        with pytest.raises(InputError, match="no table of crystals"):
            read_parquet(path)


@needs_data("structures/iza_zeolites_full.parquet")
def test_zeolites_are_read():
    zeolites, set_aside = read_parquet(data_file("structures/iza_zeolites_full.parquet"))
    assert len(zeolites) + len(set_aside) == 253 and max(len(zeolite.numbers) for zeolite in zeolites) == 4320
    assert len(read_parquet(data_file("structures/iza_zeolites_full.parquet"), 10)[0]) <= 10


def test_materials_project():
    class FakeClient:
        "Answers as the Materials Project's client does."

        def __init__(self, structures: dict):
            self.structures, self.asked = structures, []
            self.materials = SimpleNamespace(summary=SimpleNamespace(search=self.search))

        def search(self, fields, **query):
            self.asked.append(query)
            wanted = [key for key in query.get("material_ids", self.structures) if key in self.structures]
            return [SimpleNamespace(material_id=key, structure=self.structures[key], symmetry=SimpleNamespace(number=136)) for key in reversed(wanted)]


    source = open_source("materials_project:Ti-O")
    client = FakeClient({"mp-1": to_pymatgen(only(RUTILE)), "mp-2": to_pymatgen(only(RUTILE))})
    reader = MaterialsProjectReader(source, client)
    (second, first), _ = reader.read([1, 0])
    assert (len(reader), first.identifier, second.identifier) == (2, "mp-1", "mp-2") and first.formula == "TiO2" and first.space_group == 136
    assert client.asked == [{"chemsys": ["Ti-O"]}, {"material_ids": ["mp-2", "mp-1"]}] and reader.provenance()
    client.structures = {"mp-2": None}  # mp-1 was withdrawn, mp-2 comes without its structure
    none, absent = reader.read([0, 1])
    assert none == [] and [(rejection.identifier, rejection.reason) for rejection in absent] == [("mp-1", "no atoms"), ("mp-2", "no atoms")]
    with pytest.raises(InputError, match="has no such crystal"):
        MaterialsProjectReader(source, FakeClient({}))
    for error in (ConnectionError("no route to host\nand much more"), KeyError("data"), RuntimeError()):
        unreachable = FakeClient({})
        unreachable.materials.summary.search = lambda error=error, **query: (_ for _ in ()).throw(error)
        with pytest.raises(InputError, match="the Materials Project does not answer .*; see to network and key"):
            MaterialsProjectReader(source, unreachable)
    assert materials_project_query("SiO2") == {"formula": ["SiO2"]} and materials_project_query("mp-149,mp-13") == {"material_ids": ["mp-149", "mp-13"]}
    with pytest.raises(InputError, match="give identifiers"):
        materials_project_query("")


def test_materials_project_wants_a_key():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MP_API_KEY", raising=False)
        with pytest.raises(InputError, match="set MP_API_KEY"):
            len(open_source("materials_project:Ti-O"))


def test_sources():
    for source in ("no-such-folder", "", " "):
        with pytest.raises(InputError, match=f"^{source}: no source of crystals; give amcsd"):
            read_source(source)
    for source in ("no-such.parquet", "no/such", "./no-such.cif", "/no/such.zip"):
        with pytest.raises(InputError, match=f"^{source}: no such file or folder"):
            read_source(source)
    with tempfile.TemporaryDirectory() as folder:
        with pytest.raises(InputError, match="no .cif file"):
            read_cif_folder(folder)
        path = Path(folder) / "rutile.txt"
        path.write_text(RUTILE)
        with pytest.raises(InputError, match="rutile.txt: no source of crystals"):
            read_source(path)
        path = path.rename(path.with_suffix(".cif"))
        assert read_source(path)[0][0].formula == read_source(folder)[0][0].formula == "TiO2"
        before = open_source(folder).provenance()
        os.utime(path, (0, 0))
        assert open_source(folder).provenance() != before
    few, _ = read_source("amcsd", 20)
    assert len(few) >= 19 and few[0].source == "amcsd"


def test_amcsd_keeps_partial_occupancies():
    few, set_aside = read_amcsd(400)
    assert len(few) + len(set_aside) == 400 and len(few) > 390
    assert {rejection.reason for rejection in set_aside} <= set(REASONS)
    assert {remark for crystal in few for remark in crystal.remarks} <= set(REMARKS)
    partial = [crystal for crystal in few if crystal.occupancies.min() < 0.999]
    assert 0.25 < len(partial) / len(few) < 0.4
    known = [crystal for crystal in few if np.isfinite(crystal.displacements).all()]
    assert len(known) / len(few) > 0.35 and 0.003 < np.median(np.concatenate([crystal.displacements for crystal in known])) < 0.03
    assert len({crystal.identifier for crystal in few}) == len(few)
    assert [crystal.identifier for crystal in read_amcsd(400)[0]] == [crystal.identifier for crystal in few]


def test_densities():
    assert abs(density(salt()) - 2.164) < 0.005
    with closing(sqlite3.connect(f"{amcsd_file().as_uri()}?mode=ro", uri=True)) as connection:
        recorded = {f"amcsd-{row}": float(value) for row, value in connection.execute("select id, crystal_density from cif")}
    few, _ = read_amcsd(300)
    ratio = np.array([density(mineral) / recorded[mineral.identifier] for mineral in few])
    assert np.mean(np.abs(ratio - 1) < 0.01) > 0.93 and ratio.max() < 1.02
    lacking = np.array(["hydrogen" in mineral.remarks for mineral in few])
    assert lacking.any() and (ratio[lacking] < 0.9995).all()  # hydrogen weighs little, but it is missing from every one


def test_twins():
    primitive = replace(salt(), cell=(3.988,) * 3 + (60.0,) * 3, positions=np.array([[0, 0, 0], [0.5, 0.5, 0.5]]), numbers=np.array([11, 17]), occupancies=np.ones(2))
    assert np.allclose(reduced_lengths(salt()), reduced_lengths(primitive), rtol=1e-4)
    warm, potassium = salt(cell=(5.70,) * 3 + (90.0,) * 3), salt(numbers=(19, 17))
    mixed = salt((11, 19, 17), ((0, 0, 0), (0, 0, 0), (0.5, 0.5, 0.5)), (0.97, 0.03, 1.0))
    far = salt(cell=(5.9,) * 3 + (90.0,) * 3)
    assert has_twin([salt(), primitive, warm, mixed, potassium, far], np.array([False] + [True] * 5)).tolist() == [False, True, True, True, False, False]
    assert not has_twin([salt(), replace(salt(), space_group=216)], np.array([False, True])).any()


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
        again = from_pymatgen(structure, space_group=mineral.space_group)
        assert (again.formula, again.space_group) == (mineral.formula, mineral.space_group) and np.allclose(again.cell, mineral.cell)
        assert np.isclose(again.occupancies.sum(), mineral.occupancies.sum()) and found_space_group(again) == found_space_group(mineral)
        assert np.isclose(again.occupancies @ again.displacements, mineral.occupancies @ mineral.displacements, equal_nan=True)


def test_spglib_finds_the_reported_group():
    same = [found_space_group(mineral) == mineral.space_group for mineral in read_amcsd(100)[0] if len(mineral.numbers) < 100]
    assert np.mean(same) > 0.85
