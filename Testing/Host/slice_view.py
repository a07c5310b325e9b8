"""Slice views of the desktop's layout: the real slice logic and displayable managers, drawn without a screen."""

from __future__ import annotations

import slicer
import vtk
from Host import qt_shim as qt

DISPLAYABLE_MANAGERS = (
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
)
MILLISECONDS_BETWEEN_FRAMES = 16


class qMRMLWidget(qt.QWidget):
    """A widget that shows something of a scene."""

    mrmlSceneChanged = qt.Signal(object)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._scene = None

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene):
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)


class qMRMLSliceView(qt.QWidget):
    """What a slice view draws on and where its mouse is."""

    def __init__(self, logic, size):
        super().__init__()
        self._logic, self._paused = logic, 0
        self._window, self._interactor = _offscreenWindow(size)
        self._renderer = self._window.GetRenderers().GetFirstRenderer()
        self._image, self._mapper = _imageActor()
        self._renderer.AddViewProp(self._image)
        self._managers = _displayableManagers(self._renderer, logic)
        self._style = _interactorStyle(logic, self._managers, self._interactor)
        self._timer = qt.QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.forceRender)
        self._managers.AddObserver(vtk.vtkCommand.UpdateEvent, lambda *_: self.scheduleRender())
        logic.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._takeImage())
        logic.ResizeSliceNode(*size)
        self._takeImage()

    def _takeImage(self):
        connection = self._logic.GetImageDataConnection()
        self._image.SetVisibility(connection is not None)
        self._mapper.SetInputConnection(connection)
        self.scheduleRender()

    def renderWindow(self):
        return self._window

    def interactor(self):
        return self._interactor

    def interactorStyle(self):
        return self._style

    sliceViewInteractorStyle = interactorObserver = interactorStyle

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()

    def displayableManagerByClassName(self, name):
        return self._managers.GetDisplayableManagerByClassName(name)

    def forceRender(self):
        self._window.Render()

    def scheduleRender(self):
        """Draw soon; many requests become one frame."""
        if not self._paused and not self._timer.active:
            self._timer.start(MILLISECONDS_BETWEEN_FRAMES)

    def pauseRender(self):
        self._paused += 1
        return self._paused

    def resumeRender(self):
        self._paused -= 1
        if not self._paused:
            self.scheduleRender()
        return self._paused

    def setViewCursor(self, cursor):
        self.setCursor(cursor)

    def unsetViewCursor(self):
        self.unsetCursor()

    def convertRASToXYZ(self, ras):
        toXY = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self.mrmlSliceNode().GetXYToRAS(), toXY)
        return tuple(toXY.MultiplyPoint((*ras, 1))[:3])

    def convertXYZToRAS(self, xyz):
        return tuple(self.mrmlSliceNode().GetXYToRAS().MultiplyPoint((*xyz, 1))[:3])

    def convertDeviceToXYZ(self, xy):
        return (float(xy[0]), float(xy[1]), 0.0)


class qMRMLSliceWidget(qMRMLWidget):
    """A slice view with what belongs to it."""

    def __init__(self, application, name, orientation, size):
        super().__init__()
        self._logic = slicer.vtkMRMLSliceLogic()
        self._logic.SetMRMLApplicationLogic(application)
        self._logic.SetMRMLScene(application.GetMRMLScene())
        self._logic.AddSliceNode(name)
        application.GetSliceLogics().AddItem(self._logic)
        self.setMRMLScene(application.GetMRMLScene())
        self.mrmlSliceNode().SetOrientation(orientation)
        self._view = qMRMLSliceView(self._logic, size)
        layout = qt.QVBoxLayout(self)
        layout.addWidget(self._view)

    def sliceView(self):
        return self._view

    def sliceLogic(self):
        return self._logic

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self):
        return self._logic.GetSliceCompositeNode()

    def fitSliceToBackground(self):
        self._logic.FitSliceToBackground()
        self._logic.SnapSliceOffsetToIJK()

    def setSliceOrientation(self, orientation):
        self.mrmlSliceNode().SetOrientation(orientation)

    def interactorStyle(self):
        return self._view.interactorStyle()


def _offscreenWindow(size):
    window = vtk.vtkRenderWindow()
    window.ShowWindowOff()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(0)
    window.SetSize(*size)
    renderer = vtk.vtkRenderer()
    renderer.GetActiveCamera().ParallelProjectionOn()
    window.AddRenderer(renderer)
    interactor = vtk.vtkGenericRenderWindowInteractor()
    interactor.SetRenderWindow(window)
    interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())
    interactor.Initialize()
    return window, interactor


def _imageActor():
    mapper = vtk.vtkImageMapper()
    mapper.SetColorWindow(255)
    mapper.SetColorLevel(127.5)
    actor = vtk.vtkActor2D()
    actor.SetMapper(mapper)
    actor.GetProperty().SetDisplayLocationToBackground()
    return actor, mapper


def _displayableManagers(renderer, logic):
    factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
    for name in DISPLAYABLE_MANAGERS:
        if not factory.IsDisplayableManagerRegistered(name):
            factory.RegisterDisplayableManager(name)
    group = slicer.vtkMRMLDisplayableManagerGroup()
    group.SetRenderer(renderer)
    group.Initialize(factory, renderer)
    group.SetMRMLDisplayableNode(logic.GetSliceNode())
    return group


def _interactorStyle(logic, managers, interactor):
    style = slicer.vtkMRMLSliceViewInteractorStyle()
    style.SetSliceLogic(logic)
    style.SetDisplayableManagers(managers)
    style.SetInteractor(interactor)
    return style
