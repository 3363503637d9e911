# Generated from nbs/33_cnn_aug.ipynb; edit the notebook, then run make export.
from difcon.models.cnn_aug import pattern_seeds
from difcon.project import InputError
import numpy as np


def test_static_seeds_are_the_same_in_every_epoch():
    structures = np.arange(3000)
    first, second = pattern_seeds(structures, 0), pattern_seeds(structures, 1)
    assert np.array_equal(first, pattern_seeds(structures, 0)) and len(np.union1d(first, second)) == 6000
    shuffled = np.random.default_rng(0).permutation(structures)
    assert np.array_equal(pattern_seeds(shuffled, 1), second[shuffled])
    assert np.array_equal(pattern_seeds(structures, np.ones(3000, int)), second)


def test_augmented_seeds_never_repeat():
    structures = np.arange(0, 5000, 7)
    every = [pattern_seeds(structures, view, epoch, stream) for view in (0, 1) for epoch in (None, 0, 1, 500) for stream in (0, 3)]
    assert len(np.unique(every)) == 16 * len(structures)
    assert np.min(every) >= 0 and pattern_seeds([2**24 - 1], 63, 2**24 - 2, 255)[0] == 2**62 - 1


def test_fields_that_do_not_fit_are_refused():
    for wrong in ((2**24, 0, 0), (0, 64, 0), (0, 0, 2**24), (-1, 0, 0), (0, 0, -5)):
        structure, view, epoch = wrong
        try:
            pattern_seeds([structure], view, epoch)
        except InputError:
            continue
        raise AssertionError(f"{wrong} was taken")
