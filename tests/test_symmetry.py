# Generated from nbs/00_symmetry.ipynb; edit the notebook, then run make export.
from difcon.project import InputError
from difcon.project import data_file
from difcon.project import needs_data
from difcon.symmetry import CRYSTAL_SYSTEMS, EXTINCTION_GROUP_OF_SPACE_GROUP, SPACE_GROUPS_IN_EXTINCTION_GROUP, SPACE_GROUPS_IN_SYSTEM, SYSTEM_OF_EXTINCTION_GROUP, SYSTEM_OF_SPACE_GROUP, TASKS, classes_of, conditions_of_space_group, crystal_system, extinction_group, extinction_group_number, extinction_groups_of_system, extinction_symbol, forbidden_by, reflection_conditions, space_group_number, space_group_symbol, space_groups_of, space_groups_of_system, systematically_absent
from itertools import permutations
import csv
import gemmi
import numpy as np


def test_symbols_and_numbers_round_trip():
    assert [space_group_number(space_group_symbol(number)) for number in range(1, 231)] == list(range(1, 231))
    assert space_group_number("P2_1/c") == space_group_number(" P 1 21/n 1") == 14
    assert space_group_number("Cmca") == space_group_number("Cmce") == 64


def message_of(function, *arguments):
    "The message of the InputError that a call raises."
    try:
        function(*arguments)
    except InputError as error:
        return str(error)
    raise AssertionError(f"{function.__name__}{arguments} raised no InputError")


def test_wrong_space_groups_are_named():
    for wrong in (0, 231, -1, 1.0, "225", None, True):
        message = message_of(space_group_symbol, wrong)
        assert repr(wrong) in message and "1 to 230" in message
    assert "Pmna" in message_of(space_group_number, "Pmna1")
    assert "Hermann" in message_of(space_group_number, "")
    assert space_group_symbol(np.int64(225)) == "F m -3 m"


def test_crystal_systems_agree_with_gemmi():
    assert [crystal_system(number) for number in range(1, 231)] == [
        gemmi.find_spacegroup_by_number(number).crystal_system_str() for number in range(1, 231)]
    assert sorted(sum((space_groups_of_system(name) for name in CRYSTAL_SYSTEMS), ())) == list(range(1, 231))
    assert "cubic" in message_of(space_groups_of_system, "rhombohedral")
    assert "1 to 230" in message_of(crystal_system, 231)


def random_reflections(count, largest):
    "Random indices h k l: general ones, and those of all zones and axes on which a rule may stand."
    random = np.random.default_rng(0)
    general = random.integers(-largest, largest + 1, (count, 3))
    zones = general * random.integers(0, 2, (count, 3))
    diagonal = zones[:, [0, 0, 2]] * random.choice([[1, 1, 1], [1, -1, 1], [1, -2, 1], [-2, 1, 1]], count)
    return np.concatenate([general, zones, diagonal])


def test_absences_agree_with_gemmi():
    miller = random_reflections(count=100, largest=30)
    for number in range(1, 231):
        group = gemmi.find_spacegroup_by_number(number).operations()
        expected = [group.is_systematically_absent(list(indices)) for indices in miller.tolist()]
        assert np.array_equal(systematically_absent(number, miller), expected), number


def test_extinction_groups_per_system():
    assert EXTINCTION_GROUP_OF_SPACE_GROUP.shape == (230,)
    counts = [len({extinction_group(number) for number in space_groups_of_system(name)}) for name in CRYSTAL_SYSTEMS]
    assert counts == [1, 6, 33, 31, 6, 7, 17] and sum(counts) == 101


def test_extinction_groups_round_trip():
    assert all(number in space_groups_of(extinction_group(number)) for number in range(1, 231))
    assert sorted(sum((space_groups_of(group) for group in range(1, 102)), ())) == list(range(1, 231))
    assert "1 to 230" in message_of(extinction_group, 0) and "1 to 101" in message_of(space_groups_of, 102)


def test_absences_agree_far_outside_the_box():
    miller = random_reflections(count=150, largest=99)
    for group in range(1, 102):
        first, *others = space_groups_of(group)
        absent = systematically_absent(first, miller)
        orientations = list(permutations(range(3))) if crystal_system(first) == "orthorhombic" else [(0, 1, 2)]
        for other in others:
            assert any(np.array_equal(absent, systematically_absent(other, miller[:, axes])) for axes in orientations)


def test_classes_of_all_space_groups():
    classes = classes_of(np.arange(1, 231))
    assert [len(set(classes[task].tolist())) for task in TASKS] == [7, 101, 230]
    assert CRYSTAL_SYSTEMS[classes_of([14])["crystal_system"][0]] == "monoclinic"
    for wrong in ([0, 225], [231]):
        try:
            classes_of(wrong)
        except InputError as error:
            assert "1 to 230" in str(error)
        else:
            raise AssertionError(f"{wrong} was taken")


def test_arrays_agree_with_functions():
    space_groups = np.arange(1, 231)
    assert [CRYSTAL_SYSTEMS[label] for label in SYSTEM_OF_SPACE_GROUP] == [crystal_system(number) for number in space_groups]
    assert np.array_equal(SYSTEM_OF_EXTINCTION_GROUP[EXTINCTION_GROUP_OF_SPACE_GROUP], SYSTEM_OF_SPACE_GROUP)
    for group in range(1, 102):
        assert tuple(space_groups[SPACE_GROUPS_IN_EXTINCTION_GROUP[group - 1]]) == space_groups_of(group)
    for label, name in enumerate(CRYSTAL_SYSTEMS):
        assert tuple(space_groups[SPACE_GROUPS_IN_SYSTEM[label]]) == space_groups_of_system(name)
    assert {SYSTEM_OF_SPACE_GROUP.dtype, EXTINCTION_GROUP_OF_SPACE_GROUP.dtype} == {np.dtype(np.int64)}


def test_extinction_symbols_round_trip():
    for group in range(1, 102):
        system = CRYSTAL_SYSTEMS[SYSTEM_OF_EXTINCTION_GROUP[group - 1]]
        assert group in extinction_groups_of_system(system)
        assert extinction_group_number(extinction_symbol(group), system) == group
    assert "P(61)--" in message_of(extinction_group_number, "P(65)--", "hexagonal")
    assert "monoclinic" in message_of(extinction_group_number, "P---", "rhombic")
    assert "1 to 101" in message_of(extinction_symbol, 0)


REFERENCE = "reference/extinction_groups.csv"


@needs_data(REFERENCE)
def test_the_reference_table():
    "Numbers, members and symbols of all extinction groups equal the reference's."
    with open(data_file(REFERENCE), encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["sg_number"]) for row in rows] == list(range(1, 231))
    for number, row in enumerate(rows, start=1):
        group = extinction_group(number)
        assert int(row["extinction_group_id"]) == group
        assert row["extinction_symbol"] == extinction_symbol(group)
        assert tuple(map(int, row["members"].split())) == space_groups_of(group)
        assert row["crystal_system"] == crystal_system(number)
        assert row["hm_symbol"].partition(":")[0] == space_group_symbol(number)


def test_printed_conditions_agree_with_gemmi():
    miller = random_reflections(count=60, largest=40)
    for number in range(1, 231):
        group = gemmi.find_spacegroup_by_number(number).operations()
        expected = np.array([group.is_systematically_absent(list(indices)) for indices in miller.tolist()])
        for implied in (False, True):
            lines = conditions_of_space_group(number, implied)
            forbidden = [forbidden_by(line, number, miller) for line in lines]
            assert np.array_equal(np.logical_or.reduce([np.zeros(len(miller), bool), *forbidden]), expected), number


def test_conditions_of_well_known_groups():
    assert reflection_conditions(1) == () == reflection_conditions(extinction_group(221))
    assert conditions_of_space_group(14) == ("h0l: l=2n", "0k0: k=2n")
    assert conditions_of_space_group(225) == ("hkl: h+k,h+l,k+l=2n",)
    assert conditions_of_space_group(227) == ("hkl: h+k,h+l,k+l=2n", "0kl: k+l=4n, k,l=2n")
    assert conditions_of_space_group(62, implied=True) == (
        "0kl: k+l=2n", "hk0: h=2n", "h00: h=2n", "0k0: k=2n", "00l: l=2n")
    assert reflection_conditions(extinction_group(33)) == reflection_conditions(extinction_group(62))
    assert conditions_of_space_group(33) != conditions_of_space_group(62)
    assert "1 to 101" in message_of(reflection_conditions, 102)


def test_extinction_groups_differ_in_their_conditions():
    printed = {(SYSTEM_OF_EXTINCTION_GROUP[group - 1], reflection_conditions(group)) for group in range(1, 102)}
    assert len(printed) == 101
