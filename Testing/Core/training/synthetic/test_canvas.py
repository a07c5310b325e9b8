"""What is painted stays in what it is painted on."""

from __future__ import annotations

import numpy as np
from MedSegAICore.training.synthetic.canvas import Blob, Canvas


def painted():
    """A body (1) with an organ (2) that holds a part (3), and another organ (4) over the first."""
    canvas = Canvas(40)
    whole = np.ones((40, 40), np.bool_)
    body = whole.copy()
    body[:, 30:] = False
    organ, part, other = (np.zeros_like(whole) for _ in range(3))
    organ[5:25, 5:35], part[10:30, 10:15], other[20:28, 2:20] = True, True, True
    canvas.paint(body, 0)
    canvas.paint(organ, 1)
    canvas.paint(part, 2)
    canvas.paint(other, 1)
    return canvas.template()


def test_nothing_is_painted_outside_of_its_parent():
    labels = painted().labels
    assert not labels[:, 30:].any()
    assert (labels[10:20, 10:15] == 3).all()
    assert not (labels[25:] == 3).any()


def test_what_comes_later_covers_what_was_there():
    labels = painted().labels
    assert (labels[20:28, 2:20] == 4).all()


def test_a_family_is_a_label_with_all_in_it():
    template = painted()
    assert template.parents == (0, 0, 1, 2, 1)
    assert template.family(2) == {2, 3}
    assert template.family(1) == {1, 2, 3, 4}
    assert template.family(3) == {3}


def test_a_blob_has_its_border_at_its_radii():
    canvas = Canvas(60)
    distance = canvas.distance(Blob((30, 25), (12, 6)))
    inside = np.zeros((60, 60), np.bool_)
    inside[distance.bounds] = distance.values <= 1
    rows, columns = np.nonzero(inside)
    assert (rows.min(), rows.max()) == (18, 42)
    assert (columns.min(), columns.max()) == (19, 31)


def test_a_turned_blob_and_one_with_corners_keep_their_size():
    canvas = Canvas(60)
    turned = canvas.distance(Blob((30, 30), (12, 6), np.pi / 2))
    rows = np.flatnonzero((turned.values <= 1).any(axis=1)) + turned.bounds[0].start
    assert (rows.min(), rows.max()) == (24, 36)
    box = canvas.distance(Blob((30, 30), (12, 6), 0, 4))
    assert np.count_nonzero(box.values <= 1) > 1.1 * np.pi * 12 * 6


def test_a_blob_at_the_edge_is_cut_off():
    canvas = Canvas(30)
    distance = canvas.distance(Blob((0, 29), (8, 8)))
    canvas.paint(distance.values < 1, 0, None, distance.bounds)
    assert canvas.labels[0, 29] == 1
    assert not canvas.labels[10:].any()


def test_places_lie_in_their_region():
    canvas = Canvas(50)
    small = np.zeros((50, 50), np.bool_)
    small[40:42, 7] = True
    canvas.paint(np.ones_like(small), 0)
    label = canvas.paint(small, 1)
    chance = np.random.default_rng(1)
    assert {canvas.place(label, chance) for _ in range(20)} == {(40, 7), (41, 7)}
