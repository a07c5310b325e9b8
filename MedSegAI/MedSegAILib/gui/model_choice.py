"""The models of a paradigm as a user chooses among them: what they are, and whether they can run now."""

from __future__ import annotations

from dataclasses import dataclass

from MedSegAICore.models.catalogue import ModelSpec, load_catalogue
from slicer.i18n import tr as _

from .model_jobs import sizeText
from .model_state import ModelState, State, modelState
from .packages import neededPackages


@dataclass(frozen=True)
class ModelChoice:
    """One model of the catalogue on this computer."""

    model: ModelState

    @property
    def spec(self) -> ModelSpec:
        return self.model.spec

    @property
    def isReady(self):
        return self.model.state is State.READY

    @property
    def title(self):
        """Name and state for a list."""
        titles = {
            State.READY: "{model}",
            State.LICENCE_NOT_ACCEPTED: _("{model} (needs licence acceptance)"),
            State.FILE_MISSING: _("{model} (needs download)"),
            State.PACKAGE_MISSING: _("{model} (needs packages)"),
        }
        return titles[self.model.state].format(model=self.spec.title)

    @property
    def state(self):
        """State in words, and what the model is good for."""
        if self.isReady:
            return _("Ready. {advice}").format(advice=" ".join(filter(None, [self.trainedOn, self.spec.advice])))
        if self.model.state is State.PACKAGE_MISSING:
            text = _("Needs Python packages ({names}).")
            return text.format(names=", ".join(self.model.missingPackages))
        weights = self.spec.weights
        if self.model.state is State.LICENCE_NOT_ACCEPTED:
            text = _("Its licence ({licence}) must be accepted first.")
            return text.format(licence=weights.licence)
        known = [sizeText(weights.size_bytes), _("licence {licence}").format(licence=weights.licence)]
        return _("Needs its weights ({known}).").format(known=", ".join(filter(None, known)))

    @property
    def trainedOn(self):
        """What images the model has learned from, in words; empty if it learns from the image itself."""
        modalities = self.spec.capabilities.modalities
        return "" if modalities == ("any",) else _("Trained on {modalities}.").format(modalities=", ".join(modalities))

    def takes(self, kind):
        """Tell whether the model understands a kind of prompt: point, box, scribble, lasso or mask."""
        return kind in self.spec.capabilities.prompts


def modelChoices(paradigm):
    """Return the models of a paradigm by name, those that can run first."""
    packages = neededPackages()
    models = (modelState(spec, packages) for spec in load_catalogue().values() if spec.paradigm == paradigm)
    choices = [ModelChoice(model) for model in models]
    return {choice.spec.name: choice for choice in sorted(choices, key=lambda choice: not choice.isReady)}
