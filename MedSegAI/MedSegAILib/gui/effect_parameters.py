"""Parameters of an effect, which live in the scene, and the widgets that show them."""

from __future__ import annotations

TRUE, FALSE = "1", "0"


class EffectParameters:
    """Reads, writes and shows the parameters of one effect. They are texts on the segment editor's node.

    Parameters
    ----------
    scriptedEffect
        What Slicer hands to an effect's constructor.
    defaults
        Name -> value of every parameter.
    """

    def __init__(self, scriptedEffect, defaults):
        self._effect, self._defaults = scriptedEffect, dict(defaults)
        self._shows = []

    def setDefaults(self):
        """Give every parameter that the scene does not have yet its default."""
        for name, value in self._defaults.items():
            self._effect.setParameterDefault(name, _asText(value))

    def text(self, name):
        # asking for a parameter that is not there writes an error to Slicer's log
        return self._effect.parameter(name) if self._effect.parameterDefined(name) else _asText(self._defaults[name])

    def flag(self, name):
        return self.text(name) == TRUE

    def number(self, name):
        try:
            return float(self.text(name))
        except ValueError:  # a scene that was edited by hand
            return float(self._defaults[name])

    def set(self, name, value):
        if self.text(name) != _asText(value):
            self._effect.setParameter(name, _asText(value))
            self._effect.updateGUIFromMRML()

    def bindCheck(self, button, name):
        """Let a check box or a checkable button show and change a flag."""
        button.connect("toggled(bool)", lambda checked: self.set(name, checked))
        self._shows.append(lambda: _setQuietly(button, "checked", self.flag(name)))

    def bindSlider(self, slider, name):
        """Let a `ctkSliderWidget` show and change a number."""
        slider.connect("valueChanged(double)", lambda value: self.set(name, value))
        self._shows.append(lambda: _setQuietly(slider, "value", self.number(name)))

    def bindChoice(self, comboBox, name, choices):
        """Let a combo box show and change one of `choices`, value -> title."""
        values = list(choices)
        for title in choices.values():
            comboBox.addItem(title)

        def show():
            if self.text(name) in values:
                _setQuietly(comboBox, "currentIndex", values.index(self.text(name)))

        comboBox.connect("currentIndexChanged(int)", lambda index: self.set(name, values[index]))
        self._shows.append(show)

    def bindButtons(self, buttons, name):
        """Let exclusive buttons, value -> button, show and change which value is chosen."""

        def choose(value):
            return lambda checked: self.set(name, value) if checked else None

        for value, button in buttons.items():
            button.connect("toggled(bool)", choose(value))
        self._shows.append(lambda: [button.setChecked(self.text(name) == value) for value, button in buttons.items()])

    def show(self):
        """Bring the widgets up to date with the scene."""
        for show in self._shows:
            show()


def _asText(value):
    if isinstance(value, bool):
        return TRUE if value else FALSE
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _setQuietly(widget, name, value):
    wasBlocked = widget.blockSignals(True)
    setattr(widget, name, value)
    widget.blockSignals(wasBlocked)
