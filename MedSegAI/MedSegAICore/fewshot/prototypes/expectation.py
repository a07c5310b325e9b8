"""Where the examples' structures are expected on the slices of a query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ...engine.run import Run
from ...volume import ImageVolume
from ..registered.features import LEAST_PRIOR
from ..registered.grids import Float32
from ..registered.query import RegisteredQuery, register_query
from .encoders import SliceEncoder
from .knowledge import Knowledge
from .pictures import Pictures, as_slices, as_volume, onto, pictures_of, require_contrast

GLANCE = (32, 32)
"""Size of slices on which the first one to look at is found."""

FAINT_SHARE = 0.5
"""Where a whole prior is faint, what is above this share of its highest value is looked at."""


@dataclass(frozen=True, eq=False)
class Expectation:
    """A query with the registered prior on its slices.

    Parameters
    ----------
    registered
        The query with the examples registered to it.
    pictures
        Its slices.
    grid
        The grid of the features of all slices.
    prior
        Probability of every structure at each feature: float32 (structures, n, h, w).
    region
        Where structures are looked for: bool (n, h, w).
    """

    registered: RegisteredQuery
    pictures: Pictures
    grid: sitk.Image
    prior: Float32
    region: NDArray[np.bool_]

    @property
    def slices(self) -> list[int]:
        """Return the slices where something is looked for."""
        return [int(index) for index in np.flatnonzero(self.region.any(axis=(1, 2)))]

    def depth(self, structure: int, index: int) -> float:
        """Return how deep in a structure a slice is expected to lie: the share of the structure below its middle."""
        areas = self.prior[structure].sum(axis=(1, 2), dtype=np.float64)
        return float((areas[:index].sum() + areas[index] / 2) / max(areas.sum(), 1e-12))

    def size(self, structure: int, index: int) -> float:
        """Return the share of what is looked at on a slice that a structure is expected to cover."""
        return float(self.prior[structure, index][self.region[index]].mean())

    def on_box(self, values: Float32) -> Float32:
        """Return values (structures, n, rows, columns) on slices as values (structures, ...) on the query's box."""
        rows, columns = values.shape[2:]
        volumes = np.stack([as_volume(one, self.pictures.axis) for one in values])
        return onto(volumes, self.pictures.grid((rows, columns)), self.registered.fine)


def expected(knowledge: Knowledge, query: ImageVolume, encoder: SliceEncoder, run: Run) -> Expectation:
    """Return where structures are expected on a query.

    Raises
    ------
    InvalidImage
        The image is too small, or all its voxels are alike; or it is a slice and the examples are volumes, or the
        other way round.
    Cancelled
        The run was stopped.
    """
    require_contrast(query)
    registered = register_query(knowledge.registered, query, run.part(0.0, 0.9))
    pictures = pictures_of(query, knowledge.axis, knowledge.spacing, encoder.most_pixels, run)
    prior = registered.priors.weighted

    def on_slices(size: tuple[int, int]) -> Float32:
        moved = onto(prior, registered.fine, pictures.grid(size), 0.0, run)
        return np.stack([as_slices(one, pictures.axis) for one in moved])

    first = int(on_slices(GLANCE).sum(axis=(0, 2, 3)).argmax())
    features: Tensor = pictures.embed(first, encoder, run.part(0.9, 1.0))
    size = features.shape[1], features.shape[2]
    found = on_slices(size)
    steps = np.array([_thickness(pictures), *np.array(pictures.spacing) * pictures.shape / size])
    region = _region(found, knowledge.reach_mm, steps)
    return Expectation(registered, pictures, pictures.grid(size), found, region)


def _thickness(pictures: Pictures) -> float:
    """Return the distance between slices [mm]."""
    return 1.0 if pictures.axis is None else float(pictures.image.GetSpacing()[2 - pictures.axis])


def _region(prior: Float32, reach_mm: float, steps_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where structures may be: bool (n, h, w), from their prior (structures, n, h, w)."""
    total = prior.sum(axis=0)
    highest = float(total.max())
    likely: NDArray[np.bool_] = total > min(LEAST_PRIOR, FAINT_SHARE * highest)
    if not likely.any():
        return likely
    return np.asarray(ndimage.distance_transform_edt(~likely, sampling=steps_mm) <= reach_mm)
