"""The visible module: what is installed, what is missing, and segmentation from the Python console."""

from MedSegAILib.gui.diffusion_calls import DiffusionCalls
from MedSegAILib.gui.fewshot_calls import FewShotCalls
from MedSegAILib.gui.incontext_calls import InContextCalls
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)


class MedSegAI(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = "MedSegAI"
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.dependencies = ["Segmentations", "SegmentEditor"]
        parent.contributors = ["The MedSegAI developers"]
        parent.helpText = _(
            "AI segmentation in the Segment Editor: point at a structure and get a segment, or show it on a few volumes"
            " and get it on others. This module shows which models are ready, checks the installation and repairs it."
            " The work itself is done in the Segment Editor, with the effects <b>AI Prompt</b>, <b>AI Few-shot</b>,"
            " <b>AI In-context</b> and <b>AI Diffusion</b>."
            "<br><br><b>Not a medical device.</b> MedSegAI is for research. It has not been cleared or approved for"
            " diagnosis or treatment, and its results must be checked by someone who can."
        )
        parent.acknowledgementText = _(
            "MedSegAI builds on 3D Slicer, PyTorch, MONAI and Segment Anything, and thanks their developers."
            " Models have licences of their own, which the module shows."
        )
        from MedSegAILib.gui.resources import icon  # the module's own folder has no Resources in the source tree

        parent.icon = icon("MedSegAI")


class MedSegAIWidget(ScriptedLoadableModuleWidget):
    """The module's panel."""

    def setup(self):
        super().setup()
        from MedSegAILib.gui.module_panel import ModulePanel  # only when the module is opened

        self.panel = ModulePanel()
        self.layout.addWidget(self.panel.widget)

    def enter(self):
        self.panel.enter()

    def exit(self):
        self.panel.exit()

    def cleanup(self):
        self.panel.close()


class MedSegAILogic(FewShotCalls, InContextCalls, DiffusionCalls, ScriptedLoadableModuleLogic):
    """Segmentation of nodes for the Python console and other modules; its parts say what else it can do.

    >>> from MedSegAI import MedSegAILogic
    >>> logic = MedSegAILogic()
    >>> segmentId, result = logic.segment(getNode("CT"), [getNode("F")], getNode("Segmentation"), "Liver")

    Positions are read from nodes: points, ROIs, planes, closed curves and label maps are prompts, and so are segments
    as (segmentation node, name) and the values `PointPrompt`, `BoxPrompt`, ... of `MedSegAICore`, in mm (right,
    anterior, superior). The work is done in the engine process: the application stays responsive, and torch is never
    loaded into it.
    """

    def segment(
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
        """Segment what the prompts point at, wait for it, and write it into a segment.

        If it fails, the scene is as it was, also if nodes were removed while it ran.

        Parameters
        ----------
        volumeNode
            The scalar volume; it may be under linear transforms.
        prompts
            Nodes and prompts, in any mixture.
        segmentationNode
            Where the segment goes; None makes a segmentation on the grid of the volume.
        segmentName
            Name of the segment; an existing one of that name is replaced.
        editor
            A `SegmentEditor` (see `MedSegAILib.mrml.segments`) whose masking, overwrite mode and undo are used; None
            edits everywhere.
        progress
            Called with a fraction [0, 1] and a few words.
        cancel
            A `MedSegAICore.CancelToken`; setting it ends the run with `Cancelled`.
        **settings
            Further fields of `MedSegAICore.PromptTask`: model, scope, window, threshold, clean_up.

        Returns
        -------
        segmentId, result
            The segment that was written (None if the result is empty) and the `SegmentationResult`.

        Raises
        ------
        MedSegAIError
            What went wrong and what to do next.
        """
        from MedSegAILib.gui.application_engine import WaitingEngine
        from MedSegAILib.mrml.console import segment

        return segment(
            volumeNode, prompts, segmentationNode, segmentName, WaitingEngine(), editor, progress, cancel, **settings
        )

    def start(
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
        """Do the same as `segment` without waiting for it.

        Parameters
        ----------
        onResult
            Called with the id of the segment that was written (None if the result is empty) and the result.
        onError
            Called with a `MedSegAIError`; None writes it to the log.
        onProgress
            Called with a fraction [0, 1] and a few words.

        Returns
        -------
        NodeRun
            Its `cancel()` stops the run, which then ends with the error `Cancelled`; `isRunning` tells whether it goes
            on.

        Raises
        ------
        MedSegAIError
            The volume or the prompts cannot be used; nothing was started and no callback is called.
        """
        from MedSegAILib.gui.node_run import NodeRun, Target

        target = Target(volumeNode, segmentationNode, segmentName, editor)
        return NodeRun(target, list(prompts), settings, onResult, onError, onProgress)

    def modelStore(self, progress=None, cancel=None):
        """Return the model files on this computer, to get, verify, remove and bundle them.

        >>> logic.modelStore().download("sam_vit_b")

        Parameters
        ----------
        progress, cancel
            As for `segment`.

        Returns
        -------
        ModelStore
            With `files`, `download`, `verify`, `remove`, `bundleOut` and `bundleIn`; each waits until it is done.
        """
        from MedSegAILib.gui.model_store import ModelStore

        return ModelStore(progress, cancel)

    def models(self):
        """Return the models that `model` can name, as `ModelSpec` by name."""
        from MedSegAICore.models.catalogue import load_catalogue

        return load_catalogue()


class MedSegAITest(ScriptedLoadableModuleTest):
    """What Slicer's button "Reload and Test" does: a click on a drawn ball becomes a segment."""

    def runTest(self):
        import numpy as np
        import slicer
        from MedSegAICore.prompts import PointPrompt

        slicer.mrmlScene.Clear()
        center = np.reshape((10, 20, 20), (3, 1, 1, 1))
        ball = np.linalg.norm(np.indices((20, 40, 40)) - center, axis=0) <= 8
        volumeNode = slicer.util.addVolumeFromArray((100 * ball).astype(np.int16), name="Ball")

        segmentId, result = MedSegAILogic().segment(volumeNode, [PointPrompt((20, 20, 10))])

        found = result.mask.full()
        overlap = 2 * (found & ball).sum() / (found.sum() + ball.sum())
        self.assertIsNotNone(segmentId)  # noqa: PT009  Slicer's tests are those of unittest
        self.assertGreater(overlap, 0.85)  # noqa: PT009
