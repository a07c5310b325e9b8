"""Learning from examples through the engine process's messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from MedSegAICore.engine.fit_messages import (
    fit_message,
    fitted_message,
    images_of_fit,
    read_fit_message,
    read_fitted_message,
)
from MedSegAICore.engine.frames import FrameReader, encode_frame
from MedSegAICore.engine.messages import patch_from_fields
from MedSegAICore.errors import EngineFault
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.fewshot.fit import FitReport, FitRequest
from MedSegAICore.fields import Fields
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.volume import ImageVolume, VolumePatch


def an_example(seed: int) -> Example:
    geometry = VolumeGeometry.from_components((9, 10, 11), (1.0, 1.0, 2.0), (seed, 0, 0))
    array = np.random.default_rng(seed).normal(size=geometry.shape).astype(np.float32)
    masks = {name: VolumePatch(array[2:5, 2:6, 3:7] > level, (2, 2, 3), geometry) for name, level in LEVELS.items()}
    return Example(ImageVolume(array, geometry), masks, f"person {seed}")


LEVELS = {"liver": 0.0, "kidney": 0.5}


def through_a_pipe(frame):
    return next(iter(FrameReader().feed(encode_frame(frame))))


def test_a_request_to_learn_arrives_bit_for_bit():
    request = FitRequest((an_example(1), an_example(2)), Path("organs.safetensors"), "registered", 5, {"kidney": 3})
    frame = through_a_pipe(fit_message(3, request))
    images = {example.image.fingerprint: example.image for example in request.examples}
    assert images_of_fit(frame) == list(images)

    arrived = read_fit_message(frame, images)

    assert (arrived.file, arrived.model, arrived.seed) == (request.file, "registered", 5)
    assert arrived.values == {"kidney": 3}
    for one, other in zip(arrived.examples, request.examples, strict=True):
        assert one.name == other.name
        assert list(one.masks) == list(other.masks)
        assert all(np.array_equal(one.masks[label].full(), other.masks[label].full()) for label in one.masks)


def test_a_report_arrives_as_it_was():
    scores = {"liver": (0.5, 0.25), "kidney": (1.0, 0.0)}
    report = FitReport(
        Path("a.safetensors"), "ab" * 32, "registered", ("liver", "kidney"), scores, 1.5, {"x": 0.5}, ("say",)
    )
    assert read_fitted_message(through_a_pipe(fitted_message(3, report))) == report


def test_a_damaged_mask_is_an_engine_fault():
    frame = fit_message(3, FitRequest((an_example(1),), Path("organs.safetensors")))
    part = frame.header["examples"][0]["masks"][0]["mask"] | {"shape": [900, 900, 900]}
    with pytest.raises(Exception, match=r".+") as caught:
        patch_from_fields(Fields(part, "mask", EngineFault), frame.payload)
    assert type(caught.value).__module__ == "MedSegAICore.errors"
