"""Labels are merged, inverted and reduced to their edge."""

from __future__ import annotations

import numpy as np
from MedSegAICore.training.synthetic.canvas import Template
from MedSegAICore.training.synthetic.targets import Target, draw_target
from scipy import ndimage


def labels():
    drawn = np.zeros((30, 30), np.uint8)
    drawn[2:20, 2:20], drawn[6:14, 6:14], drawn[22:28, 5:25] = 1, 2, 3
    return drawn


def test_merged_labels_are_one_mask():
    merged = Target(frozenset({2, 3})).mask(labels())
    assert np.array_equal(merged, (labels() == 2) | (labels() == 3))


def test_an_inverted_target_is_everything_else():
    plain, inverted = (Target(frozenset({1}), operation).mask(labels()) for operation in ("plain", "inverted"))
    assert np.array_equal(inverted, ~plain)


def test_an_edge_is_a_band_on_both_sides_of_the_border():
    edge, inside = Target(frozenset({3}), "edge", 2).mask(labels()), labels() == 3
    depth = ndimage.distance_transform_cdt(inside, "chessboard") + ndimage.distance_transform_cdt(~inside, "chessboard")
    assert np.array_equal(edge, depth <= 2)


def test_all_kinds_are_drawn_and_families_mostly_kept_together():
    template = Template(labels(), (0, 0, 1, 0))
    visible = np.array([1, 2, 3])
    chance = np.random.default_rng(1)
    targets = [draw_target(template, visible, chance) for _ in range(500)]
    assert {target.operation for target in targets} == {"plain", "inverted", "edge"}
    assert {frozenset({1}), frozenset({1, 2}), frozenset({2}), frozenset({2, 3})} <= {one.labels for one in targets}
    assert np.mean([target.operation == "plain" for target in targets]) > 0.85
