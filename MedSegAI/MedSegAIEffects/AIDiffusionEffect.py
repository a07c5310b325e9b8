"""The AI Diffusion effect: several plausible masks of one structure, their consensus, and where they differ."""

from __future__ import annotations

import vtk
from MedSegAILib.gui.application_engine import applicationEngine
from MedSegAILib.gui.diffusion_settings import DEFAULTS, SEGMENT, readSettings
from MedSegAILib.gui.resources import icon
from MedSegAILib.gui.session_effect import SessionEffect
from MedSegAILib.mrml.editor import EffectEditor
from slicer.i18n import tr as _

KEYS = {"a": "apply", "Return": "apply", "KP_Enter": "apply", "x": "undoPrompt", "n": "lookNext"}
"""Keys that do something while the effect is active and the mouse is in a slice view."""

REMOVE_KEYS = ("Delete", "BackSpace")
"""Keys that remove the prompt under the mouse."""


class AIDiffusionEffect(SessionEffect):
    """What Slicer calls; prompts, runs and previews are the session's, widgets the panel's."""

    def __init__(self, scriptedEffect):
        super().__init__(scriptedEffect, "AI Diffusion", _("AI Diffusion"), DEFAULTS)
        self._mouse = None

    def icon(self):
        return icon("AIDiffusion")

    def helpText(self):
        return "<html>" + _(
            """Where experts disagree, one mask hides it: draw several plausible ones of the same structure and see
what they agree on. Nothing is written before you apply.<br>
<ul style="margin: 0">
<li>Start from the <b>segment</b> as it is, or from a <b>box</b> or a <b>point</b> that you draw.
<li><b>Draw masks:</b> their mean is shown while they are drawn. The same seed gives the same masks.
<li><b>Candidate:</b> 0 is the consensus, the others are single masks, the most typical one first.
<li><b>Show uncertainty</b> colours where they differ; <b>n</b> goes to the next slice with much of that.
<li><b>a</b> or <b>enter:</b> apply what you look at. <b>x:</b> take the last prompt back.
</ul>
Not a medical device. Check every result."""
        )

    def setupOptionsFrame(self):
        # opened here, because Slicer makes more effects than it ever shows
        from MedSegAILib.gui.diffusion_panel import DiffusionPanel

        self.panel = DiffusionPanel(self.parameters, self.listModels)
        self.scriptedEffect.addOptionsWidget(self.panel.widget)
        ui = self.panel.ui
        ui.diffusionRegionButton.connect("clicked()", self.addRegion)
        ui.diffusionUndoButton.connect("clicked()", self.undoPrompt)
        ui.diffusionClearButton.connect("clicked()", self.clearPrompts)
        ui.drawMasksButton.connect("clicked()", self.draw)
        ui.cancelDiffusionButton.connect("clicked()", self.cancel)
        ui.diffusionCandidateSlider.connect("valueChanged(double)", self.chooseCandidate)
        ui.applyDiffusionButton.connect("clicked()", self.apply)
        ui.addCandidatesButton.connect("clicked()", self.addCandidates)
        ui.nextDoubtfulButton.connect("clicked()", self.lookNext)
        ui.uncertaintyButton.connect("toggled(bool)", self.showUncertainty)

    def makeSession(self):
        from MedSegAILib.gui.diffusion_session import DiffusionSession
        from MedSegAILib.gui.prompt_mouse import PromptMouse

        session = DiffusionSession(applicationEngine(), EffectEditor(self.scriptedEffect), self.showSession)
        self._mouse = PromptMouse(session, self._mayEdit)
        return session

    def deactivate(self):
        if self._mouse is not None:
            self._mouse.stop()
        super().deactivate()

    def followScene(self, node):
        settings = readSettings(self.parameters)
        self._mouse.tool = settings.around
        self.session.turnTo(node.GetSegmentationNode(), node.GetSelectedSegmentID(), node.GetSourceVolumeNode())
        self.session.use(settings)

    def showSession(self):
        super().showSession()
        if self.session is not None and self.panel.model.canRun:
            self.session.foresee(self.panel.plane)

    def processInteractionEvents(self, callerInteractor, eventId, viewWidget):
        from MedSegAILib.gui.prompt_mouse import MOUSE

        if self.session is None or viewWidget.className() != "qMRMLSliceWidget":
            return False
        self.panel.view.choose(viewWidget, eventId)
        if eventId == vtk.vtkCommand.KeyPressEvent:
            if callerInteractor.GetKeySym() in REMOVE_KEYS:
                return self._mouse.remove(callerInteractor, viewWidget)
            action = KEYS.get(callerInteractor.GetKeySym())
            if action is not None:
                getattr(self, action)()
            return action is not None
        draws = self._mouse.tool != SEGMENT or eventId == vtk.vtkCommand.MouseMoveEvent
        return draws and eventId in MOUSE and MOUSE[eventId](self._mouse, callerInteractor, viewWidget)

    def draw(self):
        """Draw masks."""
        self.session.draw(self.panel.plane)

    def cancel(self):
        """Stop what is under way."""
        self.session.cancel()

    def chooseCandidate(self, number):
        """Look at one of the masks, or with 0 at their consensus."""
        self.session.chooseCandidate(round(number))

    def apply(self):
        """Write what is looked at into the segment."""
        if self.scriptedEffect.confirmCurrentSegmentVisible() != self.scriptedEffect.NotConfirmed:
            self.waiting(self.session.apply)

    def addCandidates(self):
        """Write every mask into a segment of its own."""
        self.waiting(self.session.addCandidates)

    def lookNext(self):
        """Go to the slice on which the masks differ most."""
        from MedSegAILib.gui.slice_previews import jumpTo

        position = self.session.nextPosition(self.panel.plane)
        if position is not None:
            jumpTo(position)

    def showUncertainty(self, isShown):
        """Show in front of the anatomy where the masks differ, or take it away."""
        self.session.showUncertainty(isShown)

    def undoPrompt(self):
        """Take the newest prompt back."""
        self.session.undoPrompt()

    def clearPrompts(self):
        """Remove all prompts of the segment."""
        self.session.clearPrompts()

    def addRegion(self):
        """Add a box with depth where the user looks."""
        if self._mouse.tool == SEGMENT:
            self.parameters.set("Around", "box")
        self._mouse.addRegion()

    def _mayEdit(self):
        """Ask about a hidden segment; after a dialog the click is lost, because the mouse has moved."""
        effect = self.scriptedEffect
        return effect.confirmCurrentSegmentVisible() == effect.ConfirmedWithoutDialog
