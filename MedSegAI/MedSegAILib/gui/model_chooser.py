"""The list of a paradigm's models in an effect: which is chosen, whether it can run, and what is known of it."""

from __future__ import annotations

from slicer.i18n import tr as _

from .list_widgets import refill, setIndex
from .model_choice import ModelChoice, modelChoices
from .model_offer import ModelOffer

PARAMETER = "Model"
"""The parameter of the effect that holds the model's name."""


class ModelChooser:
    """Shows and changes which model is used.

    Parameters
    ----------
    paradigm
        Whose models are listed.
    selector, label
        The combo box, and the label below it.
    parameters
        The `EffectParameters` of the effect.
    onChange
        Called when a model may be able to run that could not before.
    """

    def __init__(self, paradigm, selector, label, parameters, onChange):
        self._paradigm, self._selector, self._parameters = paradigm, selector, parameters
        self._models: dict[str, ModelChoice] = {}
        self.offer = ModelOffer(label, onChange)
        selector.connect("currentIndexChanged(int)", self._choose)

    def refresh(self):
        """List the models as they are on this computer now."""
        self._models = modelChoices(self._paradigm)
        refill(self._selector, [choice.title for choice in self._models.values()])

    @property
    def chosen(self) -> ModelChoice | None:
        """The chosen model; None if the catalogue does not have it."""
        return self._models.get(self._parameters.text(PARAMETER))

    @property
    def canRun(self):
        """Whether the chosen model can run on this computer."""
        return self.chosen is not None and self.chosen.isReady

    @property
    def state(self):
        """What there is to know about the chosen model."""
        return self.chosen.state if self.chosen is not None else _("This model is not in the catalogue.")

    def canTake(self, kind):
        """Tell whether the chosen model can run and understands a kind of prompt."""
        return self.canRun and self.chosen.takes(kind)

    def show(self):
        """Bring list and label up to date with the scene."""
        names, name = list(self._models), self._parameters.text(PARAMETER)
        setIndex(self._selector, names.index(name) if name in names else -1)
        self.offer.show(self.chosen, self.state)

    def _choose(self, index):
        self._parameters.set(PARAMETER, list(self._models)[index])
