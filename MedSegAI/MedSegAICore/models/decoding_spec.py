"""How a promptable network of SAM's family is asked and read: here, too, published systems differ, so it is data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ..fields import Fields

Masks = Literal["three_for_one_click", "one", "best_of_three"]
Positions = Literal["per_side", "whole"]
Strokes = Literal["some_points", "every_pixel"]
Earlier = Literal["logits", "probability"]
Enlarged = Literal["logits", "probability"]


@dataclass(frozen=True)
class DecodingSpec:
    """How a mask decoder is asked, and how its answer becomes a mask.

    Parameters
    ----------
    masks
        `three_for_one_click`: one click alone gives three candidates, anything else the single mask. `one`:
        always the single mask. `best_of_three`: always the one of three masks with the best predicted quality.
    positions
        `per_side`: along each side, positions are scaled as the picture was. `whole`: boxes are scaled by the
        factor of the longer side, and cut to whole pixels of the input.
    strokes
        Scribbles as `some_points` deep inside them, or `every_pixel` of them as a click.
    earlier
        The earlier answer that a correction starts from is given as `logits` or as `probability`.
    enlarged
        The low-resolution answer is brought to the size of the slice as `logits`, through the size of the input,
        or as `probability` and at once.
    """

    masks: Masks
    positions: Positions
    strokes: Strokes
    earlier: Earlier
    enlarged: Enlarged


AS_SAM = DecodingSpec("three_for_one_click", "per_side", "some_points", "logits", "logits")
"""As the authors of Segment Anything do; descriptions that say nothing mean this."""


def read_decoding(part: Fields) -> DecodingSpec:
    """Return what the parsed JSON object describes; it refuses a missing, unknown or wrong field by name."""
    decoding = DecodingSpec(
        masks=part.choice("masks", get_args(Masks)),
        positions=part.choice("positions", get_args(Positions)),
        strokes=part.choice("strokes", get_args(Strokes)),
        earlier=part.choice("earlier", get_args(Earlier)),
        enlarged=part.choice("enlarged", get_args(Enlarged)),
    )
    part.finish()
    return decoding
