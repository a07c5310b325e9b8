"""The one writer: the only code that touches a segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Protocol

import numpy as np
import slicer
import vtk
from MedSegAICore.errors import InvalidRequest
from MedSegAICore.segment_look import SegmentLook
from MedSegAICore.volume import VolumePatch

from .oriented import extentOf, imageToWorld, localToWorld, orientedImage, resampleMask
from .translation import tr as _

GRID_TOLERANCE = 1e-3
"""Two grids whose voxels differ by less than this part of a voxel are one grid."""


class ModificationMode(IntEnum):
    """What a mask does to a segment; the numbers are Slicer's own."""

    SET = 0
    ADD = 1
    REMOVE = 2


class SegmentEditor(Protocol):
    """What the writer needs of a segment editor: `EffectEditor` has it, and so has `LogicEditor`."""

    def saveStateForUndo(self):
        """Remember the segmentation as it is now."""

    def referenceGeometryImage(self):
        """Return the grid and the extent in which segments are edited, as an image without voxels."""

    def modifySegmentByLabelmap(self, segmentationNode, segmentId, labelmap, mode):
        """Change a segment, with the editor's masking and overwrite mode."""


@dataclass(frozen=True, eq=False)
class Change:
    """One mask (bool `VolumePatch` in the world) and what it does to the segment."""

    mask: VolumePatch
    mode: ModificationMode = ModificationMode.SET


def changesWithin(region, mask):
    """Return the `Change`s that make a segment `mask` inside of a region and leave it alone beyond.

    Parameters
    ----------
    region, mask
        bool `VolumePatch`es of one volume.
    """
    outside = replace(region, array=region.array & ~mask.within(region.bounds).astype(bool))
    return Change(outside, ModificationMode.REMOVE), Change(mask, ModificationMode.ADD)


@dataclass(frozen=True, eq=False)
class SegmentWriting:
    """What is written into one segment.

    Parameters
    ----------
    changes
        `Change`s, made one after the other.
    segmentId
        The segment; None adds a new one.
    name, look
        Of a new segment; without a `SegmentLook` it gets Slicer's next colour.
    tags
        Text to keep with the segment; undo brings the old text back.
    """

    changes: Sequence[Change]
    segmentId: str | None = None
    name: str = "Segment"
    look: SegmentLook | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class WrittenSegment:
    """What became of a result.

    Parameters
    ----------
    segmentId
        The segment that was written; None if there was nothing to write.
    warnings
        What the user should know, in words.
    """

    segmentId: str | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class SegmentWriter:
    """Writes masks into segments through a segment editor.

    Every accepted mask is one step of undo. The editor's mask, intensity range and overwrite mode are respected, and
    no voxel outside the old and the new extent of the segment is visited.
    """

    editor: SegmentEditor

    def write(self, segmentationNode, mask, segmentId=None, name="Segment", mode=ModificationMode.SET, tags=None):
        """Write a mask into a segment.

        Parameters
        ----------
        segmentationNode
            The segmentation; it may be under a linear transform and have another grid than the mask.
        mask
            bool `VolumePatch` in the world.
        segmentId
            The segment; None adds a new one called `name`.
        mode
            Whether the mask replaces the segment, is added to it or removed from it.
        tags
            Text to keep with the segment; undo brings the old text back.

        Returns
        -------
        WrittenSegment
            An empty mask changes nothing and leaves no step of undo.

        Raises
        ------
        InvalidRequest
            The segment does not exist.
        NonLinearTransform
            The segmentation is under a transform that bends space.
        """
        return self.writeChanges(segmentationNode, (Change(mask, mode),), segmentId, name, tags)

    def writeChanges(self, segmentationNode, changes, segmentId=None, name="Segment", tags=None):
        """Make several changes to a segment, one after the other, in one step of undo; otherwise like `write`."""
        writing = SegmentWriting(changes, segmentId, name, tags=tags or {})
        return self.writeSegments(segmentationNode, (writing,))[0]

    def writeSegments(self, segmentationNode, writings):
        """Write several segments in one step of undo.

        Parameters
        ----------
        segmentationNode
            As for `write`; errors are the same, and nothing is changed then.
        writings
            A `SegmentWriting` for every segment.

        Returns
        -------
        list of WrittenSegment
            One for each; where all masks are empty the segment stays as it is.
        """
        grid = self.editor.referenceGeometryImage()
        prepared = [_prepared(segmentationNode, writing, grid) for writing in writings]
        if any(modifiers for modifiers, _warnings in prepared):
            self.editor.saveStateForUndo()
        return [
            self._write(segmentationNode, writing, modifiers, warnings)
            for writing, (modifiers, warnings) in zip(writings, prepared, strict=True)
        ]

    def _write(self, segmentationNode, writing, modifiers, warnings):
        if not modifiers:
            return WrittenSegment(None, warnings)
        segmentation, segmentId = segmentationNode.GetSegmentation(), writing.segmentId
        if segmentId is None:
            segmentId = segmentation.AddEmptySegment("", writing.name)
            if writing.look is not None:
                giveLook(segmentation.GetSegment(segmentId), writing.look)
        for modifier, mode in modifiers:
            self.editor.modifySegmentByLabelmap(segmentationNode, segmentId, modifier, mode)
        _setTags(segmentation.GetSegment(segmentId), writing.tags)
        return WrittenSegment(segmentId, warnings)


def lookOf(segment):
    """Return the `SegmentLook` of a segment."""
    return SegmentLook(tuple(segment.GetColor()), tagOf(segment, segment.GetTerminologyEntryTagName()))


def giveLook(segment, look):
    """Give a segment another look, which stays when its terminology is changed, and so does its name."""
    segment.SetColor(*look.color)
    segment.SetColorAutoGenerated(False)
    segment.SetNameAutoGenerated(False)
    if look.terminology:
        segment.SetTag(segment.GetTerminologyEntryTagName(), look.terminology)


def tagOf(segment, name):
    """Return a tag of a segment; "" if it has none of that name."""
    text = vtk.reference("")
    return str(text) if segment.GetTag(name, text) else ""


def labelmapOf(segment):
    """Return the voxels of a segment as an image, which other segments may share; None if it is made of surfaces."""
    return segment.GetRepresentation(slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName())


def _prepared(segmentationNode, writing, grid):
    """Return the images to write with their modes, and warnings."""
    segmentId = writing.segmentId
    if segmentId is not None and segmentationNode.GetSegmentation().GetSegment(segmentId) is None:
        message = _("'{name}' has no segment '{segment}'.")
        message = message.format(name=segmentationNode.GetName(), segment=segmentId)
        raise InvalidRequest(message, _("Choose a segment of this segmentation."))
    modifiers, warnings = [], []
    for change in writing.changes:
        array, offset, said = _onGrid(change.mask, segmentationNode, grid)
        warnings += said
        if not array.any():
            continue
        if segmentId is not None and change.mode is ModificationMode.SET:
            array, offset = _coveringOld(array, offset, segmentationNode, segmentId, grid)
        modifiers.append((orientedImage(array, imageToWorld(grid), offset), change.mode))
    return modifiers, tuple(dict.fromkeys(warnings))


def _onGrid(mask: VolumePatch, segmentationNode, grid):
    """Return the mask as an array (k, j, i) with its offset (k, j, i) on the segmentation's grid, and warnings."""
    patch = mask.tight()
    if patch.array.size == 0:
        return patch.array, (0, 0, 0), (_("The result is empty; nothing was changed."),)
    worldToLocal = np.linalg.inv(localToWorld(segmentationNode))
    maskToLocal = worldToLocal @ patch.patch_geometry.ijk_to_ras
    maskToGrid = np.linalg.inv(imageToWorld(grid)) @ maskToLocal
    shift = np.rint(maskToGrid[:3, 3])
    warnings = []
    if np.abs(maskToGrid[:3, :3] - np.eye(3)).max() * max(patch.array.shape) < GRID_TOLERANCE and (
        np.abs(maskToGrid[:3, 3] - shift).max() < GRID_TOLERANCE
    ):
        array, offset = _clipped(patch.array, [int(n) for n in shift[::-1]], grid.GetExtent())
        if np.count_nonzero(array) < np.count_nonzero(patch.array):
            warnings.append(_("Part of the result lies outside the grid of the segmentation and was left out."))
    else:
        array, offset = resampleMask(patch.array, maskToLocal, imageToWorld(grid), grid.GetExtent())
        warnings.append(_("The segmentation has another grid than the image; the result was resampled onto it."))
    if not array.any():
        warnings.append(_("Nothing of the result lies on the grid of the segmentation; nothing was changed."))
    return array, offset, tuple(warnings)


def _clipped(array, offset, extent):
    """Return the part of a box that lies in an extent (i0, i1, j0, j1, k0, k1)."""
    cuts, starts = [], []
    for axis in range(3):
        lowest, highest = extent[4 - 2 * axis], extent[5 - 2 * axis]
        start = max(offset[axis], lowest)
        cuts.append(slice(start - offset[axis], max(highest + 1 - offset[axis], 0)))
        starts.append(start)
    return array[tuple(cuts)], tuple(starts)


def _coveringOld(array, offset, segmentationNode, segmentId, grid):
    """Return the mask in a box that also covers the segment as it is.

    The editor erases a segment outside the image that replaces it even where masking protects the voxels, so the
    image must reach as far as the segment does.
    """
    old = slicer.vtkOrientedImageData()
    segmentationNode.GetBinaryLabelmapRepresentation(segmentId, old)
    extents = [extentOf(offset, array.shape)]
    if not old.IsEmpty():
        if slicer.vtkOrientedImageDataResample.DoGeometriesMatch(old, grid):
            extent = [0] * 6
            slicer.vtkOrientedImageDataResample.CalculateEffectiveExtent(old, extent)
        else:
            extent = grid.GetExtent()
        if extent[0] <= extent[1]:
            extents.append(extent)
    bounds = np.array(extents)
    lowest, highest = bounds[:, ::2].min(axis=0)[::-1], bounds[:, 1::2].max(axis=0)[::-1]
    covering = np.zeros(highest - lowest + 1, dtype=bool)
    inner = tuple(
        slice(start, start + size) for start, size in zip(np.array(offset) - lowest, array.shape, strict=True)
    )
    covering[inner] = array
    return covering, tuple(int(n) for n in lowest)


def _setTags(segment, tags: Mapping[str, str]):
    for key, value in tags.items():
        segment.SetTag(key, value)
