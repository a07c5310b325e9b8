"""Segmentations that lie in files against references that lie in files, as a protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.run import Run
from ..errors import InvalidImage, MedSegAIError
from ..geometry import VolumeGeometry
from ..label_files import Labels, read_grid, read_labels, union_of_names
from ..label_grids import check_grids, placed_on
from ..volume import ImageVolume
from .metrics.pair import MaskPair, pairs_of
from .protocols.judge import Judge
from .work import CaseRecord, Quantity, WorkItem

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
"""Files that say nothing about the size of a pixel."""


@dataclass(frozen=True)
class FilePair:
    """One segmentation and its reference.

    Parameters
    ----------
    name
        What tables call the case.
    prediction
        File of the segmentation; None if there is none.
    reference
        File of the reference.
    """

    name: str
    prediction: Path | None
    reference: Path


FileReader = Callable[[FilePair], Labels]
"""Returns the prediction of a case; raises where there is none."""


class FileComparison:
    """Measures every structure of every pair of files.

    The structures of a pair are those that its reference or its prediction holds, or all of `wanted`.

    Parameters
    ----------
    dataset
        Name of the set of references.
    pairs
        The files.
    wanted
        Names of the structures, with their values in label maps; empty takes all that the files hold.
    tolerance
        How far a surface may be off for NSD [mm, or pixels].
    resample
        Whether predictions on other grids are resampled onto the reference's.
    """

    def __init__(
        self,
        dataset: str,
        pairs: Sequence[FilePair],
        wanted: Mapping[str, int | None],
        tolerance: float = 2.0,
        resample: bool = False,
    ) -> None:
        self._dataset, self._wanted, self._resample = dataset, dict(wanted), resample
        self._pairs = {pair.name: pair for pair in pairs}
        self._has_spacing = not all(pair.reference.suffix.lower() in PICTURES for pair in pairs)
        self._judge = Judge(self._has_spacing, tolerance)
        self._read = lru_cache(maxsize=2)(read_labels)  # the two files of the present case
        self._open: _OpenCase | None = None

    @property
    def name(self) -> str:
        """Return the name that stands over the table."""
        return "Comparison of files"

    def quantities(self) -> tuple[Quantity, ...]:
        """Return what is measured."""
        return self._judge.quantities()

    def check_grids(self) -> None:
        """Raise `GeometryMismatch` for the first prediction that does not lie on the grid of its reference."""
        if self._resample:
            return
        for pair in self._pairs.values():
            if pair.prediction is None:
                continue
            try:
                grid = read_grid(pair.prediction)
            except InvalidImage:  # a file that cannot be read is a failure of its case
                continue
            wanted = read_grid(pair.reference)
            if grid.matches(wanted):
                continue
            check_grids(grid, wanted, pair.prediction.name)
            placed_on(self.read_prediction(pair), wanted, resample=False)  # nothing may be cut off

    def items(self) -> Sequence[WorkItem]:
        """Return a question for every structure of every pair."""
        return self._items

    def read_prediction(self, pair: FilePair) -> Labels:
        """Return the prediction of a case: the method of this protocol.

        Raises
        ------
        InvalidImage
            There is no prediction, or it cannot be read.
        """
        if pair.prediction is None:
            message = f"There is no prediction for '{pair.reference.name}'."
            raise InvalidImage(message, "Segment the case, or leave it out of the references.")
        return self._read(pair.prediction)

    def evaluate(self, item: WorkItem, method: FileReader, run: Run) -> Mapping[str, float]:
        """Compare one structure."""
        run.check()
        found = self._opened(self._pairs[item.subject], method(self._pairs[item.subject])).pair(item.label)
        if found is None:  # a wanted structure that neither of the two has
            found = self._unanswered(item)
        return self._judge.values_of_pair(found)

    def failed_values(self, item: WorkItem) -> Mapping[str, float]:
        """Return the values of a prediction that is missing or cannot be read."""
        pair = self._unanswered(item)
        return self._judge.failed_values_of_pair(pair)

    def masks(self, record: CaseRecord) -> tuple[NDArray[np.bool_], NDArray[np.bool_], VolumeGeometry]:
        """Return prediction and reference (k, j, i) of a case with their grid; nothing for a missing prediction."""
        case, label = self._pairs[record.item.subject], record.item.label
        if record.failure:
            reference = self._reference(case)
            truth = reference.mask(label)
            return np.zeros_like(truth), truth, reference.geometry
        opened = self._opened(case, self.read_prediction(case))
        return opened.prediction.mask(label), opened.reference.mask(label), opened.reference.geometry

    @cached_property
    def _items(self) -> tuple[WorkItem, ...]:
        return tuple(
            WorkItem(self._dataset, case.name, label)
            for case in self._pairs.values()
            for label in self._labels_of(case)
        )

    def _reference(self, case: FilePair) -> Labels:
        return self._read(case.reference).chosen(self._wanted)

    def _unanswered(self, item: WorkItem) -> MaskPair:
        """Return the pair of an empty prediction and the reference."""
        reference = self._reference(self._pairs[item.subject])
        truth = reference.mask(item.label)
        return MaskPair.of(np.zeros_like(truth), truth, reference.geometry.spacing_kji if self._has_spacing else None)

    def _opened(self, case: FilePair, prediction: Labels) -> _OpenCase:
        """Return the case with its files on one grid; the last one is kept."""
        if self._open is None or self._open.case != case or self._open.as_read is not prediction:
            reference = self._read(case.reference)
            placed = placed_on(prediction, reference.geometry, resample=self._resample)
            both = placed.chosen(self._wanted), reference.chosen(self._wanted)
            named = both[0].named_like(both[1]), both[1].named_like(both[0])
            self._open = _OpenCase(case, prediction, *named, self._has_spacing)
        return self._open

    def _labels_of(self, case: FilePair) -> Sequence[str]:
        if self._wanted:
            return tuple(self._wanted)
        try:
            opened = self._opened(case, self.read_prediction(case))
        except MedSegAIError:
            return union_of_names(self._reference(case))
        return union_of_names(opened.reference, opened.prediction)


class _OpenCase:
    """The two files of a case on one grid, whose structures are asked for one after the other."""

    def __init__(
        self, case: FilePair, as_read: Labels, prediction: Labels, reference: Labels, has_spacing: bool
    ) -> None:
        self.case, self.as_read, self.prediction, self.reference = case, as_read, prediction, reference
        self._has_spacing = has_spacing
        self._remaining: Iterator[tuple[str, MaskPair]] = iter(())

    def pair(self, label: str) -> MaskPair | None:
        """Return the pair of a structure, or None if neither of the two has it."""
        found = next((pair for name, pair in self._remaining if name == label), None)
        if found is None:  # asked for out of order: once more from the start
            self._remaining = _pairs(self.prediction, self.reference, self._has_spacing)
            found = next((pair for name, pair in self._remaining if name == label), None)
        return found


def _pairs(prediction: Labels, reference: Labels, has_spacing: bool) -> Iterator[tuple[str, MaskPair]]:
    """Yield name and pair of every structure of the two, layer by layer."""
    groups: dict[tuple[int, int], list[str]] = {}
    for name in union_of_names(reference, prediction):
        layers = prediction.places.get(name, (0, 0))[0], reference.places.get(name, (0, 0))[0]
        groups.setdefault(layers, []).append(name)
    for (first, second), names in groups.items():
        codes = {name: number for number, name in enumerate(names, start=1)}
        volumes = [
            ImageVolume(_coded(labels, layer, codes), reference.geometry)
            for labels, layer in ((prediction, first), (reference, second))
        ]
        yield from pairs_of(volumes[0], volumes[1], codes, has_spacing=has_spacing)


def _coded(labels: Labels, layer: int, codes: Mapping[str, int]) -> NDArray[Any]:
    """Return a layer with the values that `codes` gives to the names, and 0 for everything else."""
    array = labels.layers[layer]
    table = np.zeros(int(array.max(initial=0)) + 1, np.uint8 if len(codes) < 256 else np.uint16)
    for name, code in codes.items():
        place = labels.places.get(name)
        if place is not None and place[0] == layer and place[1] < len(table):
            table[place[1]] = code
    coded: NDArray[Any] = table[array]
    return coded
