"""Array types that the whole package speaks of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Mask = NDArray[np.bool_]
Cut = tuple[slice, slice, slice]
"""A part of an array (k, j, i)."""
