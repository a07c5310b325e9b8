"""Examples from real images that nobody labelled: regions that look alike are what is segmented."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
from scipy import ndimage

from ..errors import InvalidDataset
from ..evaluation.datasets.dataset import Dataset, load_dataset
from ..volume import ImageVolume
from .example import MOST_TRIES, BoolArray, Example
from .regions import Superpixels
from .training_sets import LABELLED_SETS, UNLABELLED_SETS, Group, check_training_set, training_subjects
from .views import Grey, Picture, directions, draw_close_up, quantised

LONGEST_SIDE = 320
"""Pictures are brought to at most so many pixels along a side."""


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
        self._pieces = [Superpixels.of(picture) for picture in pictures]
        if not self._pieces:
            message = "There is no picture to cut into superpixels."
            raise InvalidDataset(message, "Choose a set with images.")

    def draw(self, size: int, chance: np.random.Generator) -> Example:
        """Return an example of `size` x `size` pixels.

        Raises
        ------
        InvalidDataset
            Nothing can be seen.
        """
        for _ in range(MOST_TRIES):  # seldom more than two: some regions cannot be seen, some vanish in some views
            drawn = self.draw_region(chance)
            if drawn is not None:
                example = draw_close_up(*drawn, size, chance)
                if example is not None:
                    return example
        message = "No region stands out in the pictures."
        raise InvalidDataset(message, "Look whether the images are blank.")

    def draw_region(self, chance: np.random.Generator) -> tuple[Picture, BoolArray] | None:
        """Return a picture and a region (rows, columns) of it; None if nobody could see the region."""
        pieces = self._pieces[int(chance.integers(len(self._pieces)))]
        region = pieces.region(chance)
        return (pieces.picture, region) if region is not None and region.any() else None


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
    """Return slices of a volume in all directions worth looking at, the outermost left out."""
    grey, spacing, pictures = quantised(volume), volume.geometry.spacing_kji, []
    axes = directions(grey.shape, spacing.tolist()) or (0,)
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
