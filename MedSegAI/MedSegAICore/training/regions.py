"""Regions of real images that look alike: small superpixels, joined anew for each example.

After ScribblePrompt (Wong et al., ECCV 2024), which learned half of its tasks from superpixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from .example import BoolArray, Float32
from .views import Grey, Picture

SIDE = 8
"""Superpixels are about so many pixels long and wide."""

_COMPACTNESS = 6.0
"""Weight of the distance in the picture against that of intensities 0..255."""

_GROWN = 0.9
"""Share of the examples whose region grows over what looks alike; the others join a few neighbours."""

_FILLED = 0.3
"""Share of the regions whose holes are filled."""

_ROUGH = 100
"""Regions of more pixels have their border smoothed."""

_FAINTEST = 0.02
"""Regions whose border has less contrast are not used, 0..1: such as parts of an organ."""

_VISIBLE = 0.7
"""Share of the border that has this contrast."""

_AIR = 0.08
"""Regions at the picture's edge that are darker may be air, 0..1."""

_LARGEST_REGION = 0.6
"""A region covers at most this share of its picture."""


@dataclass(frozen=True, eq=False)
class Superpixels:
    """A picture in small pieces.

    Parameters
    ----------
    picture
        The slice.
    labels
        Number of the piece of each pixel.
    means
        (n,) mean intensity of each piece, 0 where it is dark and 1 where it is bright.
    sizes
        (n,) pixels of each piece.
    borders
        (2, m) pieces that touch.
    """

    picture: Picture
    labels: NDArray[np.uint16]
    means: Float32
    sizes: NDArray[np.int64]
    borders: NDArray[np.int64]

    @classmethod
    def of(cls, picture: Picture) -> Superpixels:
        """Cut a picture into pieces."""
        shown = _without_extremes(picture.image)
        labels = _pieces(shown)
        sizes = np.bincount(labels.ravel())
        means = np.bincount(labels.ravel(), shown.ravel()) / sizes
        beside = [(labels[:, 1:], labels[:, :-1]), (labels[1:], labels[:-1])]
        pairs = np.concatenate([np.stack([one.ravel(), other.ravel()]) for one, other in beside], axis=1)
        borders = np.unique(np.sort(pairs[:, pairs[0] != pairs[1]], axis=0), axis=1).astype(np.int64)
        return cls(picture, labels, means.astype(np.float32), sizes, borders)

    def region(self, chance: np.random.Generator) -> BoolArray | None:
        """Return a connected region (rows, columns) around one piece; None if nobody could see all of its border."""
        seed = int(chance.integers(len(self.means)))
        joined = self._grown(seed, chance) if chance.random() < _GROWN else self._neighbours(seed, chance)
        if self._contrast(joined) < _FAINTEST or self._is_air(joined):
            return None
        rough = joined[self.labels]
        # the pieces' ragged border is not what anybody would draw
        if np.count_nonzero(rough) > _ROUGH:
            rough = ndimage.uniform_filter(rough.astype(np.float32), 5) > 0.5
        filled: BoolArray = ndimage.binary_fill_holes(rough) if chance.random() < _FILLED else rough
        return filled

    def _contrast(self, joined: BoolArray) -> float:
        """Return by how much the pieces on both sides of the border of a region differ, along most of the border."""
        one, other = self.borders
        across = joined[one] != joined[other]
        if not across.any():
            return 0.0
        return float(np.quantile(np.abs(self.means[one[across]] - self.means[other[across]]), 1 - _VISIBLE))

    def _is_air(self, joined: BoolArray) -> bool:
        """Return whether a region goes on beyond the picture, where all is black as well."""
        edge = np.concatenate([self.labels[[0, -1]].ravel(), self.labels[:, [0, -1]].ravel()])
        return bool(joined[edge].any() and np.average(self.means[joined], weights=self.sizes[joined]) < _AIR)

    def _grown(self, seed: int, chance: np.random.Generator) -> BoolArray:
        """Return which pieces are joined to one because they look like it, or like those between."""
        tolerance = np.exp(chance.uniform(np.log(0.01), np.log(0.2)))
        one, other = self.borders
        chained = chance.random() < 0.4
        while True:
            if chained:
                alike: BoolArray = np.abs(self.means[one] - self.means[other]) < tolerance / 2
            else:
                near = np.abs(self.means - self.means[seed]) < tolerance
                alike = near[one] & near[other]
            joined = self._connected(seed, alike)
            if self.sizes[joined].sum() <= _LARGEST_REGION * self.labels.size:
                return joined
            tolerance /= 2
            if tolerance < 1e-3:
                return self._connected(seed, np.zeros(len(one), np.bool_))

    def _neighbours(self, seed: int, chance: np.random.Generator) -> BoolArray:
        """Return which pieces are joined to one by chance."""
        joined = chance.random((self.borders.shape[1],)) < chance.uniform(0, 0.3)
        return self._connected(seed, joined)

    def _connected(self, seed: int, kept: BoolArray) -> BoolArray:
        one, other = self.borders[:, kept]
        count = len(self.means)
        graph = sparse.coo_array((np.ones(len(one), np.int8), (one, other)), (count, count))
        _, parts = csgraph.connected_components(graph, directed=False)
        return np.asarray(parts == parts[seed])


def _without_extremes(image: Grey) -> Float32:
    """Return an image (rows, columns) from 0 to 1 whose darkest and brightest pixels do not count."""
    low, high = np.quantile(image, [0.005, 0.995]).tolist()
    return np.asarray(np.clip((image - low) / max(high - low, 1), 0, 1), dtype=np.float32)


def _pieces(shown: Float32) -> NDArray[np.uint16]:
    """Return the number of the superpixel of each pixel, counted from 0."""
    slic = sitk.SLICImageFilter()
    slic.SetNumberOfThreads(1)  # sums of several threads differ in their last digits
    slic.SetSuperGridSize([SIDE, SIDE])
    slic.SetSpatialProximityWeight(_COMPACTNESS)
    smooth = ndimage.gaussian_filter(np.float32(255) * shown, 0.7)
    labels = sitk.GetArrayFromImage(slic.Execute(sitk.GetImageFromArray(smooth)))
    _, numbers = np.unique(labels, return_inverse=True)
    return np.asarray(numbers.reshape(shown.shape), dtype=np.uint16)
