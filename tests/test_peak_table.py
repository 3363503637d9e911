# Generated from nbs/04_peak_table.ipynb; edit the notebook, then run make export.
from dataclasses import fields
from dataclasses import replace
from difcon.peak_table import CrystalList, PeakTable, add_arguments, are_compiled, ensure_mixed_table, ensure_peak_table, gather, is_whole, make_table, open_shard, read_peak_table, run, seal, shard_path, table_settings, table_summary, wavelength_of_lines, without_unknown, write_peak_table
from difcon.project import InputError
from difcon.project import from_extra
from difcon.reflections import D_MIN
from difcon.reflections import Peaks
from difcon.reflections import TWO_THETA_MAX
from difcon.reflections import TWO_THETA_STEP
from difcon.reflections import WAVELENGTH
from difcon.reflections import WEAKEST
from difcon.reflections import bragg_angle
from difcon.reflections import intensities
from difcon.reflections import reflections
from difcon.structures import orthogonalisation_matrix
from difcon.structures import read_amcsd
from pathlib import Path
import argparse
import contextlib
import errno
import io
import logging
import numpy as np
import os
import psutil
import pytest
import signal
import subprocess
import sys
import tempfile
import time


def test_any_damage_breaks_the_seal():
    whole = seal(b"content sha256:" + bytes(64) + b" end")
    assert is_whole(whole) and not is_whole(b"") and not is_whole(whole[:-1])
    for place in range(len(whole)):
        assert not is_whole(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])


def test_elements_without_a_scattering_length_are_set_aside():
    some = read_amcsd(12)[0]
    polonium = replace(some[3], identifier="polonium", numbers=np.where(some[3].numbers == some[3].numbers[0], 84, some[3].numbers))
    good, rejected = without_unknown([*some, polonium], "neutron")
    assert good == some and rejected == [("polonium", "scattering length", "Po")]
    assert without_unknown([polonium], "X-ray") == ([polonium], [])


def test_wavelengths_of_lines():
    assert wavelength_of_lines(D_MIN) == wavelength_of_lines(2.0) == WAVELENGTH
    assert np.isclose(bragg_angle(0.5, wavelength_of_lines(0.5)), TWO_THETA_MAX)


def test_ragged_gather():
    positions, offsets = gather(np.array([0, 2, 2, 5]), np.array([2, 1, 0, 2]))
    assert positions.tolist() == [2, 3, 4, 0, 1, 2, 3, 4] and offsets.tolist() == [0, 3, 3, 5, 8]
    assert gather(np.array([0, 2]), np.array([], dtype=int))[1].tolist() == [0]


def test_the_lines_are_those_of_a_crystal():
    some = read_amcsd(30)[0]
    with tempfile.TemporaryDirectory() as folder:
        write_peak_table(some, folder)
        table = read_peak_table(folder)
    assert table.identifiers == [crystal.identifier for crystal in some] and table.names == [crystal.name for crystal in some]
    assert table.space_groups.tolist() == [crystal.space_group for crystal in some] and np.array_equal(table.cells, [crystal.cell for crystal in some])
    for index in (0, 7, len(some) - 1):
        lines, peaks = reflections(some[index]), table.peaks([index])
        assert np.array_equal(peaks.two_theta, bragg_angle(lines[0])) and peaks.offsets.tolist() == [0, len(lines[0])]
        assert np.allclose(peaks.intensity, intensities(*lines), rtol=1e-6) and peaks.intensity.max() == 1
        one = table.take([index])
        assert np.array_equal(one.d_spacing, lines[0]) and np.array_equal(one.multiplicity, lines[2])
        assert np.allclose(one.structure_factor_squared, lines[1], rtol=1e-6)


def test_the_reflections_make_the_lines():
    some = read_amcsd(60)[0]
    with tempfile.TemporaryDirectory() as folder:
        write_peak_table(some, folder)
        table = read_peak_table(folder)
    rows = [3, 0, 3, 41]
    lines, parts = table.peaks(rows), table.reflections(rows)
    assert np.array_equal(parts.cells, [some[row].cell for row in rows])
    for number, row in enumerate(rows):
        whole, part = slice(*lines.offsets[number : number + 2]), slice(*parts.offsets[number : number + 2])
        line = np.abs(parts.two_theta[part, None] - lines.two_theta[whole]).argmin(axis=1)
        assert np.abs(parts.two_theta[part] - lines.two_theta[whole][line]).max() < 2e-5
        assert np.allclose(np.bincount(line, parts.intensity[part]), lines.intensity[whole], rtol=1e-5)
        edges = np.linalg.inv(orthogonalisation_matrix(some[row].cell))
        hkl = parts.hkl[part].astype(float)
        assert np.allclose(bragg_angle(1 / np.linalg.norm(hkl @ edges, axis=1)), parts.two_theta[part], atol=2e-5)
        for rotation in parts.rotations[slice(*parts.rotation_offsets[number : number + 2])]:
            assert np.allclose(np.linalg.norm(hkl @ rotation @ edges, axis=1), np.linalg.norm(hkl @ edges, axis=1), rtol=1e-3)


def same_table(first, second):
    "Whether two peak tables hold the same."
    return all(np.array_equal(getattr(first, field.name), getattr(second, field.name)) for field in fields(PeakTable))


def test_some_of_a_table():
    with tempfile.TemporaryDirectory() as folder:
        write_peak_table(read_amcsd(30)[0], folder)
        table = read_peak_table(folder)
        chosen = table.take([5, 2, 5])
        assert chosen.names == [table.names[row] for row in (5, 2, 5)]
        for first, second in ((chosen.peaks([1]), table.peaks([2])), (chosen.reflections([1]), table.reflections([2]))):
            assert all(np.array_equal(getattr(first, field.name), getattr(second, field.name)) for field in fields(Peaks))
        assert same_table(table.take(range(len(table))), table)
        assert len(table.peaks([])) == len(table.reflections([])) == len(table.take([])) == 0
        write_peak_table([], folder)
        assert len(read_peak_table(folder)) == 0 and not list(Path(folder).glob("shard-*"))


def test_arrays_are_shared_and_tied_to_their_shards():
    with tempfile.TemporaryDirectory() as folder:
        write_peak_table(read_amcsd(30)[0], folder)
        table = read_peak_table(folder)
        assert isinstance(table.two_theta.base, np.memmap) and not table.two_theta.flags.writeable
        made = {path: path.stat().st_mtime_ns for path in (Path(folder) / "arrays").iterdir()}
        assert same_table(read_peak_table(folder), table) and all(path.stat().st_mtime_ns == when for path, when in made.items())
        write_peak_table(read_amcsd(20)[0], folder)
        assert len(read_peak_table(folder)) < len(table) == len(table.take(range(len(table))))


SALT_CIF = """data_salt
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na 0 0 0
Cl 0.5 0.5 0.5
"""


def test_tables_are_made_when_absent_or_of_other_settings():
    with tempfile.TemporaryDirectory() as folder:
        first = ensure_peak_table(folder, "amcsd", 12, progress=False)
        path = Path(folder) / "peaks" / "amcsd_12"
        made = (path / "table.json").stat().st_mtime_ns
        assert same_table(ensure_peak_table(folder, "amcsd", 12, progress=False), first)
        assert (path / "table.json").stat().st_mtime_ns == made
        write_peak_table([], path)
        assert same_table(ensure_peak_table(folder, "amcsd", 12, progress=False), first)
        (path / "table.json").write_text("no table")
        with pytest.raises(InputError, match="no peak table"):
            read_peak_table(path)
        assert same_table(ensure_peak_table(folder, "amcsd", 12, progress=False), first)


def test_a_changed_source_is_noticed():
    with tempfile.TemporaryDirectory() as folder:
        cif = Path(folder) / "salt" / "a.cif"
        cif.parent.mkdir()
        cif.write_text(SALT_CIF)
        assert ensure_peak_table(folder, cif.parent, progress=False).cells[0, 0] == 5.64
        cif.write_text(SALT_CIF.replace("5.64", "5.65"))
        assert ensure_peak_table(folder, cif.parent, progress=False).cells[0, 0] == 5.65
        (cif.parent / "b.cif").write_text(SALT_CIF)
        assert ensure_peak_table(folder, cif.parent, progress=False).cells[:, 0].tolist() == [5.65, 5.64]


def test_several_sources_are_one_table():
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "salt").mkdir()
        (Path(folder) / "salt" / "salt.cif").write_text(SALT_CIF)
        salt, minerals = (ensure_peak_table(folder, source, limit, progress=False) for source, limit in ((Path(folder) / "salt", None), ("amcsd", 12)))
        table, source, copy = ensure_mixed_table(folder, ["amcsd", Path(folder) / "salt"], [12, None], [2, 1], progress=False)
        assert source.tolist() == len(minerals) * [0] + len(minerals) // 2 * [1] and len(table) == len(source)
        assert np.flatnonzero(~copy).tolist() == list(range(len(minerals) + 1))
        for row in (0, len(minerals) - 1, len(minerals), len(table) - 1):
            single, place = (minerals, row) if row < len(minerals) else (salt, 0)
            for first, second in ((table.peaks([row]), single.peaks([place])), (table.reflections([row]), single.reflections([place]))):
                assert all(np.array_equal(getattr(first, field.name), getattr(second, field.name)) for field in fields(Peaks))
            assert table.families[row] == single.families[place] and table.space_groups[row] == single.space_groups[place]
        (Path(folder) / "both").mkdir()
        for name in ("salt", "more"):
            (Path(folder) / "both" / f"{name}.cif").write_text(SALT_CIF)
        third = ensure_mixed_table(folder, [Path(folder) / "both", Path(folder) / "salt"], shares=[1, 2.5], progress=False)
        assert third.source.tolist() == [0, 0, 1, 1, 1, 1, 1] and third.is_copy.tolist() == [False] * 3 + [True] * 4
        alone = ensure_mixed_table(folder, ["amcsd"], [12], progress=False)
        assert same_table(alone.table, minerals) and not alone.source.any() and not alone.is_copy.any()
        (Path(folder) / "empty").mkdir()
        (Path(folder) / "empty" / "nothing.cif").write_text("data_nothing\n")
        for wrong, said in ((dict(sources=[]), "one of each a source"), (dict(sources=["amcsd"], shares=[1, 2]), "one of each a source"), (dict(sources=["amcsd"], shares=[np.nan]), "one of each a source"),
                            (dict(sources=["amcsd", "amcsd"]), "different names"), (dict(sources=["amcsd", "nowhere"], limits=[13, None]), "nowhere: no source"), (dict(sources=["amcsd", Path(folder) / "empty"], limits=[12, None]), "empty: none of its crystals")):
            try:
                ensure_mixed_table(folder, **wrong, progress=False)
            except InputError as error:
                assert said in str(error), error
            else:
                raise AssertionError(wrong)
        assert not (Path(folder) / "peaks" / "amcsd_13").exists()


PROGRAM = """import argparse, sys
from difcon.peak_table import add_arguments, run
parser = argparse.ArgumentParser()
add_arguments(parser)
sys.exit(run(parser.parse_args()))"""


def command(*arguments):
    "`difcon reflections` in a process of its own, its output in pipes."
    return subprocess.Popen([sys.executable, "-c", PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def called(*arguments):
    "What the command prints when it runs in this process."
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert run(parser.parse_args([str(argument) for argument in arguments])) == 0
    return printed.getvalue()


def contents(folder):
    "All files of a table."
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}


def test_the_command_makes_a_table():
    with tempfile.TemporaryDirectory() as folder:
        printed = called("amcsd", "--limit", 100, "--shard", 16, "--out", folder)
        files, summary = contents(folder), table_summary(folder)
        assert sorted(files) == ["rejected.csv", *(f"shard-{number:05d}.parquet" for number in range(7)), "table.json"]
        rejected = files["rejected.csv"].decode().splitlines()[1:]
        assert summary["counts"]["crystals"] + len(rejected) == 100 and sum(summary["rejected"].values()) == len(rejected)
        assert f"{summary['counts']['crystals']} crystals" in printed and "100 records in" in printed
        times = {path: path.stat().st_mtime_ns for path in Path(folder).glob("shard-*")}
        called("amcsd", "--limit", 100, "--shard", 16, "--out", folder)
        assert contents(folder) == files and all(path.stat().st_mtime_ns == made for path, made in times.items())


def test_the_first_run_says_that_it_compiles():
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(io.StringIO()) as shown:
        for compiled in (True, False):
            patch.setattr(sys.modules[make_table.__module__], "are_compiled", lambda: compiled)
            called("amcsd", "--limit", 12, "--out", folder)
            assert ("compiling, once" in shown.getvalue()) != compiled
    assert are_compiled()


def test_neutrons_know_no_polarisation():
    with tempfile.TemporaryDirectory() as folder:
        called("amcsd", "--limit", 30, "--neutrons", "--out", folder)
        table = read_peak_table(folder)
    for s in range(len(table)):
        lines = slice(*table.offsets[s : s + 2])
        expected = intensities(table.d_spacing[lines], table.structure_factor_squared[lines], table.multiplicity[lines], polarisation=0.0)
        assert np.allclose(table.intensity[lines], expected, rtol=1e-5) and expected.min() > 0.99 * WEAKEST
        parts = slice(*table.reflection_offsets[s : s + 2])
        assert np.isclose(table.reflection_intensity[parts].sum(), expected.sum(), rtol=1e-4)


def test_smaller_d_spacings_are_stored_and_not_seen():
    with tempfile.TemporaryDirectory() as folder:
        tables = {}
        for d_min in (0.5, D_MIN, 1.5):
            called("amcsd", "--limit", 20, "--d-min", d_min, "--out", f"{folder}/{d_min}")
            assert table_summary(f"{folder}/{d_min}")["settings"]["d_min"] == d_min
            smallest = open_shard(shard_path(Path(folder) / str(d_min), 0)).read()["d_spacing"].to_pylist()
            assert d_min - 1e-9 <= min(map(min, smallest)) < 1.01 * d_min
            tables[d_min] = read_peak_table(f"{folder}/{d_min}")
        for row in range(len(tables[1.5])):
            near, usual, far = (tables[d_min].peaks([row]) for d_min in (0.5, D_MIN, 1.5))
            assert near.two_theta.max() <= TWO_THETA_MAX + 1e-6 and far.two_theta.max() < 62
            strong = [lines.two_theta[lines.intensity > 1e-3] for lines in (near, usual)]
            assert len(strong[0]) == len(strong[1]) and np.abs(strong[0] - strong[1]).max() < 2 * TWO_THETA_STEP
            begin = usual.two_theta[(usual.two_theta < far.two_theta.max() + 1e-6) & (usual.intensity > 1e-3)]
            assert np.isin(begin, far.two_theta).all()


def wait_for_shards(folder, count, process):
    "Wait until a process has made so many shards."
    while len(list(Path(folder).glob("shard-*"))) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)


def test_a_killed_run_goes_on():
    with tempfile.TemporaryDirectory() as folder:
        arguments = ("amcsd", "--limit", 800, "--shard", 8, "--out")
        whole, killed = Path(folder) / "whole", Path(folder) / "killed"
        process = command(*arguments, killed)
        wait_for_shards(killed, 5, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        finished = {path: path.stat().st_mtime_ns for path in killed.glob("shard-*")}
        assert 5 <= len(finished) < 100 and not (killed / "table.json").exists()
        (killed / ".shard-00099.parquet.1").write_bytes(b"what a killed run leaves")
        called(*arguments, whole)
        called(*arguments, killed)
        assert contents(killed) == contents(whole)
        assert all(path.stat().st_mtime_ns == made for path, made in finished.items())


def test_damaged_shards_are_made_again():
    with tempfile.TemporaryDirectory() as folder:
        arguments = ("amcsd", "--limit", 60, "--shard", 10, "--out", folder)
        called(*arguments)
        whole = contents(folder)
        for number, damage in enumerate((lambda data: data[:-100], lambda data: b"", lambda data: data.replace(b"X-ray", b"Y-ray"),
                                         lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:])):
            path = Path(folder) / f"shard-{number:05d}.parquet"
            path.write_bytes(damage(path.read_bytes()))
            with pytest.raises(InputError, match=f"{path.name}: damaged"):
                read_peak_table(folder)
            called(*arguments)
            assert contents(folder) == whole


def test_a_full_disk():
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        arguments = ("amcsd", "--limit", 60, "--shard", 10, "--out")
        whole, cut = Path(folder) / "whole", Path(folder) / "cut"
        called(*arguments, whole)
        write, written = Path.write_bytes, []

        def write_until_full(path, data):
            written.append(path)
            if len(written) > 3:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            return write(path, data)

        patch.setattr(Path, "write_bytes", write_until_full)
        with pytest.raises(InputError, match="No space left on device; finished shards are kept"):
            called(*arguments, cut)
        patch.undo()
        finished = {path: path.stat().st_mtime_ns for path in cut.iterdir()}
        assert len(finished) == 3 and all(path.name in contents(whole) for path in finished)
        called(*arguments, cut)
        assert contents(cut) == contents(whole)
        assert all(path.stat().st_mtime_ns == made for path, made in finished.items())


def test_mistakes():
    with tempfile.TemporaryDirectory() as folder:
        called("amcsd", "--limit", 12, "--out", folder)
        (Path(folder) / "file").touch()
        (Path(folder) / "bad").mkdir()
        for name in ("a.cif", "b.cif"):
            (Path(folder) / "bad" / name).write_text("no CIF at all")
        (Path(folder) / "polonium.cif").write_text(SALT_CIF.replace("Na 0", "Po 0"))
        for arguments, message in {
            ("amcsd", "--limit", 13, "--out", folder): "another peak table .*records.* 12 there, 13 wanted",
            ("amcsd", "--limit", 12, "--neutrons", "--out", folder): "radiation X-ray there, neutron wanted",
            ("amcsd", "--out", f"{folder}/file"): "file: cannot be made a folder",
            ("amcsd", "--out", "/proc/none/table"): "/proc/none/table: cannot be made a folder",
            ("no-such-source", "--out", folder): "no-such-source",
            (f"{folder}/bad", "--out", f"{folder}/empty"): "bad: none of 2 records can be used; the first: a.*: the file is damaged, too large or no CIF",
            (f"{folder}/polonium.cif", "--neutrons", "--out", f"{folder}/silent"): "none of 1 records can be used; .*no neutron scattering length .*Po",
            ("amcsd", "--workers", 0, "--out", folder): "--workers 0: give 1 or more",
            **{("amcsd", "--d-min", d_min, "--out", folder): f"--d-min {d_min}: give 0.3 to 3.0 Å" for d_min in (0.0, -1.0, 0.29, 4.0, "nan", "inf")},
            ("amcsd", "--limit", 12, "--d-min", 0.8, "--out", folder): "d_min 0.89.* there, 0.8 wanted",
            ("amcsd", "--limit", 12, "--scheduler", "tcp://127.0.0.1:9", "--out", folder): "127.0.0.1:9: no Dask scheduler",
            ("amcsd", "--limit", 12, "--scheduler", "nonsense:", "--out", folder): "nonsense:: no Dask scheduler",
        }.items():
            with pytest.raises(InputError, match=message):
                called(*arguments)
        with pytest.raises(InputError, match="no peak table"):
            read_peak_table(Path(folder) / "nothing")


def test_a_killed_worker_changes_nothing():
    with tempfile.TemporaryDirectory() as folder:
        arguments = ("amcsd", "--limit", 800, "--shard", 8, "--out")
        whole, killed = Path(folder) / "whole", Path(folder) / "killed"
        process = command(*arguments, killed, "--workers", 2)
        wait_for_shards(killed, 5, process)
        workers = [child for child in psutil.Process(process.pid).children(recursive=True) if "spawn_main" in " ".join(child.cmdline())]
        workers[0].kill()
        printed, errors = process.communicate()
        assert process.returncode == 0 and len(workers) == 2, errors
        assert "800 records in" in printed and "Traceback" not in errors, errors
        called(*arguments, whole)
        assert contents(killed) == contents(whole)


def test_a_deadly_shard():
    dask = from_extra("dask", "cluster")


    class Deadly(CrystalList):
        def read(self, chosen):
            os._exit(1)


    source = Deadly(read_amcsd(2)[0])
    with tempfile.TemporaryDirectory() as folder, dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        with pytest.raises(InputError, match="shard 0: the workers that had it died"):
            make_table(source, folder, table_settings(source), workers=1)


def test_a_running_cluster_is_used():
    distributed = from_extra("distributed", "cluster")
    with tempfile.TemporaryDirectory() as folder:
        with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, protocol="tcp://", host="127.0.0.1",
                                      dashboard_address=None, silence_logs=logging.CRITICAL) as cluster:
            called("amcsd", "--limit", 40, "--shard", 8, "--out", Path(folder) / "cluster", "--scheduler", cluster.scheduler_address)
        called("amcsd", "--limit", 40, "--shard", 8, "--out", Path(folder) / "threads")
        assert contents(Path(folder) / "cluster") == contents(Path(folder) / "threads")
