"""Examples from real images that nobody labelled: regions that look alike are what is segmented.

Small superpixels are joined to regions as examples are drawn, after ScribblePrompt (Wong et al., ECCV 2024), which
learned half of its tasks from superpixels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from ..errors import InvalidDataset
from ..evaluation.datasets.dataset import Dataset, load_dataset
from ..volume import ImageVolume
from .example import BoolArray, Example, Float32
from .training_sets import LABELLED_SETS, UNLABELLED_SETS, Group, check_training_set, training_subjects
from .views import Grey, draw_close_up, quantised

LONGEST_SIDE = 320
"""Pictures are brought to at most so many pixels along a side."""

SIDE = 8
"""Superpixels are about so many pixels long and wide."""

_COMPACTNESS = 6.0
"""Weight of the distance in the picture against that of intensities 0..255."""

_GROWN = 0.75
"""Share of the examples whose region grows over what looks alike; the others join a few neighbours."""

_FILLED = 0.3
"""Share of the regions whose holes are filled."""

_ROUGH = 100
"""Regions of more pixels have their border smoothed."""

_AIR = 0.04
"""Pieces darker than this may be air, 0..1."""

_LARGEST_REGION = 0.6
"""A region covers at most this share of its picture."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A slice without labels.

    Parameters
    ----------
    image
        (rows, columns).
    spacing
        Distance of rows and columns, in any unit.
    """

    image: Grey
    spacing: tuple[float, float]


@dataclass(frozen=True, eq=False)
class _Superpixels:
    """A picture in small pieces.

    Parameters
    ----------
    picture
        The picture.
    labels
        Number of the piece of each pixel.
    means
        (n,) mean intensity of each piece, 0..1.
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
    def of(cls, picture: Picture) -> _Superpixels:
        labels = _pieces(picture.image)
        sizes = np.bincount(labels.ravel())
        means = np.bincount(labels.ravel(), picture.image.ravel()) / np.maximum(sizes, 1) / 65535
        beside = [(labels[:, 1:], labels[:, :-1]), (labels[1:], labels[:-1])]
        pairs = np.concatenate([np.stack([one.ravel(), other.ravel()]) for one, other in beside], axis=1)
        borders = np.unique(np.sort(pairs[:, pairs[0] != pairs[1]], axis=0), axis=1).astype(np.int64)
        return cls(picture, labels, means.astype(np.float32), sizes, borders)

    def region(self, chance: np.random.Generator) -> BoolArray:
        """Return a connected region (rows, columns) that starts from one piece."""
        seed = int(chance.integers(len(self.means)))
        if self.means[seed] < _AIR:  # a second try: much of a picture is air
            seed = int(chance.integers(len(self.means)))
        joined = self._grown(seed, chance) if chance.random() < _GROWN else self._neighbours(seed, chance)
        rough = joined[self.labels]
        # the pieces' ragged border is not what anybody would draw
        if np.count_nonzero(rough) > _ROUGH:
            rough = ndimage.uniform_filter(rough.astype(np.float32), 5) > 0.5
        filled: BoolArray = ndimage.binary_fill_holes(rough) if chance.random() < _FILLED else rough
        return filled

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


class SuperpixelSource:
    """Draws a picture, a region of it and a view.

    Parameters
    ----------
    pictures
        Slices without labels; each is cut into superpixels here, which takes about 20 ms.

    Raises
    ------
    InvalidDataset
        There is no picture.
    """

    def __init__(self, pictures: Iterable[Picture]) -> None:
        self._pieces = [_Superpixels.of(picture) for picture in pictures]
        if not self._pieces:
            message = "There is no picture to cut into superpixels."
            raise InvalidDataset(message, "Choose a set with images.")

    def draw(self, size: int, chance: np.random.Generator) -> Example:
        """Return an example of `size` x `size` pixels."""
        while True:  # seldom more than once: some regions vanish in some views
            pieces = self._pieces[int(chance.integers(len(self._pieces)))]
            region = pieces.region(chance)
            if region.any():
                example = draw_close_up(pieces.picture.image, region, pieces.picture.spacing, size, chance)
                if example is not None:
                    return example


def read_pictures(
    groups: Sequence[Group], data_folder: Path, most: int = 150, subjects: Collection[str] | None = None
) -> tuple[Picture, ...]:
    """Return slices of the sets of some groups, of each set equally many, in all three directions.

    Parameters
    ----------
    groups
        Kinds of images.
    data_folder
        Folder that holds the sets' folders.
    most
        How many at most, over all sets.
    subjects
        Who may be seen; None for those that may be trained on.
    """
    names = [name for group in groups for name in LABELLED_SETS[group] + UNLABELLED_SETS[group]]
    pictures: list[Picture] = []
    for name in names:
        pictures.extend(_pictures_of(load_dataset(name, data_folder), most // len(names), subjects))
    return tuple(pictures)


def _pictures_of(dataset: Dataset, count: int, subjects: Collection[str] | None) -> list[Picture]:
    """Return `count` slices, spread over images and positions."""
    check_training_set(dataset)
    known = training_subjects(dataset) if subjects is None else set(dataset.subjects) & set(subjects)
    cases = dataset.only(known).cases
    chosen = [cases[int(place)] for place in np.linspace(0, len(cases) - 1, min(count, len(cases)))]
    shares = np.array_split(np.arange(count), max(len(chosen), 1))
    return [part for case, share in zip(chosen, shares, strict=False) for part in _slices(case.image(), len(share))]


def _slices(volume: ImageVolume, count: int) -> list[Picture]:
    """Return slices of a volume in the directions in which there are several, the outermost left out."""
    grey, spacing, pictures = quantised(volume), volume.geometry.spacing_kji, []
    axes = [axis for axis in range(3) if grey.shape[axis] >= 16] if grey.shape[0] > 1 else [0]
    axes = axes or [0]
    for number in range(count):
        axis = axes[number % len(axes)]
        share = 0.15 + 0.7 * (number // len(axes) + 0.5) / max(np.ceil(count / len(axes)), 1)
        rows, columns = np.delete(spacing, axis)
        pictures.append(_brought(np.take(grey, int(share * grey.shape[axis]), axis), (float(rows), float(columns))))
    return pictures


def _brought(image: Grey, spacing: tuple[float, float]) -> Picture:
    """Return a slice with square pixels, and not too many of them."""
    lengths = np.multiply(image.shape, spacing)
    step = max(float(lengths.max()) / LONGEST_SIDE, min(spacing))
    zoom = tuple(max(round(length / step), 2) / side for length, side in zip(lengths, image.shape, strict=True))
    blurred = ndimage.gaussian_filter(image.astype(np.float32), [max(0.5 * (1 / part - 1), 0) for part in zoom])
    brought = ndimage.zoom(blurred, zoom, order=1, mode="nearest", grid_mode=True)
    return Picture(np.rint(brought).astype(np.uint16), (1.0, 1.0))


def _pieces(image: Grey) -> NDArray[np.uint16]:
    """Return the number of the superpixel of each pixel, counted from 0."""
    low, high = np.quantile(image, [0.005, 0.995])
    shown = np.clip((image - low) * (255 / max(high - low, 1)), 0, 255).astype(np.float32)
    smooth = sitk.GetImageFromArray(ndimage.gaussian_filter(shown, 0.7))
    labels = sitk.GetArrayFromImage(sitk.SLIC(smooth, [SIDE, SIDE], _COMPACTNESS))
    _, numbers = np.unique(labels, return_inverse=True)
    return numbers.reshape(image.shape).astype(np.uint16)
