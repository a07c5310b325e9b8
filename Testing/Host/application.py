"""The desktop's application object and what hangs on it: `slicer.app`, its views and its names in `slicer`."""

from __future__ import annotations

import sys
import types

import slicer
from Host import ctk_shim, event_loop, scripted_modules
from Host import qt_shim as qt
from Host.node_widgets import qMRMLNodeComboBox, qMRMLSegmentSelectorWidget, qSlicerMarkupsPlaceWidget
from Host.scripted_effect import qSlicerSegmentEditorEffectFactory, qSlicerSegmentEditorScriptedEffect
from Host.segment_editor import qMRMLSegmentEditorWidget
from Host.slice_view import qMRMLSliceView, qMRMLSliceWidget, qMRMLWidget
from Host.ui_loader import QUiLoader

SLICE_VIEWS = {"Red": "Axial", "Green": "Coronal", "Yellow": "Sagittal"}
SIZE = (400, 400)
WIDGETS = (
    qMRMLNodeComboBox,
    qMRMLSegmentEditorWidget,
    qMRMLSegmentSelectorWidget,
    qMRMLSliceView,
    qMRMLSliceWidget,
    qMRMLWidget,
    qSlicerMarkupsPlaceWidget,
)
EFFECTS = (qSlicerSegmentEditorEffectFactory, qSlicerSegmentEditorScriptedEffect)


class qSlicerLayoutManager(qt.QObject):
    """The three slice views of the usual layout; each is made when it is first asked for."""

    layoutChanged = qt.Signal(int)
    threeDViewCount = qt.Property(int, lambda _self: 0)

    def __init__(self, application, parent=None):
        super().__init__(parent)
        self._application, self._widgets = application, {}

    def sliceViewNames(self):
        return tuple(SLICE_VIEWS)

    def sliceWidget(self, name):
        if name in SLICE_VIEWS and name not in self._widgets:
            self._widgets[name] = qMRMLSliceWidget(self._application, name, SLICE_VIEWS[name], SIZE)
        return self._widgets.get(name)

    def host_close(self):
        """Give back what drawing has taken, without waiting for Python to find it unused."""
        for widget in self._widgets.values():
            widget.sliceView().pauseRender()
            widget.sliceView().renderWindow().Finalize()
        self._widgets.clear()

    def resetSliceViews(self):
        for name in SLICE_VIEWS:
            self.sliceWidget(name).fitSliceToBackground()


class qSlicerApplication(qt.QApplication):
    """`slicer.app`; there is one in a process, each scene in turn is attached to it."""

    startupCompleted = qt.Signal()
    mrmlSceneChanged = qt.Signal(object)
    temporaryPath = qt.Property(str, lambda self: self._host.application.GetTemporaryPath())
    majorVersion = qt.Property(int, lambda _self: 5)
    minorVersion = qt.Property(int, lambda _self: 13)

    def __init__(self):
        super().__init__([])
        self._host = self._layoutManager = None
        self._window = qt.QMainWindow()
        self._window.objectName = "qSlicerMainWindow"
        self._window.statusBar()

    def attach(self, host):
        """Serve a scene that was just made."""
        self._host = host
        self._layoutManager = qSlicerLayoutManager(host.application)
        slicer.app = self
        self.mrmlSceneChanged.emit(host.scene)

    def applicationLogic(self):
        return self._host.application

    def mrmlScene(self):
        return self._host.scene

    def layoutManager(self):
        return self._layoutManager

    def processEvents(self, *_flags):
        self._host.process_events()
        event_loop.process_events()

    def testingEnabled(self):
        return True

    @staticmethod
    def instance():
        return application


def install() -> None:
    """Put the desktop's names where its scripts look for them."""
    for kind in (*WIDGETS, *EFFECTS):
        setattr(slicer, kind.__name__, kind)
    effects = types.ModuleType("qSlicerSegmentationsEditorEffectsPythonQt")
    effects.qSlicerSegmentEditorScriptedEffect = qSlicerSegmentEditorScriptedEffect
    translation = types.ModuleType("slicer.i18n")
    translation.tr = lambda text: text
    translation.translate = lambda _context, text: text
    slicer.i18n = translation
    qt.QUiLoader = QUiLoader
    QUiLoader.kinds.update({kind.__name__: kind for kind in (*WIDGETS, *ctk_shim.WIDGETS)})
    sys.modules.update({"qt": qt, "ctk": ctk_shim, "slicer.i18n": translation, effects.__name__: effects})
    scripted_modules.install()


application = qSlicerApplication()
install()
