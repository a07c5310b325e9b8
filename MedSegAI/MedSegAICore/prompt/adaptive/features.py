"""What a voxel looks like: intensity and its neighbourhood at several scales."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...engine.run import Run
from .arrays import Float32
from .region import WorkRegion

KNOTS = 129
"""Quantiles that describe the intensity scale."""

SCALES = (1.0, 2.5)
"""Standard deviations of the derivative features [blocks]."""

CODE_SCALES = (0.8, 1.8)
"""Standard deviations of the two intensities whose joint histogram is learned [blocks]."""

CODE_BINS = 40
"""Bins of the joint histogram along each intensity."""

EDGE_SCALE = 0.5
"""Standard deviation of the intensities that edges are measured on [blocks]."""

CONTEXT_SCALE = 4.0
"""Standard deviation of the coarsest intensity feature [blocks]."""


@dataclass(frozen=True, eq=False)
class IntensityScale:
    """A monotone map of intensities to about [0, 1], half by rank and half linear.

    Ranks give each tissue of the neighbourhood its share of the range, whatever the modality; the linear half
    keeps noise from being blown up where the histogram is thin.
    """

    knots: NDArray[np.float64]
    values: NDArray[np.float64]

    @classmethod
    def of_sample(cls, sample: NDArray[np.floating]) -> IntensityScale:
        """Return the scale of the intensities around the prompts."""
        knots = np.quantile(sample.astype(np.float64), np.linspace(0, 1, KNOTS))
        low, high = knots[3], knots[-4]
        linear = np.clip((knots - low) / (high - low), 0, 1) if high > low else np.zeros(KNOTS)
        strictly = knots + np.arange(KNOTS) * 1e-7 * (np.abs(knots).max() or 1.0)
        return cls(strictly, 0.5 * np.linspace(0, 1, KNOTS) + 0.5 * linear)

    def apply(self, array: Float32) -> Float32:
        """Return the scaled intensities."""
        return np.interp(array, self.knots, self.values).astype(np.float32)

    def stretched(self, array: NDArray[Any]) -> Float32:
        """Return the intensities on a linear scale on which the sample reaches from 0 to 1, cut off there."""
        low, high = self.knots[0], self.knots[-1]
        return np.asarray((np.clip(array, low, high) - low) / (high - low), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Features:
    """Features of a region.

    Parameters
    ----------
    scale
        The intensity scale.
    edge_image
        Hardly smoothed scaled intensities (k, j, i), for edges.
    code
        Bin (n,) of each voxel in the joint histogram of the intensities at two scales.
    table
        Standardised features (m, n): gradient, Laplacian, local deviation and the Hessian's eigenvalues at
        each scale, and intensities.
    path_cost
        Price of a millimetre for geodesic distances (k, j, i), at least 1.
    """

    scale: IntensityScale
    edge_image: Float32
    code: NDArray[np.int32]
    table: Float32
    path_cost: Float32


def compute_features(region: WorkRegion, scale: IntensityScale, edge_price: float, run: Run) -> Features:
    """Return the features of a region.

    Parameters
    ----------
    region
        The region.
    scale
        Its intensity scale.
    edge_price
        Extra price of a path per median gradient.
    run
        Progress and cancel.
    """
    run.check()
    scaled = scale.apply(region.array)
    run.check()
    step = region.block_mm / region.finest_mm  # sizes of the blocks in units of the finest side
    columns = []
    for sigma in (*CODE_SCALES, CONTEXT_SCALE):
        run.check()
        columns.append(_blurred(scaled, sigma, step))
    codes = columns[:2]
    for sigma in SCALES:
        run.check()
        columns += _derivative_features(scaled, sigma, step, run)
    run.check()
    gradient = np.sqrt(sum(part * part for part in _gradient(codes[0], step)))
    run.check()
    path_cost = (1 + edge_price * gradient / (np.median(gradient) + 1e-3)).astype(np.float32)
    code = _joint_bin(codes[0], codes[1])
    table = np.empty((len(columns), scaled.size), dtype=np.float32)
    for row, column in zip(table, columns, strict=True):
        run.check()
        row[:] = _standardised(column)
    run.check()
    edge_image = _blurred(scaled, EDGE_SCALE, step)
    run.check()
    return Features(scale, edge_image, code, table, path_cost)


def _joint_bin(fine: Float32, coarse: Float32) -> NDArray[np.int32]:
    row, column = (np.clip((code * CODE_BINS).astype(np.int32), 0, CODE_BINS - 1) for code in (fine, coarse))
    return np.asarray((row * CODE_BINS + column).ravel())


def _blurred(array: Float32, sigma: float, step: NDArray[np.float64]) -> Float32:
    return np.asarray(ndimage.gaussian_filter(array, sigma / step))


def _gradient(array: Float32, step: NDArray[np.float64]) -> list[Float32]:
    """Return the derivatives along (k, j, i); zero along an axis of one block."""
    return [
        (np.gradient(array, axis=axis) / np.float32(step[axis])) if array.shape[axis] > 1 else np.zeros_like(array)
        for axis in range(3)
    ]


def _derivative_features(scaled: Float32, sigma: float, step: NDArray[np.float64], run: Run) -> list[Float32]:
    smooth = _blurred(scaled, sigma, step)
    gradient = _gradient(smooth, step)
    hessian = np.empty((*scaled.shape, 3, 3), dtype=np.float32)
    for row in range(3):
        run.check()
        second = _gradient(gradient[row], step)
        for column in range(row, 3):
            hessian[..., row, column] = hessian[..., column, row] = second[column]
    variance = _blurred(scaled * scaled, sigma, step) - smooth * smooth
    return [
        np.sqrt(sum(part * part for part in gradient)),
        np.asarray(hessian[..., 0, 0] + hessian[..., 1, 1] + hessian[..., 2, 2]),
        np.sqrt(np.maximum(variance, 0)),
        *_eigenvalues(hessian, run),
    ]


def _eigenvalues(hessian: Float32, run: Run) -> list[Float32]:
    """Return the three eigenvalues (k, j, i) of matrices (k, j, i, 3, 3), rising."""
    if 1 in hessian.shape[:3]:
        return _eigenvalues_on_slice(hessian, hessian.shape.index(1))
    eigenvalues = np.empty(hessian.shape[:4], dtype=np.float32)
    for layer, of_layer in zip(hessian, eigenvalues, strict=True):  # layer by layer: it is slow, and a run can stop
        run.check()
        of_layer[...] = np.linalg.eigvalsh(layer)
    return [eigenvalues[..., order] for order in range(3)]


def _eigenvalues_on_slice(hessian: Float32, across: int) -> list[Float32]:
    """Return the same where nothing changes along the axis `across`: by the formula for 2 x 2, and 0."""
    one, other = (axis for axis in range(3) if axis != across)
    middle = (hessian[..., one, one] + hessian[..., other, other]) / 2
    radius = np.hypot((hessian[..., one, one] - hessian[..., other, other]) / 2, hessian[..., one, other])
    low, high = middle - radius, middle + radius
    return [np.minimum(low, 0), np.maximum(low, np.minimum(high, 0)), np.maximum(high, 0)]


def _standardised(column: Float32) -> Float32:
    centred = (column.ravel() - np.median(column)) / (np.std(column) + 1e-6)
    return np.clip(centred, -3, 3).astype(np.float32)
