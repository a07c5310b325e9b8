"""A scene of the real Slicer core, without the desktop application.

The desktop builds its scene, logics and default nodes in Qt code. This does the same with what the `slicer-core`
wheel offers, so that everything below the user interface runs as it does in Slicer.
"""

from __future__ import annotations

import atexit
import types
from dataclasses import dataclass
from pathlib import Path

import slicer
import vtk

MODULE_LOGICS = {
    "Volumes": "vtkSlicerVolumesLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
}


@dataclass(frozen=True)
class SlicerHost:
    """What `boot` brought up: the scene and the application logic that serves it."""

    scene: slicer.vtkMRMLScene
    application: slicer.vtkSlicerApplicationLogic
    runs_modules: bool
    keep_alive: tuple
    observers: tuple[int, ...]

    def process_events(self) -> None:
        """Do what the application's timer does: deliver modified events and load what modules have written."""
        self.application.ProcessModified()
        self.application.ProcessReadData()

    def close(self) -> None:
        """Stop the processing thread and leave the scene empty."""
        if self.runs_modules:
            self.application.TerminateProcessingThread()
            atexit.unregister(self.application.TerminateProcessingThread)
        self.scene.Clear(1)
        for tag in self.observers:
            self.scene.RemoveObserver(tag)


def boot(folder: Path, runs_modules: bool = False) -> SlicerHost:
    """Return a new scene; `slicer.mrmlScene` and `slicer.app` point at it.

    Parameters
    ----------
    folder
        Where temporary files go.
    runs_modules
        Start the thread that runs command line modules and loads what they write.
    """
    scene = slicer.vtkMRMLScene()
    crosshair = slicer.vtkMRMLCrosshairNode()
    crosshair.SetCrosshairName("default")
    scene.AddNode(crosshair)
    application = slicer.vtkSlicerApplicationLogic()
    application.SetMRMLScene(scene)
    storage = _serve_files(scene, application, folder)
    if runs_modules:
        application.CreateProcessingThread()
        atexit.register(application.TerminateProcessingThread)  # a running thread would crash the interpreter's exit
    _serve_views(application)
    logics = _module_logics(scene, application)
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    observers = _keep_subject_hierarchy(scene)
    slicer.mrmlScene = scene
    slicer.modules = types.SimpleNamespace(
        **{name.lower(): types.SimpleNamespace(logic=lambda logic=logic: logic) for name, logic in logics.items()}
    )
    slicer.app = types.SimpleNamespace(applicationLogic=lambda: application, mrmlScene=lambda: scene)
    return SlicerHost(scene, application, runs_modules, (*storage, *logics.values()), observers)


def _serve_files(scene, application, folder: Path) -> tuple:
    """Let storage nodes, scene bundles and command line modules read and write below `folder`."""
    cache = slicer.vtkCacheManager()
    cache.SetRemoteCacheDirectory(str(folder))
    scene.SetCacheManager(cache)
    manager = slicer.vtkDataIOManager()
    manager.SetCacheManager(cache)
    scene.SetDataIOManager(manager)
    logic = slicer.vtkDataIOManagerLogic()
    logic.SetMRMLApplicationLogic(application)
    logic.SetAndObserveDataIOManager(manager)
    application.SetTemporaryPath(str(folder))
    scene.RegisterNodeClass(slicer.vtkMRMLCommandLineModuleNode())
    return cache, manager, logic


def _serve_views(application) -> None:
    application.SetSliceLogics(vtk.vtkCollection())
    application.SetViewLogics(vtk.vtkCollection())
    slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance().SetMRMLApplicationLogic(application)
    slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance().SetMRMLApplicationLogic(application)


def _module_logics(scene, application) -> dict[str, object]:
    colors = application.GetColorLogic()
    colors.SetMRMLScene(scene)
    colors.AddDefaultColorNodes()
    logics = {"Colors": colors}
    application.SetModuleLogic("Colors", colors)
    vtk.vtkObject.GlobalWarningDisplayOff()  # the wheel has no dictionaries of terms; entries are read without them
    for name, class_name in MODULE_LOGICS.items():
        logic = getattr(slicer, class_name)()
        logic.SetMRMLScene(scene)
        logic.SetMRMLApplicationLogic(application)
        application.SetModuleLogic(name, logic)
        logics[name] = logic
    vtk.vtkObject.GlobalWarningDisplayOn()
    return logics


def _keep_subject_hierarchy(scene) -> tuple[int, int]:
    """Give every data node its item in the subject hierarchy, as the desktop's plugins do; return the observers."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def added(_caller, _event, node) -> None:
        if node.IsA("vtkMRMLDisplayableNode") and not node.GetHideFromEditors():
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def removed(_caller, _event, node) -> None:
        item = hierarchy.GetItemByDataNode(node)
        if item:
            hierarchy.RemoveItem(item, False, False)

    return (
        scene.AddObserver(slicer.vtkMRMLScene.NodeAddedEvent, added),
        scene.AddObserver(slicer.vtkMRMLScene.NodeAboutToBeRemovedEvent, removed),
    )
