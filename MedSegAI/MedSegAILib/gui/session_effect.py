"""What Slicer calls of every effect of MedSegAI, which all have a panel of widgets and a session that does the work."""

from __future__ import annotations

import inspect

import qt
import slicer

from .effect_parameters import EffectParameters


class SessionEffect:
    """An effect; subclasses set up `panel` in `setupOptionsFrame`, make the session, and let it follow the scene.

    Parameters
    ----------
    scriptedEffect
        What Slicer hands to an effect's constructor.
    name, title
        What modules find the effect by, and what users read.
    defaults
        Name -> value of every parameter.
    """

    def __init__(self, scriptedEffect, name, title, defaults):
        scriptedEffect.name = name  # not translated
        scriptedEffect.title = title
        self.scriptedEffect = scriptedEffect
        self.parameters = EffectParameters(scriptedEffect, defaults)
        self.panel = self.session = None

    def makeSession(self):
        """Return the session; its modules are opened here, because Slicer makes more effects than it ever shows."""
        raise NotImplementedError

    def followScene(self, node):
        """Let the session turn to what the segment editor's node says."""
        raise NotImplementedError

    def clone(self):
        clonedEffect = slicer.qSlicerSegmentEditorScriptedEffect(None)
        clonedEffect.setPythonSource(inspect.getfile(type(self)).replace("\\", "/"))
        return clonedEffect

    def setMRMLDefaults(self):
        self.parameters.setDefaults()

    def activate(self):
        if self.session is None:
            self.session = self.makeSession()
        self.panel.offer.start()
        self.listModels()

    def deactivate(self):
        if self.session is not None:
            self.panel.offer.stop()
            self.session.close()

    def cleanup(self):
        if self.session is not None:
            self.panel.offer.stop()
            self.session.end()
            self.session = None

    def updateGUIFromMRML(self):
        """Follow the scene: another segmentation, segment, volume or option."""
        node = self.scriptedEffect.parameterSetNode()
        if node is not None and self.session is not None:
            self.followScene(node)
            self.showSession()

    def updateMRMLFromGUI(self):
        """Do nothing: every widget writes to the scene when it is used."""

    def sourceVolumeNodeChanged(self):
        self.updateGUIFromMRML()

    def layoutChanged(self):
        if self.session is not None:
            self.session.previews.useLayout()
            self.showSession()

    def listModels(self):
        """Show which models there are now, and go on with what can run."""
        self.panel.setModels()
        self.updateGUIFromMRML()

    def showSession(self):
        """Bring the panel up to date, if the scene still is there."""
        if self.session is not None and self.scriptedEffect.parameterSetNode() is not None:
            self.panel.show(self.session)

    @staticmethod
    def waiting(action):
        """Do something that takes a moment."""
        qt.QApplication.setOverrideCursor(qt.Qt.WaitCursor)
        try:
            action()
        finally:
            qt.QApplication.restoreOverrideCursor()
