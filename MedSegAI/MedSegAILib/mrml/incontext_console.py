"""Grow in-context tasks from the scene and segment by them, in a few lines of Python.

>>> from MedSegAILib.mrml.incontext_console import addToTask, segmentInContext
>>> addToTask("/data/tasks", "liver", getNode("CT1"), getNode("Seg1"))
>>> segmentIds, result = segmentInContext(getNode("CT2"), "/data/tasks", "liver", getNode("Seg2"))
"""

from __future__ import annotations

from MedSegAICore.request import InContextTask, SegmentationRequest, SliceScope

from .console import newEngine
from .examples import exampleFromNodes
from .incontext_examples import exampleOfTask, looksOfTask
from .structures import writeInto
from .volumes import imageVolume


def addToTask(library, task, volumeNode, segmentationNode, names=None, plane=None):
    """Add what is drawn on a volume, or on one slice of it, to a task. The scene is not changed.

    Parameters
    ----------
    library
        Folder of tasks; it is made if it is not there.
    task
        Name of the task. A new one gets the structures of this example.
    volumeNode, segmentationNode
        The scalar volume and what is drawn on it; both may be under linear transforms.
    names
        Names of the segments; None takes those that the task has, and of a new task all that are not empty.
    plane
        A `SlicePlane`: only that slice is stored. None stores the volume.

    Returns
    -------
    str
        The example's identifier in the task.

    Raises
    ------
    MedSegAIError
        What went wrong and what to do next.
    """
    from MedSegAICore.incontext.context_example import ContextExample
    from MedSegAICore.incontext.slice_cut import slice_of
    from MedSegAICore.incontext.task_library import TaskLibrary  # opens SimpleITK: only where needed

    tasks = TaskLibrary(library)
    if names is None and task in tasks.tasks():
        example = exampleOfTask(volumeNode, segmentationNode, tasks.task(task).labels)
    else:
        example = exampleFromNodes(volumeNode, segmentationNode, names)
    looks = looksOfTask(segmentationNode, example.masks)
    whole = ContextExample(example, looks=looks)
    context = whole if plane is None else slice_of(whole, plane)
    stored = tasks.task(task) if task in tasks.tasks() else tasks.create(task, context.labels)
    return stored.add(context)


def segmentInContext(
    volumeNode,
    library,
    task,
    segmentationNode=None,
    engine=None,
    editor=None,
    progress=None,
    cancel=None,
    **settings,
):
    """Segment what the examples of a task show, each structure into the segment of its name, in one step of undo.

    If it fails, the scene is as it was.

    Parameters
    ----------
    volumeNode
        The scalar volume; it may be under linear transforms.
    library, task
        Folder of tasks, and the name of one of them.
    segmentationNode
        Where the segments go; None makes a segmentation on the grid of the volume.
    engine
        Who computes; None makes an `Engine` in this process.
    editor
        A `SegmentEditor` whose masking, overwrite mode and undo are used; None makes one that edits everywhere.
    progress
        Called with a fraction [0, 1] and a few words.
    cancel
        A `CancelToken` that stops the run at its next step.
    **settings
        Further fields of `InContextTask`: digest, model, labels, scope, window, options, threshold, clean_up.

    Returns
    -------
    segmentIds, result
        Name of every structure -> its segment (None if nothing was found of it), and the `SegmentationResult`.

    Raises
    ------
    MedSegAIError
        What went wrong and what to do next.
    """
    request = contextRequestFromNodes(volumeNode, library, task, **settings)
    result = (engine or newEngine()).segment(request, progress, cancel)
    return writeInContext(result, request, volumeNode, segmentationNode, editor)


def contextRequestFromNodes(volumeNode, library, task, **settings):
    """Return the `SegmentationRequest` that `segmentInContext` sends; arguments and errors are the same."""
    return SegmentationRequest(imageVolume(volumeNode), InContextTask(library, task, **settings), f"{library} {task}")


def writeInContext(result, request, volumeNode, segmentationNode=None, editor=None):
    """Write the answer to a request into segments; arguments and return value as for `segmentInContext`.

    A slice replaces what the segments have on that slice only.

    Raises
    ------
    NodeRemoved
        The volume or the segmentation is not in the scene any more.
    """
    from MedSegAICore.incontext.slice_cut import slice_region
    from MedSegAICore.incontext.task_library import TaskLibrary

    scope = request.task.scope
    region = slice_region(request.image.geometry, scope.plane) if isinstance(scope, SliceScope) else None
    looks = TaskLibrary(request.task.library).looks(request.task.task)
    return writeInto(result, looks, volumeNode, segmentationNode, editor, region)
