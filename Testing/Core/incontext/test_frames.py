"""Frames: true proportions, there and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from MedSegAICore.fewshot.slices import SliceStack
from MedSegAICore.incontext.frames import Frame, body_box, box_of_side


def stack_of(array, spacing=(1.0, 1.0)) -> SliceStack:
    return SliceStack(array, 0, 0.0, 1.0, spacing, len(array) == 1)


@pytest.mark.parametrize(
    ("rows", "columns", "spacing", "size"),
    [
        (100, 100, (1.0, 1.0), (128, 128)),
        (50, 100, (1.0, 1.0), (64, 128)),
        (50, 100, (2.0, 1.0), (128, 128)),
        (100, 100, (1.0, 4.0), (32, 128)),
        (1, 100, (1.0, 1.0), (1, 128)),
    ],
)
def test_the_longer_edge_in_the_world_fills_the_grid(rows, columns, spacing, size):
    assert Frame.around((slice(0, rows), slice(0, columns)), spacing, 128).size == size


def test_what_goes_onto_the_grid_comes_back_in_place():
    frame = Frame.around((slice(10, 90), slice(20, 60)), (1.0, 1.0), 64)
    rows, columns = torch.meshgrid(torch.arange(100.0), torch.arange(80.0), indexing="ij")
    maps = (torch.sin(rows / 20) + torch.cos(columns / 15))[None, None]
    back = frame.back(frame.onto(maps))
    inner = (slice(3, -3), slice(3, -3))
    assert (back[0, 0] - maps[0, 0, 10:90, 20:60])[inner].abs().max() < 0.02


def test_what_is_marked_on_the_grid_is_found_on_the_slices():
    frame = Frame.around((slice(10, 90), slice(20, 60)), (1.0, 1.0), 64)
    mask = torch.zeros(1, 1, 100, 80)
    mask[..., 40:50, 30:36] = 1
    marked = frame.onto(mask)[:, 0].numpy() >= 0.5
    rows, columns = frame.pixel_box(marked)
    assert abs(rows.start - 40) <= 2
    assert abs(rows.stop - 50) <= 2
    assert abs(columns.start - 30) <= 2
    assert abs(columns.stop - 36) <= 2
    assert frame.pixel_box(np.zeros_like(marked)) is None


def test_the_body_is_framed_with_what_is_drawn_and_without_the_air():
    array = np.zeros((3, 100, 120), np.float32)
    array[:, 20:60, 30:90] = 1
    array[0, 0, 0] = 1  # a bright pixel is no body
    rows, columns = body_box(stack_of(array))
    assert (rows.start, rows.stop) == (18, 62)
    assert (columns.start, columns.stop) == (28, 92)
    drawn = np.zeros(array.shape, bool)
    drawn[1, 70:75, 40:50] = True
    rows, _ = body_box(stack_of(array), [drawn])
    assert rows.stop >= 75


def test_an_image_without_anything_bright_is_framed_as_a_whole():
    assert body_box(stack_of(np.zeros((2, 10, 20), np.float32))) == (slice(0, 10), slice(0, 20))


def test_a_box_of_a_side_stays_within_the_slices():
    stack = stack_of(np.zeros((1, 100, 50), np.float32), (1.0, 2.0))
    assert box_of_side((50, 25), 20, stack) == (slice(40, 60), slice(20, 30))
    assert box_of_side((2, 49), 20, stack) == (slice(0, 20), slice(40, 50))
    assert box_of_side((50, 25), 1000, stack) == (slice(0, 100), slice(0, 50))
