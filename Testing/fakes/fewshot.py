"""Shortcuts to what registered examples say about an image."""

from __future__ import annotations

from MedSegAICore.engine.run import Run
from MedSegAICore.fewshot.registered.query import classified, patches_of, register_query
from MedSegAICore.fewshot.registered.support_model import SupportModel
from MedSegAICore.structures import exclusive
from MedSegAICore.volume import ImageVolume, VolumePatch


def segmented(model: SupportModel, image: ImageVolume, run: Run) -> dict[str, VolumePatch]:
    """Return the probability of every structure."""
    registered = register_query(model, image, run.part(0.0, 0.8))
    return patches_of(model.labels, registered, classified(model, registered, run.part(0.8, 1.0)))


def masks_from(probabilities: dict[str, VolumePatch]) -> dict[str, VolumePatch]:
    """Return the masks that few-shot segmentation makes of probabilities."""
    parts = exclusive(probabilities)
    return {label: VolumePatch(part.array >= 0.5, part.offset, part.geometry) for label, part in parts.items()}
