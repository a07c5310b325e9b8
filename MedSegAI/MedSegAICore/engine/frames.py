"""Frames: how messages lie in a stream of bytes.

A frame is the length of its header (4 bytes), the length of its payload (8 bytes), both little endian,
a header that is one JSON object in UTF-8, and the payload as raw bytes.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

from ..errors import EngineFault, InvalidRequest

PREFIX = struct.Struct("<IQ")
HEADER_LIMIT = 256 << 20
"""Largest header [bytes]: a request holds its mask prompts there."""
PAYLOAD_LIMIT = 16 << 30
"""Largest payload [bytes]: the probability of a very large volume."""


@dataclass(frozen=True)
class Frame:
    """One message: a JSON object and raw bytes."""

    header: dict[str, Any]
    payload: bytes = b""


def encode_frame(frame: Frame) -> bytes:
    """Return `frame` as it is written to the stream.

    Raises
    ------
    InvalidRequest
        The header holds a number that is not finite.
    """
    try:
        header = json.dumps(frame.header, allow_nan=False).encode()
    except ValueError as error:
        message = "A message holds a number that is not finite."
        raise InvalidRequest(message) from error
    return b"".join((PREFIX.pack(len(header), len(frame.payload)), header, frame.payload))


class FrameReader:
    """Cuts frames out of a stream that arrives in pieces of any size."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that `data` completes.

        Raises
        ------
        EngineFault
            The stream does not hold frames. Nothing that follows can be trusted.
        """
        self._buffer += data
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> Frame | None:
        if len(self._buffer) < PREFIX.size:
            return None
        header_size, payload_size = PREFIX.unpack_from(self._buffer)
        if header_size > HEADER_LIMIT or payload_size > PAYLOAD_LIMIT:
            message = f"A message claims {header_size} bytes of header and {payload_size} bytes of payload."
            raise EngineFault(message)
        start = PREFIX.size + header_size
        end = start + payload_size
        if len(self._buffer) < end:
            return None
        with memoryview(self._buffer) as view:  # copies the payload once; a slice of the bytearray would do it twice
            header, payload = bytes(view[PREFIX.size : start]), bytes(view[start:end])
        del self._buffer[:end]
        return Frame(_parse_header(header), payload)


def _parse_header(data: bytes) -> dict[str, Any]:
    try:
        header = json.loads(data)
    except (ValueError, RecursionError) as error:
        message = "A message has a header that is not JSON."
        raise EngineFault(message) from error
    if not isinstance(header, dict):
        message = "A message has a header that is not an object."
        raise EngineFault(message)
    return header
