# Generated from nbs/20_simulation.ipynb; edit the notebook, then run make export.
from difcon.augment.background_noise import background_noise
from difcon.augment.binning import BINS
from difcon.augment.binning import BIN_WIDTH
from difcon.augment.draws import ROWS
from difcon.augment.draws import latin_hypercube
from difcon.augment.draws import uniform_draws
from difcon.augment.impurity_peaks import impurity_peaks
from difcon.augment.intensity_noise import intensity_noise
from difcon.augment.pattern_cropping import pattern_cropping
from difcon.augment.peak_cropping import peak_cropping
from difcon.augment.position_noise import position_noise
from difcon.augment.profile import add_peaks
from difcon.augment.profile import full_width
from difcon.augment.profile import profile_table
from difcon.augment.zero_shift import zero_shift
from difcon.laboratory import LAB
from difcon.project import InputError
from difcon.reflections import Peaks
from difcon.simulation import DRAWN, GENTLEST, Preset, RECORD, TABLE1, TABLE1_TEST, TABLE1_TRAINING, Variable, disturbed_peaks, preset_named, read_preset, sample_parameters, simulate, simulate_table1, two_views
from pathlib import Path
import numba
import numpy as np
import tempfile
import torch


def test_presets_are_read_from_yaml():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine.yaml"

        def reading(text):
            path.write_text(text)
            return read_preset(path)

        preset = reading("base: lab\nname: cobalt\nanodes: {Co: 1}\nvariables:\n  texture_share: 0\n  counts: [1000, 2000]\n")
        assert preset.anodes == {"Co": 1} and preset.variables["counts"] == (1000, 2000) and preset.variables["kalpha2"] == LAB.variables["kalpha2"]
        preset = reading("base: table1/training\nvariables: {zero_shift: [0, 0.1]}\nu_range: [0, 1]\n")
        assert preset.variables["zero_shift"] == Variable(0, 0.1, symmetric=True, unit="°", meaning="shift of all peaks", limits=(0, 5)) and preset.u_range == (0, 1)
        for text, word in (("base: lap", "lap"), ("variables: {}", "base"), ("base: lab\nvariables: {strian: 1}", "strian"), ("base: lab\nu_range: [0, 1]", "u_range"),
                           ("base: lab\nvariables: {strain: [0, 9]}", "strain"), ("base: lab\nvariables: {strain: much}", "much"),
                           ("base: table1/test\nvariables: {zero_shfit: [0, 1]}", "zero_shfit"), ("base: table1/test\nu_range: [0, 7]", "u_range"), (": [", "YAML"),
                           ("base: [lab]", "unknown preset"), ("base: lab\nvariables: 3", "no mapping"), ("base: lab\nvariables: {strain: []}", "0 numbers"),
                           ("base: table1/test\nvariables: {eta: [0, 0.1, 1]}", "3 numbers"), ("base: table1/test\nvariables: {eta: [0, 3]}", "eta 0 to 3"),
                           ("base: table1/test\nvariables: {white_noise: .nan}", "white_noise nan"), ("base: table1/test\nvariables: {impurity_count: [0, -5]}", "impurity_count"),
                           ("base: table1/test\nvariables: {pattern_low: [0, 110]}", "at least 1°"), ("base: lab\nanodes: Cu", "anodes"),
                           ("base: lab\nanodes: {Cu: .nan}", "weight above 0"), ("base: table1/test\nu_range: 7", "u_range"), ("base: lab\nvariables: {wavelength: 0.7}", "wavelength")):
            try:
                reading(text)
            except InputError as error:
                assert word in str(error), error
            else:
                raise AssertionError(text)


def test_unknown_names_and_ranges_are_errors():
    def message_of(function, *arguments):
        try:
            function(*arguments)
        except InputError as error:
            return str(error)
        raise AssertionError("no error")


    assert "table1/training, table1/test" in message_of(preset_named, "table2")
    assert "zero_shfit" in message_of(Preset, "mine", {"zero_shfit": Variable(0, 1)})
    assert "zero_shift, position_noise" in message_of(Preset, "mine", {"zero_shfit": Variable(0, 1)})
    assert "u_range" in message_of(Preset, "mine", {}, (0.5, 1.5))
    assert preset_named("table1/test") is TABLE1_TEST


def test_consecutive_seeds_fill_every_stratum_once():
    draws = {name: np.sort(np.floor(ROWS * column)) for name, column in zip(DRAWN, latin_hypercube(3, len(DRAWN)).T)}
    assert all(np.array_equal(strata, np.arange(ROWS)) for strata in draws.values())
    parameters = sample_parameters(np.arange(5 * ROWS, 6 * ROWS), TABLE1_TRAINING)
    for name, values in parameters.items():
        variable = TABLE1[name]
        harshest = variable.value(0.7)
        gentlest = -harshest if variable.symmetric else variable.gentlest
        if variable.step is None:
            strata = np.sort(np.floor(ROWS * (values - gentlest) / (harshest - gentlest) + 1e-9))
            assert np.array_equal(strata, np.arange(ROWS)), name
        else:
            assert np.ptp(np.bincount(values.astype(int))) <= 1


def test_training_and_test_ranges_are_disjoint_for_every_variable():
    training = sample_parameters(np.arange(4 * ROWS), TABLE1_TRAINING)
    test = sample_parameters(np.arange(4 * ROWS), TABLE1_TEST)
    for name, variable in TABLE1.items():
        if name == "impurity_height":  # drawn for each peak: see disturbed_peaks
            continue
        first, second = np.abs(training[name]), np.abs(test[name])
        if name == "v":
            first, second = training[name], test[name]
        rising = variable.harshest > variable.gentlest
        assert first.max() < second.min() if rising else first.min() > second.max(), name
        low, high = min(variable.gentlest, variable.harshest), max(variable.gentlest, variable.harshest)
        assert np.all((second >= low) & (second <= high)) and np.all((first >= low) & (first <= high))
    assert set(training["impurity_count"]) == {0, 1, 2, 3, 4} and set(test["impurity_count"]) == {5, 6}


def test_parameters_depend_on_the_seed_alone():
    seeds = np.array([7, 5000, 3, 1 << 40, 7])
    together = sample_parameters(seeds, TABLE1_TEST)
    for row, number in enumerate(seeds):
        alone = sample_parameters([number], TABLE1_TEST)
        assert all(alone[name][0] == together[name][row] for name in DRAWN)
    assert together["eta"][0] == together["eta"][4] and len(set(together["eta"])) == 4


def test_impurity_heights_of_training_and_test_are_disjoint():
    drawn = {}
    for preset in (TABLE1_TRAINING, TABLE1_TEST):
        limits = TABLE1["impurity_height"].value(np.array(preset.u_range))
        given = np.zeros((), RECORD)[()].view(np.recarray)
        given.peak_high, given.impurity_count = 120, 3000
        with np.errstate(over="ignore"):
            angles, heights = disturbed_peaks(np.array([20.0, 50.0]), np.array([0.4, 1.0]), given, limits, np.int64(5))
        assert len(angles) == 3002 and np.allclose(heights[:2], [0.4, 1])
        assert np.all((angles >= 0) & (angles <= 120))
        drawn[preset.name] = heights[2:]
        assert np.allclose([heights[2:].min(), heights[2:].max()], limits, atol=2e-4)
    training, test = drawn["table1/training"], drawn["table1/test"]
    split = TABLE1["impurity_height"].value(0.7)
    assert np.isclose(split, 0.038) and training.max() < split <= test.min()
    assert training.min() >= 0.01 and test.max() <= 0.05


def made_up_peaks(seed=0, lengths=(40, 0, 7, 1, 120)):
    "Peak lists of some lengths, between 26° and 98° so that no crop takes a peak."
    generator = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    two_theta = generator.uniform(26, 98, offsets[-1])
    intensity = generator.random(offsets[-1]).astype(np.float32) ** 3
    for first, last in zip(offsets[:-1], offsets[1:]):
        intensity[first:last] /= intensity[first:last].max(initial=1e-9)
    return Peaks(two_theta, intensity, offsets)


def one_list(peaks, row):
    "One of several peak lists."
    chosen = slice(peaks.offsets[row], peaks.offsets[row + 1])
    number = peaks.offsets[row + 1] - peaks.offsets[row]
    return Peaks(peaks.two_theta[chosen], peaks.intensity[chosen], np.array([0, number]))


def test_same_seed_same_pattern_whatever_the_batch_and_the_threads():
    peaks, seeds = made_up_peaks(), np.array([11, 5, 2048, 3, 77])
    threads = numba.get_num_threads()
    together, _ = simulate(peaks, TABLE1_TRAINING, seeds)
    for number in range(1, numba.config.NUMBA_NUM_THREADS + 1):
        numba.set_num_threads(number)
        assert torch.equal(simulate(peaks, TABLE1_TRAINING, seeds)[0], together)
    numba.set_num_threads(threads)
    for row in (4, 2, 0, 1, 3):
        assert torch.equal(simulate(one_list(peaks, row), TABLE1_TRAINING, seeds[row : row + 1])[0][0], together[row])
    assert not torch.equal(simulate(peaks, TABLE1_TRAINING, seeds + 1)[0][0], together[0])


def test_table1_is_frozen():
    FROZEN = {
        "table1/training": ([67.109, 16.56, 50.675, 17.96, 189.0], [-2.494, 7.956, 0.43, -2.883, -1.315], [2718, 6803, 4916, 7085, 9275],
                            [-0.00739, -0.01643, 0.00188, 0.00389, -0.00813]),
        "table1/test": ([361.754, 145.15, 132.961, 62.194, 831.341], [-3.761, 78.118, -2.266, -0.124, -14.413], [9324, 6800, 4914, 7082, 9290],
                        [0.00075, -0.03755, 0.01438, 0.00616, 0.00985]),
    }
    for name, (sums, weighted, places, values) in FROZEN.items():
        patterns = simulate(made_up_peaks(), preset_named(name), [11, 5, 2048, 3, 77])[0].double()
        assert np.allclose(patterns.sum(1), sums, rtol=1e-3, atol=0.05)
        assert np.allclose(patterns @ torch.cos(torch.arange(BINS) * 0.01).double(), weighted, atol=0.05)
        assert patterns.argmax(1).tolist() == places
        assert np.allclose(patterns[:, 7321], values, atol=1e-3)


def test_values_lie_between_a_little_below_zero_and_one():
    for preset in (TABLE1_TRAINING, TABLE1_TEST):
        patterns, _ = simulate(made_up_peaks(lengths=(60,) * 32), preset, np.arange(32))
        assert patterns.shape == (32, BINS) and patterns.dtype == torch.float32
        assert torch.isfinite(patterns).all()
        assert torch.all(patterns.amax(1) == 1)
        assert patterns.min() > -0.06


def test_empty_peak_lists_and_empty_batches_hold_no_nan():
    empty = made_up_peaks(lengths=(0, 0, 0))
    patterns, _ = simulate(empty, TABLE1_TEST, [0, 1, 2])
    assert torch.isfinite(patterns).all() and patterns.max() <= 1
    assert not simulate(empty, GENTLEST, [0, 1, 2])[0].any()
    assert simulate(made_up_peaks(lengths=()), TABLE1_TRAINING, [])[0].shape == (0, BINS)


def test_gentlest_parameters_give_the_lines_back():
    peaks = Peaks(np.array([10.005, 30.305, 70.805]), np.array([0.2, 1.0, 0.5], np.float32), np.array([0, 3]))
    pattern = simulate(peaks, GENTLEST, [0])[0][0].numpy()
    lines = (peaks.two_theta / BIN_WIDTH).astype(int)
    assert np.allclose(pattern[lines], peaks.intensity, atol=1e-4)
    areas = np.array([pattern[line - 2 : line + 3].sum() for line in lines])
    assert np.allclose(areas / areas.max(), peaks.intensity, atol=1e-4)
    pattern[np.concatenate([lines + step for step in range(-2, 3)])] = 0
    assert pattern.max() < 1e-4


def test_simulation_equals_its_operations_one_after_the_other():
    peaks, one = made_up_peaks(lengths=(30,)), np.array([123])
    pattern, given = simulate(peaks, TABLE1_TRAINING, one)
    given = {name: values[0] for name, values in given.items()}
    with np.errstate(over="ignore"):
        draws = [uniform_draws(one[0], stream, 30) for stream in range(2)]
        count = int(given["impurity_count"])
        where, how_high = (uniform_draws(one[0], stream, count) for stream in (2, 3))
        noise = [uniform_draws(one[0], stream, BINS) for stream in (4, 5)]
    angles = position_noise(zero_shift(peaks.two_theta, given["zero_shift"]), given["position_noise"], draws[0])
    heights = peak_cropping(angles, peaks.intensity, given["peak_low"], given["peak_high"])
    heights = intensity_noise(heights, given["intensity_noise"], draws[1])
    angles, heights = impurity_peaks(angles, heights / heights.max(), 120 * where, 0.01 + 0.028 * how_high)
    slow = np.zeros(BINS, np.float32)
    widths = full_width(angles, *(given[name] for name in ("u", "v", "w", "p", "dilation")))
    add_peaks(slow, angles, heights, widths, profile_table(given["eta"], given["rho"]))
    slow = background_noise(slow / slow.max(), given["white_noise"], given["proportional_noise"], *noise)
    slow = pattern_cropping(slow, given["pattern_low"], given["pattern_high"])
    assert np.allclose(pattern[0].numpy(), slow / slow.max(), atol=1e-5)


def test_a_device_gives_the_same_patterns():
    peaks, seeds = made_up_peaks(), np.array([11, 5, 2048, 3, 77])
    for preset in (TABLE1_TRAINING, TABLE1_TEST, GENTLEST):
        wanted, parameters = simulate_table1(peaks, preset, seeds)
        for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
            found, same = simulate_table1(peaks, preset, seeds, torch.device(device))
            assert (found.cpu() - wanted).abs().max() < 1e-4 and wanted.max() == 1
            assert all(np.array_equal(values, same[name]) for name, values in parameters.items())
    assert simulate_table1(made_up_peaks(lengths=()), TABLE1_TRAINING, np.zeros(0, np.int64), torch.device("cpu"))[0].shape == (0, BINS)
    try:
        simulate(peaks, LAB, seeds, device="cuda:99")
    except InputError as error:
        assert "cuda:99" in str(error)
    else:
        raise AssertionError("a device that is not there")


def test_wrong_seeds_are_errors():
    peaks = made_up_peaks()
    for seeds in ([1, 2], [-1, 0, 1, 2, 3], [0.5, 1, 2, 3, 4], [[1, 2, 3, 4, 5]]):
        try:
            simulate(peaks, TABLE1_TRAINING, seeds)
        except InputError as error:
            assert str(error).startswith("seeds:")
        else:
            raise AssertionError(seeds)
    try:
        two_views(peaks, TABLE1_TRAINING, range(5), [9, 9, 9, 3, 9])
    except InputError as error:
        assert "second_seeds" in str(error)
    else:
        raise AssertionError("equal views")
    first, second = two_views(peaks, TABLE1_TRAINING, range(5), range(5, 10))
    assert not torch.equal(first, second)
    assert torch.equal(simulate(peaks, "table1/training", range(5))[0], simulate(peaks, TABLE1_TRAINING, range(5))[0])
    for arguments, options, word in (((peaks, "lap", range(5)), {}, "lap"), ((peaks, TABLE1_TEST, range(5)), {"accurate": True}, "accurate"), ((peaks, LAB, range(5), "abacus"), {}, "abacus")):
        try:
            simulate(*arguments, **options)
        except InputError as error:
            assert word in str(error)
        else:
            raise AssertionError(word)
