"""The one place that knows of LPS, the world of DICOM, ITK and saved markups."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .geometry import Float64


def swap_lps_ras(vectors: ArrayLike) -> Float64:
    """Return positions or directions (..., 3) of the LPS world in RAS, or the other way round."""
    return np.asarray(vectors, dtype=np.float64) * (-1.0, -1.0, 1.0)
