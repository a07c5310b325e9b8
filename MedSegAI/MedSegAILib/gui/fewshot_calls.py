"""What the Python console can learn from examples."""


class FewShotCalls:
    """The part of `MedSegAILogic` that learns from segmentations of the scene and segments other volumes like them."""

    def learn(self, examples, file=None, model="registered", progress=None, cancel=None):
        """Learn from segmentations of the scene what `segmentLike` segments, and wait for it.

        >>> report = logic.learn([(getNode("CT1"), getNode("Seg1")), (getNode("CT2"), getNode("Seg2"))])
        >>> segmentIds, result = logic.segmentLike(getNode("CT3"), report)

        Parameters
        ----------
        examples
            Tuples (volume node, segmentation node) or (volume node, segmentation node, names of segments). Without
            names the segments that all examples show are learned.
        file
            The support model to write; its name ends with `.safetensors`. None keeps it in the user's own folder.
        model
            Name in the catalogue, or "best" for whatever does best on the examples themselves, which takes longer.
        progress, cancel
            As for `segment`.

        Returns
        -------
        FitReport
            The file, the names of the structures and how well each example is segmented by what the others teach.

        Raises
        ------
        MedSegAIError
            What went wrong and what to do next; an example that cannot be used is named.
        """
        from ..mrml.fewshot_console import learn
        from .application_engine import WaitingEngine

        return learn(examples, file, model, WaitingEngine(), progress, cancel)

    def startLearning(self, examples, file=None, model="registered", onResult=None, onError=None, onProgress=None):
        """Do the same as `learn` without waiting for it.

        Parameters
        ----------
        onResult
            Called with the `FitReport`.
        onError, onProgress
            As for `start`.

        Returns
        -------
        LearnRun
            Its `cancel()` stops the run; an older file is still there then.

        Raises
        ------
        MedSegAIError
            The examples cannot be used; nothing was started and no callback is called.
        """
        from .node_run import LearnRun

        return LearnRun(list(examples), {"file": file, "model": model}, onResult, onError, onProgress)

    def segmentLike(
        self, volumeNode, supportModel, segmentationNode=None, editor=None, progress=None, cancel=None, **settings
    ):
        """Segment what examples have taught, wait for it, and write every structure into the segment of its name.

        All structures are one step of undo. If it fails, the scene is as it was.

        Parameters
        ----------
        volumeNode
            The scalar volume; it may be under linear transforms.
        supportModel
            What `learn` has returned, or the path of its file.
        segmentationNode, editor, progress, cancel
            As for `segment`.
        **settings
            Further fields of `MedSegAICore.FewShotTask`: sha256, model, threshold, clean_up.

        Returns
        -------
        segmentIds, result
            Name of every structure -> its segment (None if nothing was found of it), and the `SegmentationResult`.

        Raises
        ------
        MedSegAIError
            What went wrong and what to do next.
        """
        from ..mrml.fewshot_console import segmentLike
        from .application_engine import WaitingEngine

        return segmentLike(
            volumeNode, supportModel, segmentationNode, WaitingEngine(), editor, progress, cancel, **settings
        )

    def startLike(
        self,
        volumeNode,
        supportModel,
        segmentationNode=None,
        editor=None,
        onResult=None,
        onError=None,
        onProgress=None,
        **settings,
    ):
        """Do the same as `segmentLike` without waiting for it.

        Parameters
        ----------
        onResult
            Called with the id of every structure's segment by its name, and the result.
        onError, onProgress
            As for `start`.

        Returns
        -------
        LikeRun
            As for `start`.

        Raises
        ------
        MedSegAIError
            The volume cannot be used; nothing was started and no callback is called.
        """
        from .node_run import LikeRun, Target

        target = Target(volumeNode, segmentationNode, editor=editor)
        return LikeRun(target, supportModel, settings, onResult, onError, onProgress)
