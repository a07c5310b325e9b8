"""The AI Prompt effect: point at a structure and get a segment."""

from __future__ import annotations

import vtk
from MedSegAILib.gui.application_engine import applicationEngine
from MedSegAILib.gui.prompt_settings import DEFAULTS, readSettings
from MedSegAILib.gui.resources import icon
from MedSegAILib.gui.session_effect import SessionEffect
from MedSegAILib.mrml.editor import EffectEditor
from slicer.i18n import tr as _

KEYS = {"a": "apply", "Return": "apply", "KP_Enter": "apply", "x": "undoPrompt", "n": "turnSides"}
"""Keys that do something while the effect is active and the mouse is in a slice view."""

REMOVE_KEYS = ("Delete", "BackSpace")
"""Keys that remove the prompt under the mouse."""


class AIPromptEffect(SessionEffect):
    """What Slicer calls; prompts, runs and previews are the session's, widgets the panel's."""

    def __init__(self, scriptedEffect):
        super().__init__(scriptedEffect, "AI Prompt", _("AI Prompt"), DEFAULTS)
        self._mouse = None

    def icon(self):
        return icon("AIPrompt")

    def helpText(self):
        return "<html>" + _(
            """Point at a structure and get a segment. Nothing is written before you apply.<br>
<ul style="margin: 0">
<li><b>Left-click:</b> this is inside. <b>Ctrl + left-click:</b> this is outside.
<li><b>Drag</b> with the box, lasso or scribble tool. Points can be moved.
<li><b>Propagate:</b> fill the volume from the slices with prompts. <b>All frames:</b> on each frame of a sequence.
<li><b>a</b> or <b>enter:</b> apply. <b>x:</b> take the last prompt back. <b>n:</b> switch inside and outside.
<li><b>delete:</b> remove the prompt under the mouse.
</ul>
Not a medical device. Check every result."""
        )

    def setupOptionsFrame(self):
        # opened here, because Slicer makes more effects than it ever shows
        from MedSegAILib.gui.prompt_panel import PromptPanel

        self.panel = PromptPanel(self.parameters, self.listModels)
        self.scriptedEffect.addOptionsWidget(self.panel.widget)
        ui = self.panel.ui
        ui.undoPromptButton.connect("clicked()", self.undoPrompt)
        ui.clearPromptsButton.connect("clicked()", self.clearPrompts)
        ui.regionButton.connect("clicked()", self.addRegion)
        ui.propagateButton.connect("clicked()", self.propagate)
        ui.allFramesButton.connect("clicked()", self.propagateFrames)
        ui.undoFramesButton.connect("clicked()", self.undoFrames)
        ui.applyPreviewButton.connect("clicked()", self.apply)
        ui.cancelRunButton.connect("clicked()", self.cancel)

    def makeSession(self):
        from MedSegAILib.gui.prompt_mouse import PromptMouse
        from MedSegAILib.gui.prompt_session import PromptSession

        session = PromptSession(applicationEngine(), EffectEditor(self.scriptedEffect), self.showSession)
        self._mouse = PromptMouse(session, self._mayEdit)
        return session

    def activate(self):
        super().activate()
        if self.panel.model.canRun:
            self.session.askRestored()

    def deactivate(self):
        if self._mouse is not None:
            self._mouse.stop()
        super().deactivate()

    def cleanup(self):
        self.deactivate()

    def followScene(self, node):
        parameters, volumeNode = self.parameters, node.GetSourceVolumeNode()
        self._mouse.tool, self._mouse.radius = parameters.text("Tool"), parameters.number("Radius")
        self._mouse.positive = not parameters.flag("Outside")
        self.session.turnTo(node.GetSegmentationNode(), node.GetSelectedSegmentID(), volumeNode)
        if self.panel.model.canRun:
            self.session.use(readSettings(parameters, volumeNode))

    def processInteractionEvents(self, callerInteractor, eventId, viewWidget):
        from MedSegAILib.gui.prompt_mouse import MOUSE

        if viewWidget.className() != "qMRMLSliceWidget" or self.session is None:
            return False
        if eventId == vtk.vtkCommand.KeyPressEvent:
            if callerInteractor.GetKeySym() in REMOVE_KEYS:
                return self._mouse.remove(callerInteractor, viewWidget)
            action = KEYS.get(callerInteractor.GetKeySym())
            if action is not None:
                getattr(self, action)()
            return action is not None
        return eventId in MOUSE and MOUSE[eventId](self._mouse, callerInteractor, viewWidget)

    def apply(self):
        """Write the preview into the segment."""
        if self.scriptedEffect.confirmCurrentSegmentVisible() == self.scriptedEffect.NotConfirmed:
            return
        self.waiting(self.session.apply)

    def propagate(self):
        """Fill the volume from the prompts."""
        self.session.propagate()

    def propagateFrames(self):
        """Fill the volume from the prompts on every frame of its sequence."""
        self.session.propagateFrames()

    def undoFrames(self):
        """Take back what was applied to frames."""
        self.session.undoFrames()

    def cancel(self):
        """Stop what is under way."""
        self.session.cancel()

    def undoPrompt(self):
        """Take the newest prompt back."""
        self.session.undoPrompt()

    def clearPrompts(self):
        """Remove all prompts of the segment."""
        self.session.clearPrompts()

    def turnSides(self):
        """Switch between inside and outside."""
        self.parameters.set("Outside", not self.parameters.flag("Outside"))

    def addRegion(self):
        """Add a box with depth where the user looks."""
        self._mouse.addRegion()

    def _mayEdit(self):
        """Ask about a hidden segment; after a dialog the click is lost, because the mouse has moved."""
        if not self.panel.model.canRun:
            self.session.say(self.panel.model.state)
            return False
        effect = self.scriptedEffect
        return effect.confirmCurrentSegmentVisible() == effect.ConfirmedWithoutDialog
