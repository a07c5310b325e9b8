"""Examples from labelled images: every structure of a set equally often, whatever its size."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidDataset
from ..evaluation.datasets.dataset import Case, Dataset, load_dataset
from ..volume import VolumePatch
from .example import MOST_TRIES, SMALLEST_AREA, BoolArray, Example
from .training_sets import LABELLED_SETS, Group, check_training_set, training_subjects
from .views import Grey, Picture, directions, draw_close_up, quantised

_MANY_SUBJECTS = 16
"""Sets are seen as often as the root of the number of their subjects says, up to so many."""


@dataclass(frozen=True, eq=False)
class DrawnStructure:
    """What somebody drew on one image.

    Parameters
    ----------
    image
        The image (k, j, i).
    spacing
        Distance of its voxels along k, j and i.
    mask
        Bool patch of the structure.
    places
        (n, 2) array axis and index of the slices that show enough of it.
    """

    image: Grey
    spacing: tuple[float, float, float]
    mask: VolumePatch
    places: NDArray[np.int64]

    def place_along(self, axis: int, share: float) -> NDArray[np.int64]:
        """Return array axis and index of the slice that lies that share of the way along the structure.

        Where no slice along the axis shows enough of it, other axes are taken.
        """
        along = self.places[self.places[:, 0] == axis]
        places = along if len(along) else self.places
        place: NDArray[np.int64] = places[int(np.clip(round(share * (len(places) - 1)), 0, len(places) - 1))]
        return place

    def slice(self, place: NDArray[np.int64]) -> tuple[Picture, BoolArray]:
        """Return picture and mask of one of its slices."""
        axis, index = (int(number) for number in place)
        mask: BoolArray = np.zeros(self.image.shape[:axis] + self.image.shape[axis + 1 :], np.bool_)
        bounds = self.mask.bounds[:axis] + self.mask.bounds[axis + 1 :]
        mask[bounds] = np.take(self.mask.array, index - self.mask.offset[axis], axis)
        rows, columns = self.spacing[:axis] + self.spacing[axis + 1 :]
        return Picture(np.take(self.image, index, axis), (rows, columns)), mask


class LabelledSource:
    """Draws a set by its number of subjects, then structure, image and slice evenly.

    Parameters
    ----------
    group
        Which kind of images; its sets are those of `LABELLED_SETS`.
    data_folder
        Folder that holds the sets' folders.
    subjects
        Who may be seen, over all sets; None for those that may be trained on.

    Raises
    ------
    InvalidDataset
        A set is missing or damaged, may not be trained on, or nothing is drawn on it.
    """

    def __init__(self, group: Group, data_folder: Path, subjects: Collection[str] | None = None) -> None:
        datasets = [load_dataset(name, data_folder) for name in LABELLED_SETS[group]]
        drawn = [(drawn_structures(dataset, subjects), _weight(dataset)) for dataset in datasets]
        self._sets = [labels for labels, _ in drawn if labels]
        weights = np.array([weight for labels, weight in drawn if labels])
        if not self._sets:
            message = f"Nobody drew anything on the images of the group '{group}'."
            raise InvalidDataset(message, "Choose other subjects.")
        self._shares = weights / weights.sum()

    def draw(self, size: int, chance: np.random.Generator) -> Example:
        """Return an example of `size` x `size` pixels.

        Raises
        ------
        InvalidDataset
            Nothing can be seen.
        """
        for _ in range(MOST_TRIES):  # nearly always one: some structures vanish in some views
            labels = self._sets[int(chance.choice(len(self._sets), p=self._shares))]
            structures = labels[int(chance.integers(len(labels)))]
            structure = structures[int(chance.integers(len(structures)))]
            place = structure.places[chance.integers(len(structure.places))]
            picture, mask = structure.slice(place)
            example = draw_close_up(picture, mask, size, chance)
            if example is not None:
                return example
        message = "Nothing can be seen of what was drawn on the images."
        raise InvalidDataset(message, "Look whether the images are blank.")

    def draw_slices(self, count: int, chance: np.random.Generator) -> list[tuple[Picture, BoolArray]]:
        """Return slices that show one structure, of as many images as there are, with its masks.

        All lie in one direction, about as far along the structure.
        """
        labels = self._sets[int(chance.choice(len(self._sets), p=self._shares))]
        structures = labels[int(chance.integers(len(labels)))]
        order, along = chance.permutation(len(structures)), chance.uniform(0.1, 0.9)
        drawn = [structures[order[number % len(order)]] for number in range(count)]
        axis = int(drawn[0].places[chance.integers(len(drawn[0].places)), 0])
        return [structure.slice(structure.place_along(axis, along + chance.normal(0, 0.12))) for structure in drawn]


def _weight(dataset: Dataset) -> float:
    """Return how often a set is seen: sets of one person would be learned by heart."""
    return float(np.sqrt(min(len(dataset.subjects), _MANY_SUBJECTS)))


def drawn_structures(dataset: Dataset, subjects: Collection[str] | None = None) -> list[list[DrawnStructure]]:
    """Return what was drawn in a set, for each label that was.

    Parameters
    ----------
    dataset
        The set.
    subjects
        Who may be seen; None for those that may be trained on.

    Raises
    ------
    InvalidDataset
        The set may not be trained on, or is damaged.
    """
    check_training_set(dataset)
    known = training_subjects(dataset) if subjects is None else set(dataset.subjects) & set(subjects)
    drawn: dict[str, list[DrawnStructure]] = {}
    for case in dataset.only(known).cases:
        for label, structure in _of_case(case):
            drawn.setdefault(label, []).append(structure)
    return list(drawn.values())


def _of_case(case: Case) -> Iterator[tuple[str, DrawnStructure]]:
    image = case.image()
    grey, spacing = quantised(image), tuple(image.geometry.spacing_kji.tolist())
    for label in case.drawn_labels:
        for mask in case.masks(label):
            patch = mask.tight()
            places = _places(patch, spacing)
            if len(places):
                yield label, DrawnStructure(grey, spacing, patch, places)


def _places(mask: VolumePatch, spacing: Sequence[float]) -> NDArray[np.int64]:
    """Return array axis and index (n, 2) of the slices that can be used and show enough of a structure."""
    places: list[tuple[int, int]] = []
    for axis in directions(mask.geometry.shape, spacing):
        others = [other for other in range(3) if other != axis]
        areas = np.count_nonzero(mask.array, axis=(others[0], others[1]))
        places.extend((axis, mask.offset[axis] + int(index)) for index in np.flatnonzero(areas >= SMALLEST_AREA))
    return np.array(places, dtype=np.int64).reshape(-1, 2)
