"""Modules in Python: the base classes that the desktop gives them, and how it loads and opens them."""

from __future__ import annotations

import importlib
import sys
import types
import unittest
from pathlib import Path

import slicer
from Host import qt_shim as qt
from Host.slice_view import qMRMLWidget


class qSlicerScriptedLoadableModule:
    """The object of C++ on which a module describes itself; it has no other attributes than these."""

    __slots__ = (
        "_logic",
        "_panel",
        "acknowledgementText",
        "associatedNodeTypes",
        "categories",
        "contributors",
        "dependencies",
        "helpText",
        "hidden",
        "icon",
        "index",
        "name",
        "path",
        "title",
    )

    def __init__(self, file: Path):
        self.path, self.name = str(file), file.stem
        self.title = self.helpText = self.acknowledgementText = ""
        self.categories = self.contributors = self.dependencies = self.associatedNodeTypes = ()
        self.hidden, self.icon, self.index, self._panel = False, qt.QIcon(), -1, None

    def widgetRepresentation(self):
        """Return the module's panel, made when it is first asked for; its `self()` is the Python object."""
        if self._panel is None:
            self._panel = ModulePanel(self)
        return self._panel


class ModulePanel(qMRMLWidget):
    """The frame in which a module's widget class builds its panel."""

    def __init__(self, module):
        super().__init__()
        qt.QVBoxLayout(self)
        self.setMRMLScene(slicer.mrmlScene)
        kind = getattr(sys.modules[module.name], f"{module.name}Widget")
        self._self = kind(self)
        self._self.setup()

    def self(self):
        return self._self


class ScriptedLoadableModule:
    """What a module's main class derives from."""

    def __init__(self, parent):
        self.parent = parent
        self.moduleName = type(self).__name__


class ScriptedLoadableModuleWidget:
    """What a module's panel derives from."""

    def __init__(self, parent=None):
        self.moduleName = type(self).__name__.removesuffix("Widget")
        self.parent = parent
        self.layout = parent.layout()

    def setup(self):
        """The desktop shows buttons for developers here."""

    def cleanup(self):
        """Called when the application ends."""


class ScriptedLoadableModuleLogic:
    """What a module's logic derives from."""

    def __init__(self, _parent=None):
        self.moduleName = type(self).__name__.removesuffix("Logic")


class ScriptedLoadableModuleTest(unittest.TestCase):
    """What a module's self-test derives from."""


def install() -> None:
    """Put the base classes where modules import them from."""
    found = types.ModuleType("slicer.ScriptedLoadableModule")
    for kind in (
        ScriptedLoadableModule,
        ScriptedLoadableModuleLogic,
        ScriptedLoadableModuleTest,
        ScriptedLoadableModuleWidget,
    ):
        setattr(found, kind.__name__, kind)
    slicer.ScriptedLoadableModule = sys.modules[found.__name__] = found


def load_module(file: Path) -> qSlicerScriptedLoadableModule:
    """Load a module as the desktop does at start; it is `slicer.modules.<name>` from then on."""
    module = qSlicerScriptedLoadableModule(file)
    code = importlib.import_module(module.name)
    main = getattr(code, module.name)(module)
    setattr(slicer.modules, module.name.lower(), module)
    setattr(slicer.modules, f"{module.name}Instance", main)
    return module
