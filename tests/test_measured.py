# Generated from nbs/50_measured.ipynb; edit the notebook, then run make export.
from difcon.augment.binning import BIN_WIDTH
from difcon.augment.binning import two_theta_grid
from difcon.measured import Pattern, check_points, checked_wavelength, is_header, numbers_of, read_measured_set, read_pattern, read_rows, to_bins, to_reference_wavelength, wavelength_in
from difcon.project import InputError
from difcon.project import needs_data
from difcon.reflections import WAVELENGTH
from difcon.reflections import bragg_angle
from difcon.reflections import d_spacing
from pathlib import Path
import numpy as np
import pandas as pd
import pytest
import tempfile


def test_wavelengths_of_headers():
    assert wavelength_in("##X-RAY WAVELENGTH=1.541838") == 1.541838
    assert wavelength_in('*MEAS_COND_XG_WAVE_LENGTH_ALPHA1 "1.540593"') == 1.540593
    assert wavelength_in("_diffrn_radiation_wavelength   0.413671") == 0.413671
    assert wavelength_in('<kAlpha1 unit="Angstrom">1.5405980</kAlpha1>') == 1.540598
    assert wavelength_in("K-Alpha1 wavelength,1.7890\nK-Alpha2 wavelength,1.7929") == 1.789
    assert wavelength_in("_WL1 = 0.709300") == 0.7093
    assert wavelength_in("! wavelength (Å): 0,7107") == 0.7107
    assert wavelength_in("# lambda [nm] = 0.15418") == wavelength_in("λ = 0.15418 nm") == pytest.approx(1.5418)
    assert wavelength_in("lambda detector 750K") is None
    assert wavelength_in("measured on 1.5.2024") is None


def test_impossible_wavelengths():
    assert checked_wavelength(0.7107, "a.xy") == 0.7107
    for wrong in (None, 0.0, -1.5, 154.06, float("nan")):
        with pytest.raises(InputError, match=r"a\.xy: .*wavelength .*1\.5406"):
            checked_wavelength(wrong, "a.xy")


def test_rows():
    assert numbers_of("5.02; 131") == numbers_of(" 5.02,131,") == [5.02, 131]
    for row, problem in (("5,02 13,1", "decimal commas"), ("5,02;13", "decimal commas"), ("5.02 quartz", "not all numbers"),
                         ("5.02", "1 column;"), ("5,02,13,1", "4 columns"), ("5.02 nan", "not finite"), ("inf 3", "not finite")):
        with pytest.raises(ValueError, match=problem):
            numbers_of(row)


def test_headers():
    assert is_header("2Theta Intensity") and is_header("2θ,I") and is_header("Angle, PSD") and is_header("nan nan")
    assert not is_header("5.02 131") and not is_header("-1.0 3") and not is_header(".5 3") and not is_header("5.02x 131")


def test_rows_of_a_file():
    values, rows, others = read_rows("# lambda = 1.5406\n\n2theta counts\n5.00 131 3\n5.02 127 3\n##END=\n", "a.xy")
    assert values.tolist() == [[5.0, 131.0], [5.02, 127.0]] and rows.tolist() == [4, 5] and "1.5406" in others
    for text, problem in (("5 1\n6 two\n", "a.xy, row 2: '6 two'"), ("x y\n5 1\nend of scan\n", "a.xy, row 3: 'end of scan'"),
                          ("5 1\n6 1 1\n", "a.xy, row 2: 3 columns where the rows above have 2"), ("5,0 1\n", "a.xy, row 1: decimal commas")):
        with pytest.raises(InputError, match=problem):
            read_rows(text, "a.xy")


def test_what_a_pattern_must_be():
    angles, counts, rows = np.linspace(5, 90, 50), np.arange(50.0), np.arange(3, 53)
    check_points(angles, counts, rows, "a.xy")
    repeated, not_finite = angles.copy(), counts.copy()
    repeated[7], not_finite[4] = repeated[6], np.nan
    for given, problem in (((angles[::-1], counts), r"row 4: 2θ falls from 90° to .*sort"), ((repeated, counts), "row 10: .*repeats"),
                           ((angles - 6, counts), "row 3: 2θ = -1° is outside"), ((angles * 3, counts), "row .*outside 0 to 180"),
                           ((angles, not_finite), "row 7: a value is not finite"), ((angles, 0 * counts), "nowhere above 0"),
                           ((angles[:19], counts[:19]), "only 19 points"), ((angles[:0], counts[:0]), "no row of numbers")):
        with pytest.raises(InputError, match=f"^a.xy.*{problem}"):
            check_points(*given, rows, "a.xy")


def example_lines(two_theta, lines=((15.1, 0.3), (21.8, 1.0), (30.9, 0.55), (36.2, 0.12), (44.4, 0.05)), width=0.12):
    "A pattern of a few Gaussian lines (position, height)."
    return sum(height * np.exp(-(((two_theta - line) / width) ** 2)) for line, height in lines)


def example_file(folder, name="a.xy", header="# wavelength = 1.5406\n", separator=" "):
    "A file with a pattern from 5° to 60° in steps of 0.02°."
    two_theta = np.arange(5, 60, 0.02).round(2)
    rows = (f"{angle:.2f}{separator}{count:.4f}" for angle, count in zip(two_theta, 100 * example_lines(two_theta) + 10))
    path = Path(folder) / name
    path.write_text(header + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_text_files_round_trip():
    expected = np.arange(5, 60, 0.02)
    with tempfile.TemporaryDirectory() as folder:
        for name, header, separator in (("a.xy", "# wavelength = 1.5406\n", " "), ("b.csv", "2theta,intensity (wavelength 1.5406)\n", ","),
                                        ("c.txt", "\ufeff##X-RAY WAVELENGTH=1.5406\n", ", "), ("d.DAT", "Lambda: 1.5406\n\n", "\t")):
            read = read_pattern(example_file(folder, name, header, separator))
            assert read.wavelength == 1.5406 and read.name.endswith(name)
            assert np.allclose(read.two_theta, expected)
            assert np.allclose(read.intensity, 100 * example_lines(expected) + 10, atol=1e-4)
        assert read_pattern(example_file(folder), wavelength=0.7107).wavelength == 0.7107


def test_unreadable_files():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        good = example_file(folder).read_text()
        for content, problem in ((b"", "empty"), (b" \n\n", "empty"), (b"\0\1\2", "not a text file"), (b"quartz, Tuesday\n", "no row of numbers"),
                                 (good.replace("# wavelength = 1.5406\n", "").encode(), "no wavelength.*--wavelength"),
                                 (good.replace("10.00 ", "four ").encode(), "row 252: 'four"), (good.replace("\n10.00 ", "\n1.00 ").encode(), "row 252: 2θ falls"),
                                 (good.replace(" ", "\t").replace(".", ",").encode(), "row 2: decimal commas")):
            path = folder / "pattern.xy"
            path.write_bytes(content)
            with pytest.raises(InputError, match=problem) as caught:
                read_pattern(path)
            assert str(path) in str(caught.value) and "\n" not in str(caught.value)
        for path, problem in ((folder / "absent.xy", "no such file"), (folder, "a folder")):
            with pytest.raises(InputError, match=problem):
                read_pattern(path, wavelength=1.5406)


def example_xrdml(folder):
    "A Panalytical file with lines between 10° and 50° in steps of 0.05°."
    two_theta = np.linspace(10, 50, 801)
    counts = " ".join(f"{round(count)}" for count in 1000 * example_lines(two_theta) + 20)
    path = Path(folder) / "scan.xrdml"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<xrdMeasurements xmlns="http://www.xrdml.com/XRDMeasurement/1.5" status="Completed">\n'
        '<xrdMeasurement measurementType="Scan" status="Completed"><usedWavelength intended="K-Alpha 1">'
        '<kAlpha1 unit="Angstrom">1.5405980</kAlpha1><kAlpha2 unit="Angstrom">1.5444260</kAlpha2></usedWavelength>\n'
        '<scan appendNumber="0" mode="Continuous" scanAxis="Gonio" status="Completed"><dataPoints>'
        '<positions axis="2Theta" unit="deg"><startPosition>10.0</startPosition><endPosition>50.0</endPosition></positions>'
        f'<commonCountingTime unit="seconds">1.0</commonCountingTime><intensities unit="counts">{counts}</intensities>'
        "</dataPoints></scan></xrdMeasurement></xrdMeasurements>\n", encoding="utf-8")
    return path


def test_diffractometer_files():
    with tempfile.TemporaryDirectory() as folder:
        read = read_pattern(example_xrdml(folder))
        assert read.wavelength == 1.540598
        assert np.allclose(read.two_theta, np.linspace(10, 50, 801))
        assert np.allclose(read.intensity, 1000 * example_lines(read.two_theta) + 20, atol=0.5)
        (Path(folder) / "broken.xrdml").write_text("<xrdMeasurements></xrd")
        with pytest.raises(InputError, match=r"broken\.xrdml: cannot be read as \.xrdml"):
            read_pattern(Path(folder) / "broken.xrdml")


def test_conversion_keeps_the_spacing():
    spacings = np.array([12.0, 3.34, 1.54, 1.0, 0.9, 0.85, 0.8])
    for wavelength in (0.5594, 0.7107, 1.5406):
        converted = to_reference_wavelength(bragg_angle(spacings, wavelength), wavelength)
        assert np.allclose(d_spacing(converted[:5], WAVELENGTH), spacings[:5], rtol=1e-12)
        assert np.isnan(converted[5:]).all()
    assert np.allclose(to_reference_wavelength(np.arange(0.0, 120), WAVELENGTH), np.arange(0.0, 120))


def test_bins_keep_area_and_maximum():
    for step in (0.001, 0.0037, 0.01, 0.02, 0.03):
        two_theta = np.arange(10, 50, step)
        intensity = example_lines(two_theta)
        bins = to_bins(Pattern("lines", two_theta, intensity, WAVELENGTH))
        assert np.isclose(bins.sum() * BIN_WIDTH, np.trapezoid(intensity, two_theta), rtol=1e-5)
        assert abs(bins.max() - intensity.max()) < 0.01
        assert bins.dtype == np.float32 and not bins[:999].any() and not bins[5001:].any()


def test_bins_of_straight_lines_are_exact():
    two_theta = np.sort(np.random.default_rng(0).uniform(10, 80, 3000))
    two_theta[[0, -1]] = 10, 80
    bins = to_bins(Pattern("straight", two_theta, 3 * two_theta + 2, WAVELENGTH))
    assert np.allclose(bins[1000:8000], 3 * two_theta_grid()[1000:8000] + 2, rtol=1e-6)


def test_lines_move_with_the_wavelength():
    spacings = np.array([5.0, 3.0, 2.0, 1.5])
    for wavelength in (0.7107, 1.7890):
        two_theta = np.arange(3, 85, 0.01)
        lines = example_lines(two_theta, [(angle, 1) for angle in bragg_angle(spacings, wavelength)], 0.05)
        bins = to_bins(Pattern("lines", two_theta, lines, wavelength))
        for angle in bragg_angle(spacings, WAVELENGTH):
            place = int(angle / BIN_WIDTH)
            assert abs(place - 20 + bins[place - 20 : place + 21].argmax() - place) <= 1
    with pytest.raises(InputError, match="nothing lies within 0 to 120° at 1.5418 Å"):
        to_bins(Pattern("far", np.linspace(100, 150, 50), np.ones(50), 0.5))


def test_a_small_measured_set():
    row = {"id": "quartz", "two_theta": np.linspace(5, 90, 100), "intensity": np.arange(100.0), "wavelength_A": 1.5406,
           "spacegroup_number": 154, "recommended": True}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.parquet"
        with pytest.raises(InputError, match="no such file; set DIFCON_DATA"):
            read_measured_set(path)
        pd.DataFrame([row, row | {"id": "film", "recommended": False}]).to_parquet(path)
        only, = read_measured_set(path)
        assert (only.name, only.space_group, only.wavelength) == ("quartz", 154, 1.5406)
        assert np.allclose(only.two_theta, row["two_theta"]) and np.allclose(only.intensity, row["intensity"])
        assert [pattern.name for pattern in read_measured_set(path, recommended=False)] == ["quartz", "film"]
        pd.DataFrame([row | {"wavelength_A": np.nan}]).to_parquet(path)
        with pytest.raises(InputError, match=r"row 1 \(quartz\).*wavelength"):
            read_measured_set(path)
        pd.DataFrame([{"id": "quartz"}]).to_parquet(path)
        with pytest.raises(InputError, match="set.parquet: no column intensity, recommended"):
            read_measured_set(path)
        path.write_text("not a table")
        with pytest.raises(InputError, match="set.parquet: not a parquet file"):
            read_measured_set(path)


@needs_data("measured/measured_patterns.parquet")
def test_the_whole_measured_set():
    "Every recommended pattern can be binned."
    patterns = read_measured_set()
    assert len(patterns) == len({pattern.name for pattern in patterns}) == 576
    assert all(1 <= pattern.space_group <= 230 for pattern in patterns)
    for pattern in patterns[::20]:
        assert to_bins(pattern).max() > 0
