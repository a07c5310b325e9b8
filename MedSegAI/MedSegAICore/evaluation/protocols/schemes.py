"""How examples and query are cut up: the few-shot schemes of Roy, of Ouyang and of ADNet, and in-context examples.

Slices are those of axis k, counted towards superior.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ...engine.run import Run
from ...errors import InvalidRequest
from ...support import Support
from ...volume import ImageVolume
from ..datasets.split import COMMITTED_SEED
from .judge import checked_answer
from .supports import deranged, slice_of

Mask = NDArray[np.bool_]

SupportMethod = Callable[[Sequence[Support], ImageVolume, Run], Mask]
"""Turns examples and an image into a mask (k, j, i) bool of the whole image; nothing else is told.

The axes (k, j, i) of all of them run towards (superior, posterior, left), so slices look as radiologists see them.
"""


class Scheme(Protocol):
    """What the method is shown of the examples, and of the query."""

    @property
    def name(self) -> str:
        """Return the name of the scheme."""
        ...

    def ask(
        self, method: SupportMethod, supports: Sequence[Support], query: ImageVolume, truth: Mask, run: Run
    ) -> Mask:
        """Return the method's answer (k, j, i) on the slices that are scored, False elsewhere.

        Parameters
        ----------
        method
            The method under test.
        supports
            Whole images with the structure, one of each person.
        query
            The image that is asked about.
        truth
            The structure on it (k, j, i), for the schemes that tell the method where it begins and ends.
        run
            Progress and cancel.
        """
        ...

    def scored(self, truth: Mask) -> slice:
        """Return the slices of the query that count."""
        ...


@dataclass(frozen=True)
class RoySlices:
    """One annotated slice for each of k groups of slices (Roy et al. 2020, arXiv:1902.01314).

    The slices that show the structure are cut into k equal groups, in the example and in the query; the centre slice
    of the example's group is what the method sees for all slices of the query's group. The method is told where the
    structure begins and ends in the query, and only the slices between are scored.

    Parameters
    ----------
    budget
        Number of annotated slices, k; 12 in the paper.
    """

    budget: int = 12

    def __post_init__(self) -> None:
        _check_groups(self.budget)

    @property
    def name(self) -> str:
        """Return the name of the scheme."""
        return f"Roy, {self.budget} slices, extent known"

    def ask(
        self, method: SupportMethod, supports: Sequence[Support], query: ImageVolume, truth: Mask, run: Run
    ) -> Mask:
        """Return the answer between the first and the last slice of the structure."""
        first, last = extent_of(truth)
        count = last - first + 1
        groups = [(index * self.budget // count) for index in range(count)]
        return _ask_by_groups(method, supports, query, first, groups, self.budget, run)

    def scored(self, truth: Mask) -> slice:
        """Return the slices from the first to the last of the structure."""
        first, last = extent_of(truth)
        return slice(first, last + 1)


@dataclass(frozen=True)
class OuyangSlices:
    """Three groups of slices, one example slice for each (Ouyang et al. 2020, arXiv:2007.09886).

    The example slices lie at the percentiles 1/6, 1/2 and 5/6 of the example's slices with the structure. A slice z of
    the query belongs to the group floor((z - first) / ((last - first) / 3)), the last slice to the last group. Only
    the slices from first to last are scored.

    Parameters
    ----------
    setting
        1: training slices may show the structure without its label. 2: slices that show it were never trained on.
        It is about the training of the method, see `training_slices`; what is asked is the same.
    groups
        Number of groups; odd, 3 in the paper.
    """

    setting: Literal[1, 2] = 1
    groups: int = 3

    def __post_init__(self) -> None:
        _check_groups(self.groups)
        if self.setting not in (1, 2):
            message = f"There is no setting {self.setting}."
            raise InvalidRequest(message, "Choose setting 1 or 2.")

    @property
    def name(self) -> str:
        """Return the name of the scheme."""
        return f"Ouyang, setting {self.setting}, {self.groups} groups, extent known"

    def ask(
        self, method: SupportMethod, supports: Sequence[Support], query: ImageVolume, truth: Mask, run: Run
    ) -> Mask:
        """Return the answer between the first and the last slice of the structure."""
        first, last = extent_of(truth)
        length = max(last - first, 1)
        groups = [min(index * self.groups // length, self.groups - 1) for index in range(last - first + 1)]
        return _ask_by_groups(method, supports, query, first, groups, self.groups, run)

    def scored(self, truth: Mask) -> slice:
        """Return the slices from the first to the last of the structure."""
        first, last = extent_of(truth)
        return slice(first, last + 1)

    def training_slices(self, novel: Sequence[Mask], slices: int) -> tuple[int, ...]:
        """Return the slices of a training image that a method may learn from.

        Parameters
        ----------
        novel
            The structures that are novel together (k, j, i), such as those of the same group in the paper.
        slices
            Number of slices of the image.
        """
        shows = np.zeros(slices, dtype=np.bool_)
        for mask in novel:
            shows |= mask.any(axis=(1, 2))
        return tuple(index for index in range(slices) if self.setting == 1 or not shows[index])


@dataclass(frozen=True)
class FullVolume:
    """Nothing is told about the query, every slice of it is scored (ADNet's EP2, Hansen et al. 2022, arXiv:2203.02048).

    Parameters
    ----------
    shown
        What the method sees of each example: the `centre` slice of the structure, or `all` slices.
    """

    shown: Literal["centre", "all"] = "centre"

    @property
    def name(self) -> str:
        """Return the name of the scheme."""
        return f"ADNet, full volume, {self.shown} slice{'s' if self.shown == 'all' else ''} of the support"

    def ask(
        self,
        method: SupportMethod,
        supports: Sequence[Support],
        query: ImageVolume,
        truth: Mask,
        run: Run,
    ) -> Mask:
        """Return the answer on the whole volume."""
        if self.shown == "centre":
            supports = [slice_of(support, centre_slices(support.mask.full(), 1)[0]) for support in supports]
        return checked_answer(method(tuple(supports), query, run), truth.shape)

    def scored(self, truth: Mask) -> slice:
        """Return all slices."""
        return slice(0, len(truth))


@dataclass(frozen=True)
class InContext:
    """Whole images as context, as UniverSeg (Butoi et al. 2023, arXiv:2304.06131) and its kin take them.

    Parameters
    ----------
    deranged
        A diagnosis: the masks are exchanged so that none stays with its image. A method that does as well as with
        the right masks looks at where the masks are, not at the images.
    seed
        Draws who gets whose mask.
    """

    deranged: bool = False
    seed: int = COMMITTED_SEED

    @property
    def name(self) -> str:
        """Return the name of the scheme."""
        return "In-context, masks deranged" if self.deranged else "In-context"

    def ask(
        self, method: SupportMethod, supports: Sequence[Support], query: ImageVolume, truth: Mask, run: Run
    ) -> Mask:
        """Return the answer on the whole image."""
        shown = deranged(supports, self.seed) if self.deranged else tuple(supports)
        return checked_answer(method(shown, query, run), truth.shape)

    def scored(self, truth: Mask) -> slice:
        """Return all slices."""
        return slice(0, len(truth))


def extent_of(mask: Mask) -> tuple[int, int]:
    """Return the first and the last slice (k) of a structure that is not empty."""
    shows = np.flatnonzero(mask.any(axis=(1, 2)))
    return int(shows[0]), int(shows[-1])


def centre_slices(mask: Mask, groups: int) -> list[int]:
    """Return for each of `groups` equal groups of the slices that show a structure the one in its centre.

    That is slice floor((g + 1/2) / groups * count) of the `count` slices that show it, for g = 0, 1, ...
    """
    shows = np.flatnonzero(mask.any(axis=(1, 2)))
    return [int(shows[(2 * group + 1) * len(shows) // (2 * groups)]) for group in range(groups)]


def _ask_by_groups(
    method: SupportMethod,
    supports: Sequence[Support],
    query: ImageVolume,
    first: int,
    groups: Sequence[int],
    count: int,
    run: Run,
) -> Mask:
    """Show the method each group of slices of the query, from `first` on, with the example slices of that group."""
    answer = np.zeros(query.geometry.shape, dtype=np.bool_)
    centres = [centre_slices(support.mask.full(), count) for support in supports]
    start = first
    for group, members in groupby(groups):
        shown = tuple(slice_of(support, chosen[group]) for support, chosen in zip(supports, centres, strict=True))
        stop = start + len(list(members))
        grid = query.geometry.crop((start, 0, 0), (stop - start, *query.geometry.shape[1:]))
        part = run.part((start - first) / len(groups), (stop - first) / len(groups))
        slices = ImageVolume(query.array[start:stop], grid)
        answer[start:stop] = checked_answer(method(shown, slices, part), grid.shape)
        start = stop
    return answer


def _check_groups(groups: int) -> None:
    if groups < 1:
        message = f"Slices cannot be cut into {groups} groups."
        raise InvalidRequest(message, "Choose at least one group.")
