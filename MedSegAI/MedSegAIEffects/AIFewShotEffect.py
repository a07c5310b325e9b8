"""The AI Few-shot effect: a few labelled volumes show what to segment in the next ones."""

from __future__ import annotations

import qt
import vtk
from MedSegAILib.gui.application_engine import applicationEngine
from MedSegAILib.gui.fewshot_settings import DEFAULTS, readSettings, supportModelPath
from MedSegAILib.gui.resources import icon
from MedSegAILib.gui.session_effect import SessionEffect
from MedSegAILib.mrml.editor import EffectEditor
from slicer.i18n import tr as _

APPLY_KEYS = ("a", "Return", "KP_Enter")
"""Keys that apply while the effect is active and the mouse is in a slice view."""


class AIFewShotEffect(SessionEffect):
    """What Slicer calls; examples, runs and previews are the session's, widgets the panel's."""

    def __init__(self, scriptedEffect):
        super().__init__(scriptedEffect, "AI Few-shot", _("AI Few-shot"), DEFAULTS)
        scriptedEffect.perSegment = False
        scriptedEffect.requireSegments = False

    def icon(self):
        return icon("AIFewShot")

    def helpText(self):
        return "<html>" + _(
            """Show on a few volumes what you want, and get it on others. Nothing is written before you apply.<br>
<ul style="margin: 0">
<li><b>Add</b> volumes with what was drawn on them; the structures that all of them show are learned.
<li><b>Learn</b> once. The table tells how well each example is segmented by what the others teach.
<li>Choose another source volume and <b>Segment</b> it. What was learned is kept on this computer.
<li><b>a</b> or <b>enter:</b> apply. Every structure goes into the segment of its name; one undo takes all back.
</ul>
Not a medical device. Check every result."""
        )

    def setupOptionsFrame(self):
        # opened here, because Slicer makes more effects than it ever shows
        from MedSegAILib.gui.fewshot_panel import FewShotPanel

        self.panel = FewShotPanel(self.parameters, self.listModels)
        self.scriptedEffect.addOptionsWidget(self.panel.widget)
        ui = self.panel.ui
        ui.addExampleButton.connect("clicked()", self.addExample)
        ui.addFolderButton.connect("clicked()", self.addFolder)
        ui.addSetButton.connect("clicked()", self.addSet)
        ui.removeExampleButton.connect("clicked()", self.removeExample)
        ui.learnedStructuresTree.connect("itemChanged(QTreeWidgetItem*,int)", self._tick)
        ui.learnButton.connect("clicked()", self.learn)
        ui.loadModelButton.connect("clicked()", self.loadModel)
        ui.saveModelButton.connect("clicked()", self.saveModel)
        ui.segmentButton.connect("clicked()", self.segment)
        ui.applyStructuresButton.connect("clicked()", self.apply)
        ui.cancelFewShotButton.connect("clicked()", self.cancel)

    def makeSession(self):
        from MedSegAILib.gui.fewshot_session import FewShotSession

        return FewShotSession(applicationEngine(), EffectEditor(self.scriptedEffect), self.showSession, self._useModel)

    def followScene(self, node):
        self.session.turnTo(node.GetSegmentationNode(), node.GetSourceVolumeNode())
        self.session.use(readSettings(self.parameters))
        self.session.useModel(supportModelPath(self.parameters))

    def processInteractionEvents(self, callerInteractor, eventId, viewWidget):
        isApply = eventId == vtk.vtkCommand.KeyPressEvent and callerInteractor.GetKeySym() in APPLY_KEYS
        if isApply and self.session is not None and viewWidget.className() == "qMRMLSliceWidget":
            self.apply()
            return True
        return False

    def addExample(self):
        """Add the chosen volume and segmentation as an example."""
        ui = self.panel.ui
        self.session.addNodes(ui.exampleVolumeSelector.currentNode(), ui.exampleSegmentationSelector.currentNode())

    def addFolder(self):
        """Add the examples of a folder."""
        from MedSegAILib.gui.fewshot_panel import chooseFolder

        self._withPath(chooseFolder(), self.session.addFiles)

    def addSet(self):
        """Add the examples of a support set."""
        from MedSegAILib.gui.fewshot_panel import chooseSet

        self._withPath(chooseSet(), self.session.addFiles)

    def removeExample(self):
        """Forget the selected example."""
        if self.panel.selectedExample >= 0:
            self.session.removeExample(self.panel.selectedExample)

    def learn(self):
        """Learn from the examples."""
        self.session.learn()

    def loadModel(self):
        """Use a support model from elsewhere."""
        from MedSegAILib.gui.fewshot_panel import chooseModel

        self._withPath(chooseModel(), self.session.loadModel)

    def saveModel(self):
        """Copy the support model to a file."""
        from MedSegAILib.gui.fewshot_panel import chooseTarget

        self._withPath(chooseTarget(self.session.model.file.name), self.session.saveModel)

    def segment(self):
        """Segment the source volume."""
        self.session.segment()

    def apply(self):
        """Write the preview into segments."""
        self.waiting(self.session.apply)

    def cancel(self):
        """Stop what is under way."""
        self.session.cancel()

    def _tick(self, item, _column):
        self.session.leaveOut(item.text(0), item.checkState(0) == qt.Qt.Unchecked)

    def _useModel(self, path):
        """Remember a support model in the scene, if that still is there."""
        if self.scriptedEffect.parameterSetNode() is not None:
            self.parameters.set("SupportModel", path)

    @staticmethod
    def _withPath(path, action):
        if path:
            action(path)
