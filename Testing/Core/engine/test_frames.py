from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from MedSegAICore.engine.frames import HEADER_LIMIT, PAYLOAD_LIMIT, PREFIX, Frame, FrameReader, encode_frame
from MedSegAICore.errors import EngineFault, InvalidRequest

FRAMES = [Frame({"type": "a", "text": "µ\0"}), Frame({"n": 1.5}, b"\0\1\2" * 9), Frame({}, b"")]
STREAM = b"".join(map(encode_frame, FRAMES))


@pytest.mark.parametrize("cut", range(len(STREAM) + 1))
def test_frames_survive_a_cut_at_any_byte(cut: int) -> None:
    reader = FrameReader()

    assert reader.feed(STREAM[:cut]) + reader.feed(STREAM[cut:]) == FRAMES


def test_frames_survive_arriving_byte_by_byte() -> None:
    reader = FrameReader()

    assert [frame for byte in STREAM for frame in reader.feed(bytes([byte]))] == FRAMES


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()), st.binary(), st.data())
def test_any_frame_comes_back(header, payload, data) -> None:
    stream = encode_frame(Frame(header, payload))
    cut = data.draw(st.integers(0, len(stream)))
    reader = FrameReader()

    assert reader.feed(stream[:cut]) + reader.feed(stream[cut:]) == [Frame(header, payload)]


@pytest.mark.parametrize("sizes", [(HEADER_LIMIT + 1, 0), (2, PAYLOAD_LIMIT + 1)])
def test_a_frame_that_claims_too_much_is_refused_before_it_arrives(sizes) -> None:
    with pytest.raises(EngineFault, match="claims"):
        FrameReader().feed(PREFIX.pack(*sizes))


@pytest.mark.parametrize("header", [b"{", b"[1]", b"\xff", b"[" * 100_000])
def test_a_header_that_is_no_object_is_refused_by_name(header) -> None:
    with pytest.raises(EngineFault, match="header"):
        FrameReader().feed(PREFIX.pack(len(header), 0) + header)


def test_words_of_a_library_among_the_frames_are_noticed() -> None:
    with pytest.raises(EngineFault):
        FrameReader().feed(b"Loading the model, please wait...\n")


def test_numbers_that_json_cannot_hold_are_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match="not finite"):
        encode_frame(Frame({"fraction": float("nan")}))


def test_the_header_is_plain_json_behind_twelve_bytes() -> None:
    stream = encode_frame(FRAMES[1])
    header_size, payload_size = PREFIX.unpack_from(stream)

    assert json.loads(stream[12 : 12 + header_size]) == FRAMES[1].header
    assert stream[12 + header_size :] == FRAMES[1].payload
    assert payload_size == len(FRAMES[1].payload)
