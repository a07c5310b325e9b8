from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled
from MedSegAICore.prompt.adaptive.random_walker import Accuracy, EdgeWeights, Seeds, walk
from scipy import sparse
from scipy.sparse.linalg import spsolve

EXACT = Accuracy(steps=2000, tolerance=1e-7)
shapes = st.tuples(*[st.integers(1, 5)] * 3)


def solved_directly(own, trust, edges, seeds) -> np.ndarray:
    """Solve (L + trust) x = trust * own with the seeds moved to the right-hand side."""
    number = np.arange(own.size).reshape(own.shape)
    laplacian = sparse.lil_matrix((own.size, own.size))
    for axis, weights in enumerate(edges.along):
        low, high = (np.delete(number, end, axis=axis).ravel() for end in (-1, 0))
        for a, b, weight in zip(low, high, weights.ravel(), strict=True):
            laplacian[a, a] += weight
            laplacian[b, b] += weight
            laplacian[a, b] -= weight
            laplacian[b, a] -= weight
    system = sparse.csr_matrix(laplacian + trust * sparse.eye(own.size))
    free = ~seeds.fixed.ravel()
    x = seeds.inside.ravel().astype(float)
    if free.any():
        right = trust * own.ravel()[free] - system[free][:, ~free] @ x[~free]
        x[free] = spsolve(sparse.csc_matrix(system[free][:, free]), right)
    return x.reshape(own.shape)


@given(shapes, st.integers(0, 10_000), st.sampled_from([0.05, 0.6, 3.0]), st.floats(0, 0.6))
@settings(max_examples=60, deadline=None)
def test_the_walker_equals_a_direct_solution(shape, seed, trust, seeded):
    random = np.random.default_rng(seed)
    image = random.random(shape).astype(np.float32)
    edges = EdgeWeights.of_image(image, np.array([3.0, 1.0, 0.7]), 1.5, 0.01)
    seeds = Seeds(random.random(shape) < seeded, random.random(shape) < 0.5)
    own = random.random(shape).astype(np.float32)
    found = walk(own, own, trust, edges, seeds, EXACT, Run())
    assert np.abs(found - solved_directly(own, trust, edges, seeds)).max() < 2e-4
    assert np.array_equal(found[seeds.fixed], seeds.inside[seeds.fixed].astype(np.float32))


def test_the_answer_does_not_depend_on_the_start():
    random = np.random.default_rng(0)
    own, start = random.random((2, 4, 5, 6)).astype(np.float32)
    edges = EdgeWeights.of_image(own, np.ones(3), 1.5, 0.01)
    seeds = Seeds(np.zeros(own.shape, bool), np.zeros(own.shape, bool))
    first, second = (walk(x, own, 0.6, edges, seeds, EXACT, Run()) for x in (own, start))
    assert np.abs(first - second).max() < 1e-4


def test_a_seed_reaches_through_its_own_tissue_and_not_across_an_edge():
    image = np.zeros((1, 12, 12), np.float32)
    image[:, :, 6:] = 1
    edges = EdgeWeights.of_image(image, np.ones(3), 1.5, 0.01)
    seeds = Seeds(np.zeros(image.shape, bool), np.zeros(image.shape, bool))
    for column, inside in ((0, True), (11, False)):
        seeds.fixed[0, 5, column], seeds.inside[0, 5, column] = True, inside
    even = np.full(image.shape, 0.5, np.float32)
    found = walk(even, even, 1e-4, edges, seeds, EXACT, Run())
    assert found[:, :, :6].min() > 0.5 > found[:, :, 6:].max()


def test_neighbours_far_apart_hold_less():
    flat = np.zeros((3, 3, 3), np.float32)
    k, j, i = EdgeWeights.of_image(flat, np.array([3.0, 1.0, 2.0]), 1.5, 0.0).along
    assert (k.max(), j.max(), i.max()) == pytest.approx((1 / 9, 1, 1 / 4))
    assert [part.shape for part in (k, j, i)] == [(2, 3, 3), (3, 2, 3), (3, 3, 2)]


def test_a_cancelled_walk_stops():
    cancel = CancelToken()
    cancel.cancel()
    own = np.random.default_rng(0).random((3, 3, 3)).astype(np.float32)
    edges = EdgeWeights.of_image(own, np.ones(3), 1.5, 0.01)
    seeds = Seeds(np.zeros(own.shape, bool), np.zeros(own.shape, bool))
    with pytest.raises(Cancelled):
        walk(own, own, 0.6, edges, seeds, EXACT, Run(cancel=cancel))
