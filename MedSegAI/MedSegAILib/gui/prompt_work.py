"""What is known about one segment while it is prompted: its prompts, its slices, the answers not yet applied."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import slicer
from MedSegAICore.errors import PromptOutsideImage
from MedSegAICore.geometry import canonical_geometry
from MedSegAICore.prompt.grid import grid_of_plane
from MedSegAICore.prompt.on_slice import lies_on
from MedSegAICore.prompts import BoxPrompt, LassoPrompt
from MedSegAICore.recipe import Recipe
from MedSegAICore.request import CleanUp, IntensityWindow, SliceScope
from MedSegAICore.volume import VolumePatch

from ..mrml.prompt_store import PromptStore, removeOrphans
from ..mrml.segments import Change, ModificationMode, changesWithin

WHOLE_VOLUME = "volume"
"""Key of the answer for the whole structure; slices have keys of their own."""


@dataclass(frozen=True, eq=False)
class Answer:
    """A result that is not yet applied.

    Parameters
    ----------
    result
        The `SegmentationResult`.
    task
        The `PromptTask` it was asked with.
    """

    result: object
    task: object

    @property
    def isOfSlice(self):
        """Whether it was asked for one slice."""
        return isinstance(self.task.scope, SliceScope)

    @property
    def imageFingerprint(self):
        """What identifies the image that it is for."""
        return self.result.provenance.image_fingerprint

    @property
    def usedWindow(self):
        """The `IntensityWindow` that the model saw."""
        window = self.result.provenance.task["window"]
        return IntensityWindow(window["lower"], window["upper"])

    @property
    def region(self):
        """The voxels that it decides about (bool patch)."""
        covered = self.result.probability
        # the voxels of an oblique slice are known by their probability: those beside it have none
        isOblique = 1 not in covered.array.shape
        array = covered.array > 0 if isOblique else np.ones(covered.array.shape, dtype=bool)
        return replace(covered, array=array)

    def mask(self, threshold, cleanUp):
        """Return the bool patch at a threshold and with a clean-up that may have changed since it was asked for."""
        if (self.task.threshold, self.task.clean_up) == (threshold, cleanUp):
            return self.result.mask
        from MedSegAICore.clean_up import cleaned  # opens scipy, for which the first click would wait

        probability = self.result.probability
        return cleaned(replace(probability, array=probability.array >= np.float16(threshold)), cleanUp)

    def preview(self, threshold, cleanUp):
        """Return what to show: the probability, or if it is cleaned up the mask."""
        return self.result.probability if cleanUp == CleanUp() else self.mask(threshold, cleanUp)

    def changes(self, threshold, cleanUp, mode):
        """Return what applying does to the segment; replacing on a slice touches nothing beyond that slice."""
        mask = self.mask(threshold, cleanUp)
        if mode is not ModificationMode.SET or not self.isOfSlice:
            return (Change(mask, mode),)
        return changesWithin(self.region, mask)

    def recipe(self, threshold, cleanUp):
        """Return the recipe of the mask, with the threshold and the clean-up that were used in the end."""
        recipe = Recipe.from_result(self.result)
        return replace(recipe, task=replace(recipe.task, threshold=threshold, clean_up=cleanUp))


@dataclass(eq=False)
class PromptWork:
    """One segment of one segmentation on one volume.

    Parameters
    ----------
    segmentationNode, segmentId, volumeNode
        What is segmented.
    image
        The `ImageVolume` that the answers are for.
    planes
        Key of a slice -> `SlicePlane`, of every slice that was prompted, oldest first.
    answers
        Key -> `Answer`.
    frames
        Number of a frame -> its `answers`, once all frames of a sequence were asked about.
    wasAsked
        Whether anything was asked about this segment.
    """

    segmentationNode: object
    segmentId: str
    volumeNode: object
    image: object = None
    planes: dict = field(default_factory=dict)
    answers: dict = field(default_factory=dict)
    frames: dict = field(default_factory=dict)
    wasAsked: bool = False

    def __post_init__(self):
        self.store = PromptStore(self.segmentationNode, self.segmentId, self.volumeNode)

    def isAbout(self, segmentationNode, segmentId, volumeNode):
        """Tell whether this is the work on a segment."""
        mine = (self.segmentationNode, self.segmentId, self.volumeNode)
        return mine == (segmentationNode, segmentId, volumeNode)

    @property
    def isAlive(self):
        """Whether segmentation, segment and volume still are in the scene."""
        return (
            self.segmentationNode.GetScene() is not None
            and self.volumeNode.GetScene() is not None
            and self.segmentationNode.GetSegmentation().GetSegment(self.segmentId) is not None
        )

    def routingKey(self, key):
        """Return a name for a question about this segment that no other question has."""
        return f"{self.segmentationNode.GetID()} {self.segmentId} {self.volumeNode.GetID()} {key}"

    def promptsOn(self, plane):
        """Return the slice's key and the prompts that lie on it, oldest first."""
        grid = grid_of_plane(canonical_geometry(self.image.geometry), plane)
        return grid.key, tuple(prompt for prompt in self.store.prompts(self.image.geometry) if lies_on(prompt, grid))

    def promptedPlanes(self, shown):
        """Return the planes of the positive prompts, each slice once.

        What is drawn flat knows its plane. Points and strokes lie on the first of the `shown` planes that meets them;
        without one they are left out, and so are boxes with depth.
        """
        geometry, planes = canonical_geometry(self.image.geometry), {}
        for prompt in self.store.prompts(self.image.geometry):
            if not prompt.positive or (isinstance(prompt, BoxPrompt) and not prompt.is_flat):
                continue
            candidates = [prompt.plane] if isinstance(prompt, (BoxPrompt, LassoPrompt)) else shown
            for plane in candidates:
                try:
                    grid = grid_of_plane(geometry, plane)
                except PromptOutsideImage:
                    continue
                if lies_on(prompt, grid):
                    planes.setdefault(grid.key, plane)
                    break
        return list(planes.values())

    def forget(self):
        """Drop all answers, for instance because the image has changed."""
        self.planes.clear()
        self.answers, self.frames = {}, {}

    @property
    def isAnswered(self):
        """Whether there is an answer, on this frame or on another one."""
        return bool(self.answers) or any(self.frames.values())

    def turnTo(self, image, item=None, startsFrame=False):
        """Work on another image; a frame that was answered brings its answers.

        Parameters
        ----------
        image
            The `ImageVolume`.
        item
            Number of the frame that it is, if it is one.
        startsFrame
            Keep its answers from now on, with those of other frames.
        """
        self.image = image
        if not (self.frames or startsFrame):
            self.forget()
            return
        self.planes.clear()
        self.answers = self.frames.setdefault(item, {})
        # Slicer copies the voxels of a frame whenever it is shown, so they are known by what they are
        if any(answer.imageFingerprint != image.fingerprint for answer in self.answers.values()):
            self.answers.clear()

    def add(self, key, answer):
        """Keep an answer; one for the whole structure takes the place of all others, later slices correct it."""
        if key == WHOLE_VOLUME:
            self.answers.clear()
        self.answers.pop(key, None)
        self.answers[key] = answer

    def previews(self, threshold, cleanUp):
        """Return the patches to show, each with what later answers say about its voxels."""
        whole = self.answers.get(WHOLE_VOLUME)
        slices = [answer for key, answer in self.answers.items() if key != WHOLE_VOLUME]
        patches = [answer.preview(threshold, cleanUp) for answer in slices]
        if whole is None:
            return patches
        patch = whole.preview(threshold, cleanUp)
        for answer, correction in zip(slices, patches, strict=True):
            patch = _corrected(patch, correction, answer.region)
        return [patch]

    def changes(self, threshold, cleanUp, mode):
        """Return what applying all answers does to the segment."""
        return [change for answer in self.answers.values() for change in answer.changes(threshold, cleanUp, mode)]


def _corrected(patch, correction, region):
    """Return `patch` with the values of `correction` wherever `region` says that it decides."""
    boxes = [part.bounds for part in (patch, correction.tight()) if part.array.size]
    if not boxes:
        return patch
    bounds = tuple(slice(min(a.start for a in cuts), max(a.stop for a in cuts)) for cuts in zip(*boxes, strict=True))
    array = np.where(region.within(bounds), correction.within(bounds), patch.within(bounds))
    return VolumePatch(array, tuple(cut.start for cut in bounds), patch.geometry)


class PromptWorks:
    """The work on every segment that was prompted in one Segment Editor."""

    def __init__(self):
        self._works = []

    def about(self, segmentationNode, segmentId, volumeNode):
        """Return the `PromptWork` on a segment, which goes on where it was left."""
        for work in self._works:
            if work.isAbout(segmentationNode, segmentId, volumeNode):
                return work
        self._works.append(PromptWork(segmentationNode, segmentId, volumeNode))
        return self._works[-1]

    def removeDead(self):
        """Forget segments that are gone, and the prompts of segmentations that are gone."""
        self._works = [work for work in self._works if work.isAlive]
        if not slicer.mrmlScene.IsBatchProcessing():  # while a scene is read, references are not complete
            removeOrphans(slicer.mrmlScene)
