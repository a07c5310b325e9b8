"""Saved markups (`.mrk.json`) as prompts, without Slicer.

Format: https://slicer.readthedocs.io/en/latest/developer_guide/modules/markups.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .errors import InvalidRequest, MedSegAIError, UnsupportedPrompt
from .geometry import Float64
from .lps import swap_lps_ras
from .prompts import BoxPrompt, LassoPrompt, PointPrompt, Prompt, ScribblePrompt

Markup = dict[str, Any]
ToRas = Callable[[ArrayLike], Float64]


def read_markups(path: Path | str, positive: bool = True) -> tuple[Prompt, ...]:
    """Return what a markups file marks: points, ROIs, planes, curves and closed curves.

    A saved curve holds its control points only, so it runs straight from one to the next.

    Parameters
    ----------
    path
        A `.mrk.json` file in LPS or RAS coordinates, in millimetres.
    positive
        Whether its points and curves lie inside the structure; a box is always positive.

    Raises
    ------
    InvalidRequest
        The file is missing, no markups file, or something in it is not placed yet.
    UnsupportedPrompt
        It holds markups that cannot be prompts.
    """
    path = Path(path)
    try:
        markups = json.loads(path.read_text(encoding="utf-8"))["markups"]
        return tuple(prompt for markup in markups for prompt in _prompts(markup, positive))
    except OSError as error:
        message = f"The markups file '{path}' cannot be read ({error.strerror})."
        raise InvalidRequest(message, "Choose an existing .mrk.json file.") from error
    except MedSegAIError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        message = f"'{path.name}' is not a complete markups file ({type(error).__name__}: {error})."
        raise InvalidRequest(message, "Save the markups again as .mrk.json.") from error


def region_prompt(center_and_radius: ArrayLike) -> BoxPrompt:
    """Return the box that Slicer passes to command line modules: centre (x, y, z) and half edge lengths, RAS mm.

    Raises
    ------
    InvalidRequest
        There are not six numbers, or the box has no extent.
    """
    values = np.asarray(center_and_radius, dtype=np.float64)
    if values.shape != (6,):
        message = f"A region needs six numbers, not {values.size}."
        raise InvalidRequest(message, "Give x,y,z of the centre and of the half edge lengths.")
    return _box(values[:3], np.eye(3), 2 * values[3:])


def _prompts(markup: Markup, positive: bool) -> tuple[Prompt, ...]:
    to_ras = _to_ras(markup)
    kind = markup["type"]
    if kind == "Fiducial":
        return tuple(PointPrompt(position, positive) for position in _positions(markup, to_ras))
    if kind in ("ROI", "Plane"):
        axes = to_ras(np.reshape(markup["orientation"], (3, 3)).T).T
        return (_box(to_ras(markup["center"]), axes, markup["size"]),)
    if kind in ("Curve", "Line"):
        return (ScribblePrompt(_positions(markup, to_ras), positive=positive),)
    if kind == "ClosedCurve":
        return (LassoPrompt(_positions(markup, to_ras), positive),)
    message = f"Markups of the type '{kind}' cannot be used as a prompt."
    raise UnsupportedPrompt(message, "Use points, a ROI, a plane or a curve.")


def _to_ras(markup: Markup) -> ToRas:
    system = markup.get("coordinateSystem", "LPS")
    if markup.get("coordinateUnits", "mm") not in ("mm", ["mm", "UCUM", "millimeter"]):
        message = f"The markups are in '{markup['coordinateUnits']}', not in mm."
        raise InvalidRequest(message, "Save them in millimetres.")
    if system in ("LPS", "1"):
        return swap_lps_ras
    if system in ("RAS", "0"):
        return lambda vectors: np.asarray(vectors, dtype=np.float64)
    message = f"The coordinate system '{system}' of the markups is not known."
    raise InvalidRequest(message, "Save them in LPS or RAS coordinates.")


def _positions(markup: Markup, to_ras: ToRas) -> Float64:
    """Return the positions (n, 3) of the points that are placed."""
    placed = [
        point["position"] for point in markup["controlPoints"] if point.get("positionStatus", "defined") == "defined"
    ]
    return to_ras(np.reshape(placed, (-1, 3)))


def _box(center: ArrayLike, axes: ArrayLike, size: ArrayLike) -> BoxPrompt:
    """Return a box whose axis without extent, if any, is the last."""
    lengths, directions = np.abs(np.asarray(size, dtype=np.float64)), np.asarray(axes, dtype=np.float64)
    flat = int(np.argmin(lengths))
    if lengths[flat] == 0:
        order = [(flat + 1) % 3, (flat + 2) % 3, flat]
        lengths, directions = lengths[order], directions[:, order]
    return BoxPrompt(np.asarray(center), lengths, directions / np.linalg.norm(directions, axis=0))
