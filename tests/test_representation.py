# Generated from nbs/61_representation.ipynb; edit the notebook, then run make export.
from difcon.project import InputError
from difcon.representation import block_contrast, block_means, cosine_similarities, nearest, nearest_is_same, ranks
import numpy as np
import pytest


def test_cosines_of_directions():
    vectors = np.random.default_rng(0).normal(size=(20, 5))
    similarities = cosine_similarities(vectors)
    assert np.allclose(np.diag(similarities), 1) and np.allclose(similarities, similarities.T)
    assert np.allclose(similarities, cosine_similarities(vectors * np.arange(1, 21)[:, None]))
    a, b = vectors[3], vectors[7]
    assert np.isclose(similarities[3, 7], a @ b / np.sqrt((a @ a) * (b @ b)))
    assert cosine_similarities(np.zeros((2, 3))).tolist() == [[0, 0], [0, 0]]


def test_contrast_of_perfect_and_of_no_blocks():
    crystals_of_patterns = np.repeat(np.arange(6), 4)
    assert np.isclose(block_contrast(cosine_similarities(np.eye(6)[crystals_of_patterns]), crystals_of_patterns), 1)
    assert np.isclose(block_contrast(np.ones((24, 24)), crystals_of_patterns), 0)
    noise = np.random.default_rng(0).normal(size=(600, 40))
    assert abs(block_contrast(cosine_similarities(noise), np.repeat(np.arange(75), 8))) < 0.01
    shuffled = np.random.default_rng(1).permutation(24)
    shuffled_crystals = crystals_of_patterns[shuffled]
    assert np.isclose(block_contrast(cosine_similarities(np.eye(6)[shuffled_crystals]), shuffled_crystals), 1)


def test_contrast_by_hand():
    similarities = np.array([[1, 0.8, 0.1, 0.2], [0.8, 1, 0.3, 0.0], [0.1, 0.3, 1, 0.6], [0.2, 0.0, 0.6, 1]])
    within, outside = block_means(similarities, [5, 5, 9, 9])
    assert np.isclose(within, 0.7) and np.isclose(outside, 0.15)
    with pytest.raises(InputError, match="two of each"):
        block_contrast(similarities, [1, 2, 3, 4])
    with pytest.raises(InputError, match="two of each"):
        block_contrast(similarities, [1, 1, 1, 1])


def test_retrieval_by_hand():
    similarities = np.array([[1, 0.8, 0.1, 0.2], [0.8, 1, 0.9, 0.0], [0.1, 0.9, 1, 0.6], [0.2, 0.0, 0.6, 1]])
    assert nearest_is_same(similarities, [5, 5, 9, 9]).tolist() == [True, False, False, True]


def test_ranks_by_hand():
    library = np.array([[1.0, 0], [0, 1], [1, 1], [-1, 0]])
    right = np.eye(4, dtype=bool)
    assert ranks(library * 3, library, right).tolist() == [1, 1, 1, 1]
    assert ranks([[1.0, 0.1]] * 4, library, right).tolist() == [1, 3, 2, 4]
    assert ranks([[1.0, 0.1]], library, np.array([[False, True, True, False]])).tolist() == [2]
    assert ranks([[1.0, 0.1]], library, np.zeros((1, 4), bool)).tolist() == [5] and ranks(np.zeros((1, 2)), library, right[:1]).tolist() == [4]
    assert ranks([[np.nan, 0.1]], library, right[:1]).tolist() == [4]


def test_neighbours_by_hand():
    places, distances = nearest(cosine_similarities([[1, 0], [1, 0], [1, 1], [0, 1]]), 3)
    assert places.tolist() == [[0, 1, 2], [1, 0, 2], [2, 0, 1], [3, 2, 0]]
    assert np.allclose(distances[3], [0, 1 - np.sqrt(0.5), 1])
