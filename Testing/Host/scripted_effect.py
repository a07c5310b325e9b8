"""Segment Editor effects in Python, as the desktop's C++ class loads, clones and calls them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import slicer
from Host import qt_shim as qt
from Host.abstract_effect import qSlicerSegmentEditorAbstractEffect


class qSlicerSegmentEditorScriptedEffect(qSlicerSegmentEditorAbstractEffect):
    """One effect of one editor: what its Python class calls `self.scriptedEffect`."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._source, self._self, self._active = "", None, False

    def setPythonSource(self, path):
        """Make the object of a file; its module has the name of the folder, its class that of the file."""
        file = Path(path)
        module = sys.modules.get(file.parent.name)
        if not hasattr(module, file.stem):
            spec = importlib.util.spec_from_file_location(file.parent.name, file)
            module = sys.modules[file.parent.name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        self._source = str(path)
        self._self = getattr(module, file.stem)(self)
        setattr(slicer, file.parent.name, self._self)
        return True

    def pythonSource(self):
        return self._source

    def self(self):
        return self._self

    def host_clone(self, editor):
        """Return another effect of the same class in an editor."""
        effect = self._self.clone()
        effect._editor = editor
        effect.host_call("setupOptionsFrame")
        return effect

    def host_call(self, method, *arguments):
        """Call a method if the Python class has it; what it raises is printed and swallowed, as by PythonQt."""
        action = getattr(self._self, method, None)
        try:
            return action(*arguments) if action is not None else None
        except Exception:  # noqa: BLE001 whatever it is
            sys.excepthook(*sys.exc_info())
            return None

    def host_event(self, method, *arguments):
        """Let the effect see an event; return whether it keeps it from everyone else."""
        keeps = self.host_call(method, *arguments)
        if not isinstance(keeps, bool | None):
            message = f"{method} of {self._name} returns a {type(keeps).__name__}; PythonQt takes a bool only."
            raise TypeError(message)
        return bool(keeps)

    def host_interaction_mode(self, node):
        """Tell of a change of mode; an effect that does not care is left when something else is to be placed."""
        if hasattr(self._self, "interactionNodeModified"):
            self.host_call("interactionNodeModified", node)
        elif node.GetCurrentInteractionMode() == node.Place:
            self.selectEffect("")

    def selectEffect(self, name):
        self._editor.setActiveEffectByName(name)

    def active(self):
        return self._active

    def activate(self):
        self._active = True
        self._frame.show()
        self.host_call("activate")

    def deactivate(self):
        self.host_call("deactivate")
        self._frame.hide()
        self._active = False

    def setParameterSetNode(self, node):
        super().setParameterSetNode(node)
        if node is not None:
            self.host_call("setMRMLDefaults")

    def createCursor(self, viewWidget):
        return self.host_call("createCursor", viewWidget) or qt.QCursor()

    def helpText(self):
        return self.host_call("helpText") or ""

    def cleanup(self):
        self.host_call("cleanup")

    def updateGUIFromMRML(self):
        if self._active:
            self.host_call("updateGUIFromMRML")

    def updateMRMLFromGUI(self):
        self.host_call("updateMRMLFromGUI")


class qSlicerSegmentEditorEffectFactory(qt.QObject):
    """Where effects are registered; every editor gets clones of them."""

    effectRegistered = qt.Signal(str)
    _only = None

    def __init__(self, parent=None):
        super().__init__(parent)
        self._effects = {}

    @classmethod
    def instance(cls):
        if cls._only is None:
            cls._only = cls()
        return cls._only

    @classmethod
    def forget(cls):
        """Let the next application begin without effects."""
        cls._only = None

    def registerEffect(self, effect):
        """Take an effect once; False if one of that name is there."""
        if not effect.name or effect.name in self._effects:
            return False
        self._effects[effect.name] = effect
        self.effectRegistered.emit(effect.name)
        return True

    def registeredEffects(self):
        return tuple(self._effects.values())
