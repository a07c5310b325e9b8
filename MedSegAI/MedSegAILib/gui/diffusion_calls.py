"""What the Python console can do where one mask is not the whole truth."""


class DiffusionCalls:
    """The part of `MedSegAILogic` that draws several plausible masks and shows where they disagree."""

    def segmentByDiffusion(
        self,
        volumeNode,
        prompts,
        segmentationNode=None,
        segmentName="Segment",
        editor=None,
        progress=None,
        cancel=None,
        **settings,
    ):
        """Draw plausible masks of what the prompts lie around, and write their consensus into a segment.

        >>> from MedSegAICore import SamplingOptions
        >>> options = SamplingOptions(samples=16, steps=10, seed=1)
        >>> segmentId, result = logic.segmentByDiffusion(getNode("CT"), [getNode("R")], options=options)

        Arguments, return value and errors are those of `segment`. A segment says where to look as well:
        `(getNode("Segmentation"), "Nodule")` among the prompts. `result.candidates` are the masks.

        Further `settings` are the fields of `MedSegAICore.DiffusionTask`: model, scope, window, options, threshold,
        clean_up, candidate.
        """
        from ..mrml.diffusion_console import segmentByDiffusion
        from .application_engine import WaitingEngine

        return segmentByDiffusion(
            volumeNode, prompts, segmentationNode, segmentName, WaitingEngine(), editor, progress, cancel, **settings
        )

    def startDiffusion(
        self,
        volumeNode,
        prompts,
        segmentationNode=None,
        segmentName="Segment",
        editor=None,
        onResult=None,
        onError=None,
        onProgress=None,
        **settings,
    ):
        """Do the same as `segmentByDiffusion` without waiting for it; callbacks and run are as for `start`."""
        from MedSegAICore.request import DiffusionTask

        from .node_run import NodeRun, Target

        target = Target(volumeNode, segmentationNode, segmentName, editor)
        return NodeRun(target, list(prompts), {"kind": DiffusionTask, **settings}, onResult, onError, onProgress)

    def addCandidates(self, result, volumeNode, segmentationNode, segmentName="Segment", editor=None):
        """Add all masks of a result as segments of their own, which may overlap, in one step of undo.

        >>> logic.addCandidates(result, getNode("CT"), getNode("Segmentation"), "Nodule")

        Parameters
        ----------
        result
            What `segmentByDiffusion` or `startDiffusion` gave.
        volumeNode, segmentationNode
            What was segmented, and where they go.
        segmentName
            They are called "Segment candidate 1" and so on, the most typical one first.
        editor
            As for `segment`.

        Returns
        -------
        list of str
            The segments.
        """
        from ..mrml.diffusion_console import addCandidates

        return addCandidates(result, volumeNode, segmentationNode, segmentName, editor)

    def showUncertainty(self, result, volumeNode):
        """Return the volume that shows the uncertainty of a result, also of an in-context one.

        It lies where its image lies, and is used again for the next result on it. None if there is no uncertainty.
        """
        from ..mrml.uncertainty_volume import uncertaintyVolume

        return None if result.uncertainty is None else uncertaintyVolume(result.uncertainty, volumeNode)
