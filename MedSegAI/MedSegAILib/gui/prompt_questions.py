"""From prompts and settings to the question that the engine is asked, and from its answers to what is written."""

from __future__ import annotations

from MedSegAICore.prompts import PointPrompt, SlicePlane
from MedSegAICore.recipe import recipes_to_json
from MedSegAICore.request import PromptTask, SliceScope, VolumeScope
from MedSegAICore.segmentation_file import RECIPE_TAG, tag_text

from ..mrml.mask_prompts import maskPrompts


def promptTask(work, image, settings, plane, prompts=None):
    """Return the `PromptTask` about a slice, or without a plane about the whole structure.

    Parameters
    ----------
    work
        The `PromptWork`.
    image
        The `ImageVolume` that it is about.
    settings
        The `PromptSettings`.
    plane
        The `SlicePlane`; None asks about the volume.
    prompts
        What is asked; None takes all prompts of the segment.
    """
    if prompts is None:
        prompts = work.store.prompts(image.geometry)
    masks = maskPrompts(
        work.segmentationNode,
        work.segmentId,
        image.geometry,
        plane,
        fromSegment=settings.fromSegment,
        fromOthers=settings.fromOthers,
    )
    return PromptTask(
        prompts=(*masks, *prompts),
        model=settings.model,
        scope=VolumeScope(settings.method) if plane is None else SliceScope(plane),
        window=settings.window,
        threshold=settings.threshold,
        clean_up=settings.cleanUp,
    )


def takeNewPlanes(work, image, shown):
    """Let every slice that a positive point was dragged to be one of the work's own.

    Parameters
    ----------
    work, image
        As for `promptTask`.
    shown
        Gives the plane that is looked at, where the work knows none yet: called without arguments, for a list.
    """
    seen = list(work.planes.values()) or shown()
    for prompt in work.store.prompts(image.geometry):
        if seen and isinstance(prompt, PointPrompt) and prompt.positive:
            plane = SlicePlane(prompt.position_ras, seen[-1].right_ras, seen[-1].down_ras)
            work.planes.setdefault(work.promptsOn(plane)[0], plane)


def changesOf(work, settings):
    """Return what to do to the segment on the frame that is shown, and the tags to keep with it."""
    threshold, cleanUp = settings.threshold, settings.cleanUp
    recipes = [answer.recipe(threshold, cleanUp) for answer in work.answers.values()]
    tags = {RECIPE_TAG: tag_text(recipes_to_json(recipes))}
    return tuple(work.changes(threshold, cleanUp, settings.mode)), tags
