from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
from fakes.compare import assert_same
from fakes.models import fake_engine
from fakes.requests import a_request
from MedSegAICore.engine.frames import Frame, FrameReader, encode_frame
from MedSegAICore.engine.messages import (
    predict_message,
    predicted_message,
    preview_message,
    read_predicted_message,
    read_preview_message,
    read_result_message,
    read_segment_message,
    result_message,
    segment_message,
)
from MedSegAICore.errors import EngineFault, MedSegAIError
from MedSegAICore.volume import VolumePatch


@pytest.fixture
def result():
    """An answer with every optional part."""
    return fake_engine().segment(a_request("quick", segment="liver", generation=7))


def sent(frame: Frame) -> Frame:
    """What arrives at the other end."""
    (received,) = FrameReader().feed(encode_frame(frame))
    return received


def test_a_result_comes_back_bit_for_bit(result) -> None:
    assert_same(read_result_message(sent(result_message(3, result))), result)


def test_a_result_without_optional_parts_comes_back(result) -> None:
    plain = replace(result, candidates=(), uncertainty=None, quality=None, warnings=("it was dark",))

    assert_same(read_result_message(sent(result_message(3, plain))), plain)


def test_an_empty_mask_comes_back(result) -> None:
    nothing = VolumePatch(np.zeros((0, 0, 0), bool), (1, 2, 3), result.mask.geometry)

    assert_same(read_result_message(sent(result_message(3, replace(result, mask=nothing)))).mask, nothing)


def test_masks_travel_as_bits(result) -> None:
    mask = VolumePatch.whole(np.zeros(result.mask.geometry.shape, bool), result.mask.geometry)
    full = replace(result, mask=mask, candidates=(), uncertainty=None)

    payload = result_message(3, full).payload

    assert len(payload) < full.probability.array.nbytes + mask.array.size // 8 + 20


def test_a_quality_that_is_not_a_number_is_left_out(result) -> None:
    back = read_result_message(sent(result_message(3, replace(result, quality=float("nan")))))

    assert back.quality is None


def test_a_request_comes_back_on_its_image() -> None:
    request = a_request("quick", segment="liver", generation=7)

    back = read_segment_message(sent(segment_message(3, request)), request.image)

    assert_same(back, request)


def test_a_question_for_the_time_and_its_answer_come_back() -> None:
    request = a_request("quick", segment="liver", generation=7)

    assert_same(read_segment_message(sent(predict_message(3, request)), request.image), request)
    assert read_predicted_message(sent(predicted_message(3, 2.5))) == 2.5


def test_a_preview_comes_back(result) -> None:
    assert_same(read_preview_message(sent(preview_message(3, result.probability))), result.probability)


@pytest.mark.parametrize("damage", [{"seconds": "long"}, {"type": "result"}, {"colour": "red"}])
def test_a_damaged_time_is_refused(damage) -> None:
    with pytest.raises(EngineFault):
        read_predicted_message(Frame(predicted_message(3, 2.5).header | damage))


def test_a_damaged_preview_is_refused(result) -> None:
    frame = preview_message(3, result.probability)

    with pytest.raises(EngineFault):
        read_preview_message(Frame(frame.header, frame.payload[:-1]))


@pytest.mark.parametrize(
    ("part", "field", "wrong"),
    [
        ("mask", "kind", "object"),
        ("mask", "size", 3),
        ("mask", "offset", [10**6, 0, 0]),
        ("probability", "shape", [9, 9, 9]),
        ("probability", "start", 10**9),
        ("provenance", "seconds", "long"),
    ],
)
def test_a_damaged_result_is_refused_by_name(result, part, field, wrong) -> None:
    frame = result_message(3, result)
    header = copy.deepcopy(frame.header)
    header[part][field] = wrong

    with pytest.raises(MedSegAIError):
        read_result_message(Frame(header, frame.payload))


def test_a_result_with_an_unknown_field_is_refused_by_name(result) -> None:
    frame = result_message(3, result)

    with pytest.raises(EngineFault, match=r"result\.colour"):
        read_result_message(Frame(frame.header | {"colour": "red"}, frame.payload))
