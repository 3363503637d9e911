# Generated from nbs/19_draws.ipynb; edit the notebook, then run make export.
from difcon.augment.draws import ROWS, checked_seeds, for_each_row, hypercube_draws, in_threads, normal_quantile, poisson_quantile, uniform_draws
from difcon.project import InputError
import numpy as np
import scipy.stats


def test_consecutive_seeds_fill_every_stratum_once_and_stand_alone():
    draws = hypercube_draws(np.arange(5 * ROWS, 6 * ROWS), 3)
    assert all(np.array_equal(np.sort(np.floor(ROWS * column)), np.arange(ROWS)) for column in draws.T)
    assert np.array_equal(hypercube_draws(np.array([5 * ROWS + 17]), 3)[0], draws[17])


def test_wrong_seeds_are_errors():
    for seeds in ([-1, 0], [0.5, 1], [[1, 2]]):
        try:
            checked_seeds(seeds)
        except InputError as error:
            assert str(error).startswith("seeds:")
        else:
            raise AssertionError(seeds)
    assert checked_seeds(range(3)).dtype == np.int64


def test_draws_are_uniform_and_of_their_own():
    with np.errstate(over="ignore"):
        draws = np.array([[uniform_draws(np.int64(seed), stream, 500) for stream in range(4)] for seed in range(20)])
        longer = uniform_draws(np.int64(0), 0, 600)
    assert draws.min() >= 0 and draws.max() < 1
    assert np.array_equal(longer[:500], draws[0, 0])
    assert np.ptp(np.histogram(draws, 20, (0, 1))[0] / draws.size * 20) < 0.15
    correlation = np.corrcoef(draws.reshape(80, 500)) - np.eye(80)
    assert np.abs(correlation).max() < 0.25


def test_normal_quantile_is_that_of_scipy():
    uniform = np.linspace(0.001, 0.999, 500, dtype=np.float32)
    found = np.array([normal_quantile(value) for value in uniform])
    assert np.abs(found - scipy.stats.norm.ppf(uniform)).max() < 2e-3
    even = (np.arange(100_000, dtype=np.float32) + np.float32(0.5)) / np.float32(100_000)
    found = np.array([normal_quantile(value) for value in even])
    assert abs(found.mean()) < 1e-4 and abs(found.std() - 1) < 2e-3


def test_counts_follow_the_poisson_distribution():
    uniform = (np.arange(20_000, dtype=np.float32) + np.float32(0.5)) / np.float32(20_000)
    for level, allowed in ((0.3, 1e-4), (5.0, 1e-4), (11.9, 1e-4), (12.0, 5e-3), (80.0, 5e-3), (3000.0, 5e-3)):
        found = np.array([poisson_quantile(np.float32(level), value) for value in uniform])
        places = np.arange(found.min(), found.max() + 1)
        reached = np.searchsorted(np.sort(found), places, side="right") / len(found)
        assert np.abs(reached - scipy.stats.poisson.cdf(places, level)).max() < allowed, level
        assert abs(found.mean() - level) < 0.01 * np.sqrt(level) + 0.005 and abs(found.var() / level - 1) < 0.02


def test_pieces_of_threads_cover_every_row_once():
    done = np.zeros(7, int)


    def mark(first, last):
        done[first:last] += 1


    in_threads(mark, 7)
    assert np.all(done == 1)
    assert for_each_row(lambda row: row**2, 7) == [row**2 for row in range(7)]
