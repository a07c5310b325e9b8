"""Learn from segmentations of the scene and segment other volumes like them, in a few lines of Python.

>>> from MedSegAILib.mrml.fewshot_console import learn, segmentLike
>>> report = learn([(getNode("CT1"), getNode("Seg1")), (getNode("CT2"), getNode("Seg2"))], "liver.safetensors")
>>> segmentIds, result = segmentLike(getNode("CT3"), report.file, getNode("Seg3"))
"""

from __future__ import annotations

from pathlib import Path

from MedSegAICore.fewshot.fit import DEFAULT, FitReport, FitRequest
from MedSegAICore.fewshot.support_notes import SupportNotes, read_notes, write_notes
from MedSegAICore.request import FewShotTask, SegmentationRequest

from .console import newEngine
from .examples import exampleFromNodes, looksFromNodes, sharedLabels, withLabels
from .structures import writeInto
from .support_files import newModelFile
from .volumes import imageVolume


def learn(examples, file=None, model=DEFAULT, engine=None, progress=None, cancel=None, seed=0):
    """Learn from segmentations and keep what was learned in a file. The scene is not changed.

    Parameters
    ----------
    examples
        Tuples (volume node, segmentation node) or (volume node, segmentation node, names of segments). Without names
        the segments that all examples show are learned.
    file
        The support model to write; its name ends with `.safetensors`. None keeps it in the user's own folder.
    model
        Name in the catalogue, or "best" for whatever does best on the examples themselves.
    engine
        Who computes; None makes an `Engine` in this process.
    progress
        Called with a fraction [0, 1] and a few words.
    cancel
        A `CancelToken` that stops the run at its next step.
    seed
        Of whatever is drawn.

    Returns
    -------
    FitReport
        The file, the names of the structures and how well each example is segmented by what the others teach.

    Raises
    ------
    MedSegAIError
        What went wrong and what to do next; an example that cannot be used is named.
    """
    request, notes = fitRequestFromNodes(examples, file, model, seed)
    report = (engine or newEngine()).fit(request, progress, cancel)
    write_notes(report.file, notes())
    return report


def segmentLike(
    volumeNode, supportModel, segmentationNode=None, engine=None, editor=None, progress=None, cancel=None, **settings
):
    """Segment what examples have taught, each structure into the segment of its name, in one step of undo.

    If it fails, the scene is as it was.

    Parameters
    ----------
    volumeNode
        The scalar volume; it may be under linear transforms.
    supportModel
        File that `learn` has written, or its report.
    segmentationNode
        Where the segments go; None makes a segmentation on the grid of the volume.
    engine, progress, cancel
        As for `learn`.
    editor
        A `SegmentEditor` whose masking, overwrite mode and undo are used; None makes one that edits everywhere.
    **settings
        Further fields of `FewShotTask`: sha256, model, threshold, clean_up.

    Returns
    -------
    segmentIds, result
        Name of every structure -> its segment (None if nothing was found of it), and the `SegmentationResult`.

    Raises
    ------
    MedSegAIError
        What went wrong and what to do next.
    """
    request = likeRequestFromNodes(volumeNode, supportModel, **settings)
    result = (engine or newEngine()).segment(request, progress, cancel)
    return writeLike(result, supportModel, volumeNode, segmentationNode, editor)


def fitRequestFromNodes(examples, file=None, model=DEFAULT, seed=0):
    """Return the `FitRequest` that `learn` sends, and a function that gives its `SupportNotes` once it is answered."""
    chosen = [(volume, segmentation, names[0] if names else None) for volume, segmentation, *names in examples]
    learned = [exampleFromNodes(*nodes) for nodes in chosen]
    if not (chosen and all(names for *_nodes, names in chosen)):
        labels = sharedLabels([example.masks for example in learned])
        learned = [withLabels(example, labels) for example in learned]
    looks = {}
    for _volume, segmentation, _names in reversed(chosen):
        looks |= looksFromNodes(segmentation)
    file = newModelFile(learned[0].masks) if file is None else Path(file)
    request = FitRequest(tuple(learned), file, model, seed)

    def notes():
        labels = learned[0].masks
        fingerprints = tuple(example.image.fingerprint for example in learned)
        return SupportNotes({label: looks[label] for label in labels}, fingerprints)

    return request, notes


def modelFile(supportModel):
    """Return the path of a support model that is given as a path or as the `FitReport` about it."""
    return supportModel.file if isinstance(supportModel, FitReport) else Path(supportModel)


def likeRequestFromNodes(volumeNode, supportModel, **settings):
    """Return the `SegmentationRequest` that `segmentLike` sends; arguments and errors are the same."""
    file = modelFile(supportModel)
    return SegmentationRequest(imageVolume(volumeNode), FewShotTask(file, **settings), str(file))


def writeLike(result, supportModel, volumeNode, segmentationNode=None, editor=None):
    """Write the answer to `likeRequestFromNodes` into segments; arguments and return value as for `segmentLike`.

    Raises
    ------
    NodeRemoved
        The volume or the segmentation is not in the scene any more.
    """
    looks = read_notes(modelFile(supportModel)).looks
    return writeInto(result, looks, volumeNode, segmentationNode, editor)
