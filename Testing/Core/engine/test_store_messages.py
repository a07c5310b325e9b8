"""Examples on their way into a task in another process."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.people import person
from MedSegAICore.engine.frames import FrameReader, encode_frame
from MedSegAICore.engine.store_messages import read_store_message, store_message
from MedSegAICore.errors import InvalidSupportSet
from MedSegAICore.incontext.context_example import ContextExample
from MedSegAICore.incontext.storing import StoreRequest, store
from MedSegAICore.incontext.task_library import TaskLibrary
from MedSegAICore.request import IntensityWindow
from MedSegAICore.segment_look import SegmentLook


def over_the_pipe(request: StoreRequest) -> StoreRequest:
    (frame,) = FrameReader().feed(encode_frame(store_message(3, request)))
    assert frame.header["image"] == request.context.example.image.fingerprint
    return read_store_message(frame, request.context.example.image)


@pytest.mark.parametrize(
    "known",
    [
        {},
        {
            "position": 0.25,
            "window": IntensityWindow(-5, 70.5),
            "origin": "corrected",
            "model": "universeg",
            "looks": {"liver": SegmentLook((0.5, 0.25, 1.0), "SCT~liver")},
        },
    ],
)
def test_an_example_arrives_in_its_task_as_it_was(tmp_path, known):
    context, task = ContextExample(person(0), **known), TaskLibrary(tmp_path).create("organs", ("liver", "kidney"))
    arrived = over_the_pipe(StoreRequest(tmp_path, "organs", context))
    identifier = store(arrived)
    stored = task.read(identifier)
    assert stored.known() == context.known()
    np.testing.assert_array_equal(stored.example.image.array, context.example.image.array)
    for label, mask in context.example.masks.items():
        np.testing.assert_array_equal(stored.example.masks[label].full(), mask.full())


def test_a_task_that_is_gone_is_named(tmp_path):
    with pytest.raises(InvalidSupportSet, match="no task 'organs'"):
        store(StoreRequest(tmp_path, "organs", ContextExample(person(0))))
