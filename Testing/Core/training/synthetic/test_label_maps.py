"""Label maps without images become bodies in contrasts by chance."""

from __future__ import annotations

import numpy as np
from MedSegAICore.training.example import is_usable
from MedSegAICore.training.synthetic.label_maps import read_templates, templates_of
from MedSegAICore.training.synthetic.source import SyntheticSource


def label_map():
    """A head with two parts, whose values are far apart."""
    labels = np.zeros((40, 50, 60), np.uint16)
    labels[5:35, 5:45, 10:50] = 3
    labels[10:30, 10:40, 15:45] = 502
    labels[25:30, 20:30, 20:40] = 7
    return labels


def test_slices_of_all_directions_become_squares_with_dense_labels():
    templates = list(templates_of(label_map(), 9))
    assert len(templates) == 9
    for template in templates:
        assert template.labels.shape[0] == template.labels.shape[1]
        assert template.labels.max() < len(template.parents)
        edge = np.concatenate([template.labels[[0, -1]].ravel(), template.labels[:, [0, -1]].ravel()])
        assert not edge.any()
    assert max(len(template.parents) for template in templates) == 4


def test_an_empty_label_map_gives_nothing():
    assert not list(templates_of(np.zeros((8, 8, 8), np.uint16), 6))


def test_given_bodies_are_shown_and_no_others():
    templates = tuple(templates_of(label_map(), 3))
    source = SyntheticSource(templates)
    examples = [source.draw(64, np.random.default_rng(seed)) for seed in range(10)]
    assert all(is_usable(example.mask) for example in examples)
    again = SyntheticSource(templates).draw(64, np.random.default_rng(9))
    assert np.array_equal(again.image, examples[-1].image)
    assert not np.array_equal(SyntheticSource().draw(64, np.random.default_rng(9)).mask, again.mask)


def test_groups_without_label_maps_give_none_and_brains_belong_to_mr(shared):
    assert read_templates(("ct", "xray"), shared / "data") == ()
    brains = read_templates(("mr",), shared / "data", 3)
    assert len(brains) == 18
    assert all(len(brain.parents) >= 5 for brain in brains)
