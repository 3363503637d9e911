# Generated from nbs/04_peak_table.ipynb; edit the notebook, then run make export.
from dataclasses import fields
from difcon.peak_table import PeakTable, ensure_peak_table, gather, peak_table_settings, read_peak_table, write_peak_table
from difcon.project import InputError
from difcon.reflections import WAVELENGTH
from difcon.reflections import bragg_angle
from difcon.reflections import intensities
from difcon.reflections import reflections
from difcon.structures import read_amcsd
from pathlib import Path
import numpy as np
import pytest
import tempfile


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
