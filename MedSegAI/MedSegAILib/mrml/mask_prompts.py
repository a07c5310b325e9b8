"""Segments as prompts: the current one as a first guess, the others as what must stay outside."""

from __future__ import annotations

from itertools import product

import numpy as np
from MedSegAICore.prompt.grid import section_of
from MedSegAICore.prompts import MaskPrompt
from MedSegAICore.volume import VolumePatch

from .oriented import imageToWorld, localToWorld, scalarsAsArray
from .prompts import segmentPatch
from .segments import labelmapOf

SAME_GRID = 1e-3
"""Voxels that differ by less than this part of a voxel are the same."""


def maskPrompts(segmentationNode, segmentId, geometry, plane, *, fromSegment, fromOthers):
    """Return what the segments of a segmentation say about one of them.

    Parameters
    ----------
    segmentationNode, segmentId
        The segment in question.
    geometry
        Grid of the image.
    plane
        `SlicePlane` that matters; None takes the whole volume.
    fromSegment
        The segment itself is the first guess.
    fromOthers
        The other visible segments are outside.
    """
    chosen = [(segmentId, True)] if fromSegment else []
    chosen += [(other, False) for other in _visibleOthers(segmentationNode, segmentId) if fromOthers]
    patches = [(_patchOn(segmentationNode, name, geometry, plane), positive) for name, positive in chosen]
    return tuple(MaskPrompt(patch, positive) for patch, positive in patches if patch.array.any())


def _visibleOthers(segmentationNode, segmentId):
    display = segmentationNode.GetDisplayNode()
    others = [name for name in segmentationNode.GetSegmentation().GetSegmentIDs() if name != segmentId]
    return [name for name in others if display is not None and display.GetSegmentVisibility(name)]


def _patchOn(segmentationNode, segmentId, geometry, plane):
    if plane is None:
        return segmentPatch(segmentationNode, segmentId, geometry)
    low, high = _boxAround(geometry, plane)
    patch = _storedPatch(segmentationNode, segmentId, geometry, low, high)
    return segmentPatch(segmentationNode, segmentId, geometry) if patch is None else patch


def _boxAround(geometry, plane):
    """Return the voxels (k, j, i) from which and up to which a plane passes through a grid."""
    size = np.array(geometry.shape[::-1])
    corners = geometry.to_ras(np.array(list(product((0, 1), repeat=3))) * size - 0.5)
    section = section_of(corners, plane)
    if len(section) == 0:
        return np.zeros(3, dtype=int), np.zeros(3, dtype=int)
    ijk = geometry.to_ijk(section)
    low, high = np.floor(ijk.min(axis=0) - 0.5), np.ceil(ijk.max(axis=0) + 0.5) + 1
    return np.clip(low, 0, size).astype(int)[::-1], np.clip(high, 0, size).astype(int)[::-1]


def _storedPatch(segmentationNode, segmentId, geometry, low, high):
    """Return the voxels of a segment in a box, as they are stored; None if they are stored on another grid."""
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    image = labelmapOf(segment)
    nothing = VolumePatch(np.zeros((0, 0, 0), dtype=bool), (0, 0, 0), geometry)
    if image is None:
        return None
    if image.IsEmpty():
        return nothing
    shift = geometry.ras_to_ijk @ localToWorld(segmentationNode) @ imageToWorld(image)
    start = np.rint(shift[:3, 3])
    reach = max(geometry.shape)
    if np.abs(shift[:3, :3] - np.eye(3)).max() * reach > SAME_GRID or np.abs(shift[:3, 3] - start).max() > SAME_GRID:
        return None
    first = (start + image.GetExtent()[::2]).astype(int)[::-1]
    array = scalarsAsArray(image)
    low, high = np.maximum(low, first), np.minimum(high, first + array.shape)
    if (low >= high).any():
        return nothing
    cuts = tuple(slice(a, b) for a, b in zip(low - first, high - first, strict=True))
    return VolumePatch(array[cuts] == segment.GetLabelValue(), tuple(int(n) for n in low), geometry).tight()
