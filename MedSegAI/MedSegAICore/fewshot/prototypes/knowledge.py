"""What examples become before a query is known: ready to be registered, and ready to be compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...engine.run import Run
from ..examples import Example, common_labels
from ..registered.sources import prepare_sources
from ..registered.support_model import SupportModel
from .encoders import SliceEncoder
from .pictures import finest_spacing, pictures_of, require_contrast, slicing_axis
from .shots import Shot, shots_of


@dataclass(frozen=True, eq=False)
class Knowledge:
    """Examples of structures.

    Parameters
    ----------
    registered
        What is registered to a query; it has no classifiers.
    shots
        Slices with their features.
    axis
        Array axis of canonical volumes across the slices; None where the examples are slices.
    spacing
        Finest distance between rows and columns of slices [mm].
    """

    registered: SupportModel
    shots: tuple[Shot, ...]
    axis: int | None
    spacing: float

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the names of the structures."""
        return self.registered.labels

    @property
    def reach_mm(self) -> float:
        """Return how far from where they are expected structures are looked for [mm]."""
        return self.registered.reach * float(np.mean(self.registered.spacing))

    def without(self, example: int) -> Knowledge:
        """Return what the other examples teach."""
        scans = tuple(scan for number, scan in enumerate(self.registered.scans) if number != example)
        model = SupportModel(self.labels, scans, self.registered.spacing, self.registered.reach, ())
        shots = tuple(shot for shot in self.shots if shot.example != example)
        return Knowledge(model, shots, self.axis, self.spacing)


def learned(examples: Sequence[Example], encoder: SliceEncoder, run: Run) -> Knowledge:
    """Return what examples teach.

    Raises
    ------
    InvalidSupport
        The examples show different structures, or slices and volumes are mixed.
    InvalidImage
        An image is too small, or all its voxels are alike.
    Cancelled
        The run was stopped.
    """
    labels = common_labels(examples)
    run.step(0.0, "reading the examples")
    for example in examples:
        with example.named_in_errors():
            require_contrast(example.image)
    sources = prepare_sources(examples, labels, run)
    registered = SupportModel(labels, sources.scans, sources.spacing, sources.reach, ())
    axis = slicing_axis(examples)
    knowledge = Knowledge(registered, (), axis, finest_spacing(examples, axis))
    shots: list[Shot] = []
    for number, example in enumerate(examples):
        part = run.part(number / len(examples), (number + 1) / len(examples))
        part.step(0.0, "looking at the examples")
        pictures = pictures_of(example.image, axis, knowledge.spacing, encoder.most_pixels, part)
        shots += shots_of(example, number, labels, pictures, knowledge.reach_mm, encoder, part)
    return Knowledge(registered, tuple(shots), axis, knowledge.spacing)
