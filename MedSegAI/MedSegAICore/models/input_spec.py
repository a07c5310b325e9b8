"""How a picture becomes the input of a network: that is where models differ, so it is data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..fields import Fields
from ..geometry import Float64

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class InputSpec:
    """How a picture becomes the input of a network.

    Parameters
    ----------
    size
        Side of the network's square input [pixels].
    resize
        `longest_side` scales both sides by one factor until the longer one fills the input.
    padding
        `bottom_right` fills what is left with zeros, after the intensities were normalised.
    mean, std
        Per channel (red, green, blue), in grey levels [0, 255]: the network sees `(level - mean) / std`.
    """

    size: int
    resize: Literal["longest_side"]
    padding: Literal["bottom_right"]
    mean: Triple
    std: Triple


def read_input(part: Fields | None) -> InputSpec | None:
    """Return what the parsed JSON object describes; None without one."""
    if part is None:
        return None
    size = part.whole_number("size")
    if size == 0:
        part.refuse("size", "must be above zero")
    part.choice("resize", ("longest_side",))
    part.choice("padding", ("bottom_right",))
    mean, std = part.numbers("mean", 3), part.numbers("std", 3)
    if std.min() <= 0:
        part.refuse("std", "must be above zero")
    part.finish()
    return InputSpec(size, "longest_side", "bottom_right", _three(mean), _three(std))


def _three(values: Float64) -> Triple:
    red, green, blue = values.tolist()
    return red, green, blue
