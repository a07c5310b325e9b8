from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from MedSegAICore.engine.run import Run
from MedSegAICore.prompt.adaptive.geodesic import FAR, geodesic_distance
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

SPACING = np.array([3.0, 1.0, 0.5])
shapes = st.tuples(*[st.integers(1, 5)] * 3)


def by_dijkstra(source, cost, spacing) -> np.ndarray:
    number = np.arange(cost.size).reshape(cost.shape)
    rows, columns, prices = [], [], []
    for axis in range(3):
        low, high = (np.delete(number, end, axis=axis).ravel() for end in (-1, 0))
        rows.append(low)
        columns.append(high)
        prices.append((cost.ravel()[low] + cost.ravel()[high]) / 2 * spacing[axis])
    graph = sparse.coo_matrix(
        (np.concatenate(prices), (np.concatenate(rows), np.concatenate(columns))), shape=(cost.size, cost.size)
    )
    found = dijkstra(graph, directed=False, indices=np.flatnonzero(source), min_only=True)
    return found.reshape(cost.shape)


@given(shapes, st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_enough_sweeps_give_the_cheapest_paths(shape, seed):
    random = np.random.default_rng(seed)
    cost = (1 + 9 * random.random(shape)).astype(np.float32)
    source = np.zeros(shape, bool)
    source.flat[random.integers(source.size, size=2)] = True
    found = geodesic_distance(source, cost, SPACING, 40, Run())
    assert np.allclose(found, by_dijkstra(source, cost, SPACING), rtol=1e-4)


def test_at_even_cost_one_sweep_gives_the_city_block_distance():
    source = np.zeros((5, 6, 7), bool)
    source[2, 3, 1] = True
    k, j, i = np.indices(source.shape)
    expected = 3 * np.abs(k - 2) + np.abs(j - 3) + 0.5 * np.abs(i - 1)
    assert np.allclose(geodesic_distance(source, np.ones(source.shape, np.float32), SPACING, 1, Run()), expected)


def test_fewer_sweeps_never_give_too_short_a_path():
    random = np.random.default_rng(0)
    cost = (1 + 30 * (random.random((6, 8, 9)) > 0.6)).astype(np.float32)
    source = np.zeros(cost.shape, bool)
    source[0, 0, 0] = True
    distances = [geodesic_distance(source, cost, SPACING, sweeps, Run()) for sweeps in (1, 2, 20)]
    assert (distances[0] >= distances[1]).all()
    assert (distances[1] >= distances[2]).all()
    assert (distances[2] >= by_dijkstra(source, cost, SPACING) - 1e-3).all()


def test_without_a_source_everything_is_far():
    assert (
        geodesic_distance(np.zeros((2, 3, 4), bool), np.ones((2, 3, 4), np.float32), SPACING, 2, Run()) == FAR
    ).all()
