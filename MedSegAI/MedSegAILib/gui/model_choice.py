"""The models of a paradigm as a user chooses among them: what they are, and whether they can run now."""

from __future__ import annotations

from dataclasses import dataclass

from MedSegAICore.errors import WeightsMissing
from MedSegAICore.models.catalogue import ModelSpec, load_catalogue
from MedSegAICore.models.weights import find_weights
from slicer.i18n import tr as _


@dataclass(frozen=True)
class ModelChoice:
    """One model of the catalogue on this computer."""

    spec: ModelSpec
    isReady: bool

    @property
    def title(self):
        """Name and state for a list."""
        return self.spec.title if self.isReady else _("{model} (needs download)").format(model=self.spec.title)

    @property
    def state(self):
        """State in words, and what the model is good for."""
        if self.isReady:
            return _("Ready. {advice}").format(advice=self.spec.advice)
        weights = self.spec.weights
        return _("Needs its weights ({size} MB, licence {licence}). Get them in the module MedSegAI.").format(
            size=weights.size_bytes // 1_000_000, licence=weights.licence
        )

    def takes(self, kind):
        """Tell whether the model understands a kind of prompt: point, box, scribble, lasso or mask."""
        return kind in self.spec.capabilities.prompts


def modelChoices(paradigm):
    """Return the models of a paradigm by name, those that can run first."""
    choices = [ModelChoice(spec, _isReady(spec)) for spec in load_catalogue().values() if spec.paradigm == paradigm]
    return {choice.spec.name: choice for choice in sorted(choices, key=lambda choice: not choice.isReady)}


def _isReady(spec):
    if spec.weights is None:
        return True
    try:
        find_weights(spec)
    except WeightsMissing:
        return False
    return True
