"""How a picture becomes the input of a network: that is where models differ, so it is data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ..fields import Fields
from ..geometry import Float64

Triple = tuple[float, float, float]

Resize = Literal["longest_side", "stretch"]
Interpolation = Literal["pillow_linear", "opencv_area", "opencv_nearest", "skimage_cubic", "torch_linear"]
Padding = Literal["bottom_right", "none"]
Span = Literal["window", "picture"]


@dataclass(frozen=True)
class InputSpec:
    """How a picture becomes the input of a network.

    The picture is the slice in grey levels: the ends of the window that is shown are 0 and 255.

    Parameters
    ----------
    size
        Side of the network's square input [pixels].
    resize
        `longest_side` scales both sides by one factor until the longer one fills the input; `stretch` lets each
        side fill the input.
    interpolation
        How the authors' code resizes, named after the library whose levels are reproduced: bilinear and rounded
        as Pillow, by area or nearest pixel as OpenCV, cubic splines as scikit-image, bilinear as torch.
    padding
        `bottom_right` fills what is left with zeros, after the intensities were normalised; `none` where the
        picture is stretched.
    span
        Which levels count as 0 and 255: `window` takes the levels as they are, `picture` the darkest and
        brightest level of the resized picture.
    mean, std
        Per channel (red, green, blue), in grey levels [0, 255]: the network sees `(level - mean) / std`.
    first_size
        Side of the square that the picture is stretched to before anything else [pixels]; None: it is not.
        `span` then looks at that square.
    """

    size: int
    resize: Resize
    interpolation: Interpolation
    padding: Padding
    span: Span
    mean: Triple
    std: Triple
    first_size: int | None


def read_input(part: Fields | None) -> InputSpec | None:
    """Return what the parsed JSON object describes, None without one; it refuses a wrong field by name."""
    if part is None:
        return None
    spec = InputSpec(
        size=_side(part, "size"),
        resize=part.choice("resize", get_args(Resize)),
        interpolation=part.choice("interpolation", get_args(Interpolation)),
        padding=part.choice("padding", get_args(Padding)),
        span=part.choice("span", get_args(Span)),
        mean=_three(part.numbers("mean", 3)),
        std=_three(part.numbers("std", 3)),
        first_size=part.optional("first_size", lambda name: _side(part, name)),
    )
    if min(spec.std) <= 0:
        part.refuse("std", "must be above zero")
    if (spec.padding == "none") != (spec.resize == "stretch"):
        part.refuse("padding", "must be 'none' where the picture is stretched, and 'bottom_right' where it is not")
    part.finish()
    return spec


def _side(part: Fields, name: str) -> int:
    size = part.whole_number(name)
    if size == 0:
        part.refuse(name, "must be above zero")
    return size


def _three(values: Float64) -> Triple:
    red, green, blue = values.tolist()
    return red, green, blue
