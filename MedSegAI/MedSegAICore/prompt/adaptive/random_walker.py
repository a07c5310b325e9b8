"""The random walker with prior probabilities (Grady, CVPR 2005): one smooth answer that respects edges.

It solves (L + gamma) x = gamma p for the probability x, where L is the graph Laplacian of the image and p the
probability that each voxel has by itself; seeds keep their values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...engine.run import Run
from .arrays import Cut, Float32, Mask


@dataclass(frozen=True, eq=False)
class EdgeWeights:
    """How strongly neighbours along (k, j, i) hold together, each (0, 1]; one shorter along its own axis."""

    along: tuple[Float32, Float32, Float32]

    @classmethod
    def of_image(cls, array: Float32, spacing_mm: NDArray[np.float64], contrast: float, weakest: float) -> EdgeWeights:
        """Return Gaussian weights of intensity differences.

        Parameters
        ----------
        array
            Intensities (k, j, i), little smoothed.
        spacing_mm
            Distance between voxels along (k, j, i) [mm]: distant neighbours hold less.
        contrast
            Difference that counts as an edge, in units of the median difference between neighbours.
        weakest
            Weight that is left across the strongest edge.
        """
        differences = [np.diff(array, axis=axis) for axis in range(3)]
        sizes = np.concatenate([np.abs(difference).ravel() for difference in differences])
        typical = contrast * 1.4826 * float(np.median(sizes)) + 1e-3 if sizes.size else 1.0
        finest = float(spacing_mm.min())
        k, j, i = (
            ((np.exp(-0.5 * (difference / typical) ** 2) + weakest) * (finest / step) ** 2).astype(np.float32)
            for difference, step in zip(differences, spacing_mm, strict=True)
        )
        return cls((k, j, i))

    def neighbour_sum(self, values: Float32) -> Float32:
        """Return for each voxel the weighted sum of its neighbours' values."""
        total = np.zeros_like(values)
        for axis, weight in enumerate(self.along):
            low, high = _pair(axis)
            total[low] += weight * values[high]
            total[high] += weight * values[low]
        return total


def _pair(axis: int) -> tuple[Cut, Cut]:
    low, high = [slice(None)] * 3, [slice(None)] * 3
    low[axis], high[axis] = slice(None, -1), slice(1, None)
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


@dataclass(frozen=True, eq=False)
class Seeds:
    """Voxels (k, j, i) whose answer is given: `fixed` says which, `inside` says what."""

    fixed: Mask
    inside: Mask


@dataclass(frozen=True)
class Accuracy:
    """When the solver stops: after `steps`, or once no voxel changes by more than `tolerance`."""

    steps: int
    tolerance: float


def walk(
    start: Float32, own: Float32, trust: float, edges: EdgeWeights, seeds: Seeds, accuracy: Accuracy, run: Run
) -> Float32:
    """Return the probability (k, j, i) that a random walker reaches the inside first.

    Conjugate gradients with the diagonal as preconditioner.

    Parameters
    ----------
    start
        Where the solver starts (k, j, i) in [0, 1].
    own
        Probability that each voxel has by itself.
    trust
        Weight gamma of `own` against the neighbours.
    edges, seeds
        The image's edges and the given answers.
    accuracy
        When to stop.
    run
        Progress and cancel.
    """
    diagonal = edges.neighbour_sum(np.ones_like(start)) + np.float32(trust)
    free = ~seeds.fixed
    x = np.where(seeds.fixed, seeds.inside, start).astype(np.float32)
    residual = (trust * own - (diagonal * x - edges.neighbour_sum(x))) * free
    step = residual / diagonal
    direction = step.copy()
    product = float(np.vdot(residual, step))
    for _ in range(accuracy.steps):
        run.check()
        image = (diagonal * direction - edges.neighbour_sum(direction)) * free
        length = product / max(float(np.vdot(direction, image)), 1e-20)
        x += np.float32(length) * direction
        residual -= np.float32(length) * image
        step = residual / diagonal
        if float(np.abs(step).max(initial=0.0)) < accuracy.tolerance:
            break
        product, before = float(np.vdot(residual, step)), product
        direction = step + np.float32(product / before) * direction
    return np.clip(x, 0.0, 1.0)
