"""What the Python console can do with tasks that grow."""


class InContextCalls:
    """The part of `MedSegAILogic` that grows tasks and segments by their examples."""

    def addToTask(self, library, task, volumeNode, segmentationNode, names=None, plane=None):
        """Add what is drawn on a volume to a task that `segmentInContext` segments by.

        >>> logic.addToTask("/data/tasks", "liver", getNode("CT1"), getNode("Seg1"))

        Parameters
        ----------
        library
            Folder of tasks; it is made if it is not there.
        task
            Name of the task. A new one gets the structures of this example.
        volumeNode, segmentationNode
            The volume and what is drawn on it.
        names
            Names of the segments; None takes those that the task has, and of a new task all that are not empty.
        plane
            A `MedSegAICore.SlicePlane`, to store that slice only.

        Returns
        -------
        str
            The example's identifier in the task.

        Raises
        ------
        MedSegAIError
            What went wrong and what to do next.
        """
        from ..mrml.incontext_console import addToTask

        return addToTask(library, task, volumeNode, segmentationNode, names, plane)

    def segmentInContext(
        self, volumeNode, library, task, segmentationNode=None, editor=None, progress=None, cancel=None, **settings
    ):
        """Segment what the examples of a task show, as `segmentLike` does; the arguments are those of both.

        >>> segmentIds, result = logic.segmentInContext(getNode("CT2"), "/data/tasks", "liver")

        Further `settings` are the fields of `MedSegAICore.InContextTask`: digest, model, labels, scope, window,
        options, threshold, clean_up. With a `SliceScope` one slice is segmented, and only there segments change.
        """
        from ..mrml.incontext_console import segmentInContext
        from .application_engine import WaitingEngine

        return segmentInContext(
            volumeNode, library, task, segmentationNode, WaitingEngine(), editor, progress, cancel, **settings
        )

    def startInContext(
        self,
        volumeNode,
        library,
        task,
        segmentationNode=None,
        editor=None,
        onResult=None,
        onError=None,
        onProgress=None,
        **settings,
    ):
        """Do the same as `segmentInContext` without waiting for it; callbacks and run are as for `startLike`."""
        from .node_run import ContextRun, Target

        target = Target(volumeNode, segmentationNode, editor=editor)
        return ContextRun(target, library, task, settings, onResult, onError, onProgress)
