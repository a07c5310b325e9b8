"""The few-shot schemes that cut examples and query into groups of slices and tell where the structure ends.

Slices are those of axis k, counted towards superior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np

from ...engine.run import Run
from ...errors import InvalidRequest
from ...support import Support
from ...volume import ImageVolume
from .judge import Mask, checked_answer
from .schemes import SupportMethod
from .supports import slice_of


@dataclass(frozen=True)
class RoySlices:
    """One annotated slice for each of k groups of slices (Roy et al. 2020, arXiv:1902.01314).

    The slices of the example that show the structure are cut into k equal groups, and so are those of the query from
    the first to the last that shows it; the centre slice of the example's group is what the method sees for all slices
    of the query's group. So the method is told where the structure begins and ends, and only what lies between is
    scored.

    Parameters
    ----------
    budget
        Number of annotated slices, k; 12 in the paper.
    """

    budget: int = 12

    fewest_supports = 1
    remark = ""

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

    fewest_supports = 1
    remark = ""

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
