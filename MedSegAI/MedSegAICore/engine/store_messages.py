"""The messages about examples of in-context tasks: `store`, and its answer `stored`; see `messages`."""

from __future__ import annotations

from pathlib import Path

from ..errors import EngineFault
from ..fields import Fields
from ..incontext.context_example import ContextExample
from ..incontext.storing import StoreRequest
from ..volume import ImageVolume
from .fit_messages import example_from_dict, example_to_dict
from .frames import Frame


def store_message(number: int, request: StoreRequest) -> Frame:
    """Return the message that asks to keep an example whose image was sent before."""
    payload: list[bytes] = []
    example = example_to_dict(request.context.example, payload)
    header = {
        "type": "store",
        "number": number,
        "image": example["image"],
        "library": str(request.library),
        "task": request.task,
        "example": example,
        "known": request.context.known(),
    }
    return Frame(header, b"".join(payload))


def read_store_message(frame: Frame, image: ImageVolume) -> StoreRequest:
    """Return the request that `store_message` described."""
    header = frame.header
    example = example_from_dict(header["example"], {header["image"]: image}, frame.payload)
    context = ContextExample.of_known(example, "", Fields(header["known"], "example", EngineFault))
    return StoreRequest(Path(header["library"]), header["task"], context)


def stored_message(number: int, identifier: str) -> Frame:
    """Return the message that ends request `number` with the identifier of the example."""
    return Frame({"type": "stored", "number": number, "identifier": identifier})
