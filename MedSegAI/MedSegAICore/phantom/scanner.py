"""How CT and MR see the abdomen: partial volume, texture, noise, bias field, an oblique and anisotropic grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from ..geometry import VolumeGeometry
from ..volume import Bounds, ImageVolume
from .anatomy import LABELS, Structure, abdomen
from .shapes import Float32, Shape, turned

HOUNSFIELD_UNITS: Mapping[str, float] = {
    "air": -1000, "gas": -960, "lung": -840, "skin": 10, "fat": -104, "muscle": 60, "cortex": 620, "marrow": 190,
    "disc": 85, "fluid": 12, "nerve": 36, "bowel wall": 78, "bowel content": 32, "stomach wall": 72,
    "stomach content": 22, "spleen": 122, "renal cortex": 188, "renal medulla": 168, "liver": 108, "bile": 8,
    "pancreas": 92, "portal vein": 152, "arterial blood": 162, "venous blood": 138,
}  # fmt: skip
"""Typical values in the portal venous phase [HU]."""

T1_SIGNAL: Mapping[str, float] = {
    "air": 0, "gas": 0, "lung": 30, "skin": 420, "fat": 950, "muscle": 300, "cortex": 30, "marrow": 560,
    "disc": 260, "fluid": 130, "nerve": 330, "bowel wall": 290, "bowel content": 180, "stomach wall": 280,
    "stomach content": 140, "spleen": 290, "renal cortex": 400, "renal medulla": 300, "liver": 500, "bile": 150,
    "pancreas": 460, "portal vein": 190, "arterial blood": 110, "venous blood": 150,
}  # fmt: skip
"""Typical relative signal of a T1-weighted gradient echo without contrast medium."""

FIELD_OF_VIEW_MM = (372.0, 266.0, 186.0)


@dataclass(frozen=True, eq=False)
class Phantom:
    """A drawn scan and the truth about it.

    Parameters
    ----------
    image
        The scan, int16.
    labels
        Label of each voxel (k, j, i) uint8; 0 is none of the named structures.
    names
        Name of each label.
    """

    image: ImageVolume
    labels: NDArray[np.uint8]
    names: Mapping[int, str]


def abdomen_ct(seed: int = 0, spacing_ijk: ArrayLike = (0.9, 0.9, 3.0)) -> Phantom:
    """Draw a CT of the abdomen in the portal venous phase [HU].

    Parameters
    ----------
    seed
        Chooses the anatomy and the noise; equal seeds give equal voxels.
    spacing_ijk
        Distance between voxels [mm].
    """
    geometry = oblique_grid(spacing_ijk, (5.0, 0.0, 4.0))
    mean, labels = render(abdomen(seed), geometry, HOUNSFIELD_UNITS)
    rng = np.random.default_rng((seed, 1))
    texture = 7 * _smooth_noise(rng, geometry, 3.0) * (mean > -300)
    # fewer photons pass through the middle of the body: their Poisson noise is larger there
    quantum = (9 + 7 * _closeness_to_center(geometry)) * _smooth_noise(rng, geometry, 0.6)
    voxels = np.clip(mean + texture + quantum, -1024, 3071)
    return Phantom(ImageVolume(np.rint(voxels).astype(np.int16), geometry), labels, dict(LABELS))


def abdomen_mr(seed: int = 0, spacing_ijk: ArrayLike = (1.25, 1.25, 4.0)) -> Phantom:
    """Draw a T1-weighted MR of the abdomen [arbitrary units]; see `abdomen_ct` for the parameters."""
    geometry = oblique_grid(spacing_ijk, (-7.0, 3.0, -6.0))
    mean, labels = render(abdomen(seed), geometry, T1_SIGNAL)
    rng = np.random.default_rng((seed, 2))
    signal = mean * (1 + 0.05 * _smooth_noise(rng, geometry, 4.0)) * _coil_sensitivity(rng, geometry)
    real, imaginary = (22 * rng.standard_normal(geometry.shape, dtype=np.float32) for _ in range(2))
    voxels = np.hypot(signal + real, imaginary)  # the magnitude of noisy complex data: Rician
    return Phantom(ImageVolume(np.rint(voxels).astype(np.int16), geometry), labels, dict(LABELS))


def oblique_grid(spacing_ijk: ArrayLike, turn_degrees: tuple[float, float, float]) -> VolumeGeometry:
    """Return a grid over the abdomen with axes towards about (left, posterior, superior), turned."""
    spacing = np.asarray(spacing_ijk, dtype=np.float64)
    i, j, k = (int(n) for n in np.ceil(np.asarray(FIELD_OF_VIEW_MM) / spacing))
    axes = turned(turn_degrees) @ np.diag([-1.0, -1.0, 1.0])
    origin = -axes @ ((np.array([i, j, k]) - 1) / 2 * spacing)
    return VolumeGeometry.from_components((k, j, i), spacing, origin, axes)


def render(
    structures: Iterable[Structure], geometry: VolumeGeometry, values: Mapping[str, float]
) -> tuple[Float32, NDArray[np.uint8]]:
    """Paint structures one over the other.

    Parameters
    ----------
    structures
        What to paint, in this order.
    geometry
        Where to paint.
    values
        Intensity of each tissue; "air" fills what nothing covers.

    Returns
    -------
    mean, labels
        Intensity (k, j, i) with partial volume, and the label that fills at least half of each voxel.
    """
    mean = np.full(geometry.shape, values["air"], dtype=np.float32)
    labels = np.zeros(geometry.shape, dtype=np.uint8)
    for structure in structures:
        bounds = voxels_around(structure.shape, geometry)
        if bounds is None:
            continue
        distance = structure.shape.distance_mm(points_of(geometry, bounds))
        thickness = thickness_of_edge(distance)
        for layer in structure.layers:
            covered = np.clip(0.5 - (distance + layer.depth_mm) / thickness, 0, 1)
            mean[bounds] += covered * (values[layer.tissue] - mean[bounds])
            if layer.label is not None:
                labels[bounds][covered >= 0.5] = layer.label
    return mean, labels


def voxels_around(shape: Shape, geometry: VolumeGeometry) -> Bounds | None:
    """Return the box of voxels that a shape can touch, or None if it lies outside the grid."""
    low, high = shape.box_ras()
    corners = np.array(list(product(*zip(low, high, strict=True))))
    indices = geometry.to_ijk(corners)[:, ::-1]
    start = np.maximum(np.floor(indices.min(axis=0)).astype(int) - 1, 0)
    stop = np.minimum(np.ceil(indices.max(axis=0)).astype(int) + 2, geometry.shape)
    if (stop - start < 2).any():
        return None
    k, j, i = (slice(int(first), int(last)) for first, last in zip(start, stop, strict=True))
    return k, j, i


def points_of(geometry: VolumeGeometry, bounds: Bounds) -> Float32:
    """Return the world positions (3, k, j, i) [mm] of the voxel centres in a box."""
    k, j, i = np.ogrid[bounds]
    matrix = geometry.ijk_to_ras.astype(np.float32)
    points = np.empty((3, *np.broadcast_shapes(k.shape, j.shape, i.shape)), dtype=np.float32)
    for axis, (along_i, along_j, along_k, start) in enumerate(matrix[:3]):
        points[axis] = along_i * i.astype(np.float32) + (along_j * j + along_k * k + start).astype(np.float32)
    return points


def thickness_of_edge(distance: Float32) -> Float32:
    """Return over which distance [mm] a surface crosses each voxel.

    A plane with unit normal n passes through a voxel with edges h while its distance from the centre goes
    from -t/2 to t/2, t = sum |n_axis| h_axis. The differences of the distance along the array axes are
    those products, so that thick slices blur slanted surfaces and leave upright ones sharp.
    """
    thickness = np.full_like(distance, 1e-3)  # never zero
    for slope in np.gradient(distance):
        thickness += np.abs(slope)
    return thickness


def _smooth_noise(rng: np.random.Generator, geometry: VolumeGeometry, size_mm: float) -> Float32:
    """Return noise (k, j, i) of unit deviation whose grains are about `size_mm` [mm] wide."""
    noise = rng.standard_normal(geometry.shape, dtype=np.float32)
    smooth = ndimage.gaussian_filter(noise, size_mm / geometry.spacing_kji, truncate=3)
    return np.asarray(smooth / smooth.std(), dtype=np.float32)


def _closeness_to_center(geometry: VolumeGeometry) -> Float32:
    """Return 1 on the long axis of the body, falling to 0 at its surface, for each voxel (k, j, i)."""
    x, y, _ = points_of(geometry, np.s_[: geometry.shape[0], : geometry.shape[1], : geometry.shape[2]])
    return np.asarray(np.clip(1 - np.square(x / 163) - np.square((y - 4) / 115), 0, 1), dtype=np.float32)


def _coil_sensitivity(rng: np.random.Generator, geometry: VolumeGeometry) -> Float32:
    """Return a smooth field (k, j, i) between about 0.6 and 1.6: surface coils see near tissue brighter."""
    knots = rng.normal(0, 0.22, size=(4, 4, 4)).astype(np.float32)
    zoom = np.array(geometry.shape) / 4
    field = ndimage.zoom(knots, zoom, order=3, mode="nearest", grid_mode=True)
    return np.asarray(np.exp(field), dtype=np.float32)
