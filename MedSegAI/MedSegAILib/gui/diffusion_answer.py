"""Masks that were drawn for one segment, which of them is looked at, and what applying it does."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from MedSegAICore.consensus import volume_interval
from MedSegAICore.geometry import canonical_geometry
from MedSegAICore.prompt.grid import grid_of_plane
from MedSegAICore.recipe import Recipe, recipes_to_json
from MedSegAICore.request import SliceScope
from MedSegAICore.segmentation_file import RECIPE_TAG, tag_text

from ..mrml.segments import changesWithin
from ..mrml.structures import structureMask


@dataclass
class DiffusionAnswer:
    """A result, and what is looked at of it.

    Parameters
    ----------
    image
        The `ImageVolume` that it is for.
    result
        The `SegmentationResult`.
    candidate
        Number of the mask that is looked at, from 1 on; 0 for the consensus.
    isApplied
        Whether it lies in the segment; it is shown again once something else is looked at.
    """

    image: object
    result: object
    candidate: int = 0
    isApplied: bool = False

    def __post_init__(self):
        self._recipe = Recipe.from_result(self.result)

    @property
    def isOfSlice(self):
        """Whether one slice was asked about."""
        return isinstance(self._recipe.task.scope, SliceScope)

    @property
    def preview(self):
        """What to show: the probability of the consensus, or a candidate's mask."""
        return self.result.candidates[self.candidate - 1] if self.candidate else self.result.probability

    @property
    def volumeInterval(self):
        """Between which volumes [ml] nine of ten masks lie."""
        return volume_interval(self.result.candidates)

    def mask(self, threshold):
        """Return the bool patch that is looked at; the threshold is that of the consensus."""
        if self.candidate:
            return self.result.candidates[self.candidate - 1]
        return structureMask(self.result, threshold, self._recipe.task.threshold)

    def volume(self, threshold):
        """Return the volume of what is looked at [ml]."""
        return volume_interval((self.mask(threshold),))[0]

    def changes(self, threshold):
        """Return what applying does to the segment: nothing beyond what the network has looked at."""
        return changesWithin(self._region, self.mask(threshold))

    def tags(self, threshold, candidate):
        """Return the tags that say how a mask was made: a candidate, or with 0 the consensus."""
        recipe = replace(self._recipe, task=replace(self._recipe.task, threshold=threshold, candidate=candidate))
        return {RECIPE_TAG: tag_text(recipes_to_json([recipe]))}

    @property
    def _region(self):
        """The voxels that were decided about (bool patch)."""
        covered, geometry = self.result.probability, self.image.geometry
        if not self.isOfSlice:
            return replace(covered, array=np.ones(covered.array.shape, dtype=bool))
        grid = grid_of_plane(canonical_geometry(geometry), self._recipe.task.scope.plane)
        onSlice = grid.paste(np.ones(grid.shape, dtype=bool)).in_storage_order(geometry)
        return replace(covered, array=onSlice.within(covered.bounds))
