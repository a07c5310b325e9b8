"""What is known about a support model: what it segments, and how well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from MedSegAICore.errors import PackageMissing
from MedSegAICore.fewshot.support_notes import SupportNotes, read_notes
from MedSegAICore.result import LOW_QUALITY
from slicer.i18n import tr as _


@dataclass(frozen=True)
class Expected:
    """Dice that the examples let expect of a structure: on average, and of the worst of them."""

    mean: float
    lowest: float

    @property
    def isLow(self):
        return self.mean < LOW_QUALITY


@dataclass(frozen=True)
class SupportModel:
    """A support model and what is kept with it.

    Parameters
    ----------
    file
        The file.
    method
        Name in the catalogue of what has learned it.
    labels
        Names of the structures.
    scores
        Dice of every structure on every example, segmented by what the others teach; empty if that is not known.
    notes
        The `SupportNotes`.
    warnings
        What was said when it was learned, if that was now.
    """

    file: Path
    method: str
    labels: tuple[str, ...]
    scores: Mapping[str, tuple[float, ...]]
    notes: SupportNotes = field(default_factory=SupportNotes)
    warnings: tuple[str, ...] = ()

    def expected(self, label):
        """Return what to expect of a structure, as `Expected`; None if that is not known."""
        scores = self.scores.get(label)
        return Expected(float(np.mean(scores)), min(scores)) if scores else None

    @property
    def complaints(self):
        """What the user should know before it is used, in words."""
        said = list(self.warnings)
        if not self.scores:
            said.append(_("How well it works is not known before it has segmented a volume."))
        for label in self.labels:
            expected = self.expected(label)
            if expected is not None and expected.isLow:
                text = _("'{structure}' is learned poorly (Dice {mean:.2f}, {lowest:.2f} at worst): add examples.")
                said.append(text.format(structure=label, mean=expected.mean, lowest=expected.lowest))
        return tuple(said)


def readSupportModel(file):
    """Return what is known about a support model; that does not read its voxels.

    Raises
    ------
    InvalidSupportModel
        There is no such file, or it is something else.
    PackageMissing
        What reads it is not installed.
    """
    try:
        from MedSegAICore.fewshot.model_file import read_description
    except ImportError as error:
        message = _("A Python package that reads support models is missing ({name}).").format(name=error.name)
        raise PackageMissing(message, _("Install it in the module MedSegAI.")) from error
    stored = read_description(Path(file))
    return SupportModel(Path(file), stored.method, stored.labels, stored.leave_one_out, read_notes(file))
