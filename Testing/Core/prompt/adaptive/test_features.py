"""What blocks look like."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.engine.run import Run
from MedSegAICore.prompt.adaptive.features import _eigenvalues


@pytest.mark.parametrize("shape", [(1, 7, 9), (7, 1, 9), (7, 9, 1), (3, 4, 5), (1, 1, 6), (1, 1, 1)])
def test_eigenvalues_on_slices_are_those_in_volumes(shape: tuple[int, int, int]) -> None:
    random = np.random.default_rng(0).standard_normal((*shape, 3, 3)).astype(np.float32)
    hessian = random + random.swapaxes(-1, -2)
    for axis in np.flatnonzero(np.array(shape) == 1):  # nothing changes along it
        hessian[..., axis, :] = hessian[..., axis] = 0
    expected = np.moveaxis(np.linalg.eigvalsh(hessian.astype(np.float64)), -1, 0)
    np.testing.assert_allclose(_eigenvalues(hessian, Run()), expected, atol=1e-5)
