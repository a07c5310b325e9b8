"""The AI In-context effect: examples of a task show what to segment, and every accepted slice becomes one of them."""

from __future__ import annotations

import slicer
import vtk
from MedSegAILib.gui.application_engine import applicationEngine
from MedSegAILib.gui.incontext_settings import DEFAULTS, readSettings, taskName
from MedSegAILib.gui.resources import icon
from MedSegAILib.gui.session_effect import SessionEffect
from MedSegAILib.mrml.editor import EffectEditor
from slicer.i18n import tr as _

KEYS = {"a": "apply", "Return": "apply", "KP_Enter": "apply", "n": "lookNext"}
"""What keys do while the effect is active and the mouse is in a slice view."""


class AIInContextEffect(SessionEffect):
    """What Slicer calls; tasks, runs and previews are the session's, widgets the panel's."""

    def __init__(self, scriptedEffect):
        super().__init__(scriptedEffect, "AI In-context", _("AI In-context"), DEFAULTS)
        scriptedEffect.perSegment = False
        scriptedEffect.requireSegments = False

    def icon(self):
        return icon("AIInContext")

    def helpText(self):
        return "<html>" + _(
            """Keep examples of what you want in a task, and get it on any slice or volume. You see it before it is
written.<br>
<ul style="margin: 0">
<li><b>New</b> makes a task. Draw its structures on a slice, for instance with AI Prompt, and <b>add</b> the slice.
<li><b>Segment</b> another slice or the volume. Correct it with any tool, then <b>Accepted: add this slice</b>.
<li><b>Look here next</b> goes to where the model is least sure. The task gets better with every slice.
<li><b>a</b> or <b>enter:</b> apply. <b>n:</b> look here next. One undo takes all structures back.
</ul>
Not a medical device. Check every result."""
        )

    def setupOptionsFrame(self):
        # opened here, because Slicer makes more effects than it ever shows
        from MedSegAILib.gui.incontext_panel import InContextPanel

        self.panel = InContextPanel(self.parameters, self.listModels)
        self.scriptedEffect.addOptionsWidget(self.panel.widget)
        ui = self.panel.ui
        ui.libraryButton.connect("clicked()", self.chooseLibrary)
        ui.openLibraryButton.connect("clicked()", self.openLibrary)
        ui.tasksTree.connect("itemSelectionChanged()", self.chooseTask)
        ui.newTaskButton.connect("clicked()", self.newTask)
        ui.shareTaskButton.connect("clicked()", self.shareTask)
        ui.takeTaskButton.connect("clicked()", self.takeTask)
        ui.renameTaskButton.connect("clicked()", self.renameTask)
        ui.removeTaskButton.connect("clicked()", self.removeTask)
        ui.addSliceButton.connect("clicked()", self.addSlice)
        ui.addVolumeButton.connect("clicked()", self.addVolume)
        ui.removeContextButton.connect("clicked()", self.removeExample)
        ui.startPromptButton.connect("clicked()", self.startFromPrompts)
        ui.segmentSliceButton.connect("clicked()", self.segmentSlice)
        ui.segmentVolumeButton.connect("clicked()", self.segmentVolume)
        ui.cancelContextButton.connect("clicked()", self.cancel)
        ui.candidateSlider.connect("valueChanged(double)", self.chooseCandidate)
        ui.applyContextButton.connect("clicked()", self.apply)
        ui.acceptSliceButton.connect("clicked()", self.accept)
        ui.lookNextButton.connect("clicked()", self.lookNext)
        ui.showUncertaintyButton.connect("clicked()", self.showUncertainty)

    def makeSession(self):
        from MedSegAILib.gui.incontext_session import InContextSession

        return InContextSession(applicationEngine(), EffectEditor(self.scriptedEffect), self.showSession, self._useTask)

    def activate(self):
        if self.session is None:
            self.session = self.makeSession()
        self.session.look()
        super().activate()

    def followScene(self, node):
        self.session.turnTo(node.GetSegmentationNode(), node.GetSourceVolumeNode())
        self.session.use(readSettings(self.parameters))
        self.session.useTask(taskName(self.parameters))

    def processInteractionEvents(self, callerInteractor, eventId, viewWidget):
        if self.session is None or viewWidget.className() != "qMRMLSliceWidget":
            return False
        self.panel.view.choose(viewWidget, eventId)
        if eventId != vtk.vtkCommand.KeyPressEvent or callerInteractor.GetKeySym() not in KEYS:
            return False
        getattr(self, KEYS[callerInteractor.GetKeySym()])()
        return True

    def chooseLibrary(self):
        """Keep tasks in another folder."""
        from MedSegAILib.gui import settings
        from MedSegAILib.gui.incontext_dialogs import chooseLibrary

        folder = chooseLibrary(self.session.shelf.folder)
        if folder:
            settings.setTaskFolder(folder)
            self.session.look()
            self.showSession()

    def openLibrary(self):
        """Show the folder of tasks in the file browser."""
        from MedSegAILib.gui.file_browser import showFolder

        showFolder(self.session.shelf.folder)

    def chooseTask(self):
        """Work with the task that is selected in the list."""
        self._useTask(self.panel.selectedTask)

    def newTask(self):
        """Make a task."""
        from MedSegAILib.gui.incontext_dialogs import askTask
        from MedSegAILib.mrml.examples import segmentNames

        segmentation = self.scriptedEffect.parameterSetNode().GetSegmentationNode()
        name, labels = askTask(segmentNames(segmentation) if segmentation is not None else ())
        if name:
            self.session.newTask(name, labels)

    def shareTask(self):
        """Copy the task for somebody else."""
        from MedSegAILib.gui.incontext_dialogs import chooseDestination

        self._withPath(chooseDestination(), self.session.shareTask)

    def takeTask(self):
        """Take in a task of somebody else."""
        from MedSegAILib.gui.incontext_dialogs import chooseShared

        self._withPath(chooseShared(), self.session.takeTask)

    def renameTask(self):
        """Ask for another name of the task."""
        from MedSegAILib.gui.incontext_dialogs import askName

        name = askName(self.session.shelf.name)
        if name:
            self.session.renameTask(name)

    def removeTask(self):
        """Remove the task from the disk, after a question."""
        from MedSegAILib.gui.incontext_dialogs import confirmRemoval

        shelf = self.session.shelf
        if confirmRemoval(shelf.name, len(shelf.notes)):
            self.session.removeTask()

    def addSlice(self):
        """Add the slice with what is drawn on it to the task."""
        self.waiting(lambda: self.session.addSlice(self.panel.plane, self._segmentId))

    def addVolume(self):
        """Add the volume with what is drawn on it to the task."""
        self.waiting(lambda: self.session.addVolume(self._segmentId))

    def removeExample(self):
        """Remove the selected example from the task."""
        if self.panel.selectedExample >= 0:
            self.session.removeExample(self.panel.selectedExample)

    def startFromPrompts(self):
        """Go to AI Prompt with a segment of the task's first structure."""
        from MedSegAILib.mrml.incontext_examples import segmentOf

        node = self.scriptedEffect.parameterSetNode()
        node.SetSelectedSegmentID(segmentOf(node.GetSegmentationNode(), self.session.shelf.labels[0]))
        self.scriptedEffect.selectEffect("AI Prompt")

    def segmentSlice(self):
        """Segment the slice by the examples."""
        self.session.segmentSlice(self.panel.plane)

    def segmentVolume(self):
        """Segment the volume by the examples."""
        self.session.segmentVolume()

    def cancel(self):
        """Stop what is under way."""
        self.session.cancel()

    def chooseCandidate(self, number):
        """Show one of several answers."""
        self.session.chooseCandidate(round(number))

    def apply(self):
        """Write the preview into segments."""
        self.waiting(self.session.apply)

    def accept(self):
        """Apply the preview and add the slice to the task."""
        self.waiting(lambda: self.session.accept(self.panel.plane, self._segmentId))

    def lookNext(self):
        """Go to the slice that is most worth checking."""
        position = self.session.nextPosition(self.panel.plane) if self.session.canLookNext else None
        if position is not None:
            from MedSegAILib.gui.slice_previews import jumpTo

            jumpTo(position)

    def showUncertainty(self):
        """Show where the model is not sure, in front of the image."""
        node = self.session.uncertaintyNode()
        slicer.util.setSliceViewerLayers(foreground=node, foregroundOpacity=0.5)

    @property
    def _segmentId(self):
        return self.scriptedEffect.parameterSetNode().GetSelectedSegmentID() or ""

    def _useTask(self, name):
        """Remember a task in the scene, if that still is there."""
        from MedSegAILib.gui.incontext_panel import shownTask

        if self.scriptedEffect.parameterSetNode() is not None:
            self.parameters.set("Task", shownTask(name))

    @staticmethod
    def _withPath(path, action):
        if path:
            action(path)
