"""Errors with names: each says what happened and what to do next.

They are raised anywhere below the user interface and become text only at its edge.
"""

from __future__ import annotations


class MedSegAIError(Exception):
    """Base of every error that MedSegAI raises on purpose.

    Parameters
    ----------
    message
        What happened, in one sentence.
    advice
        What the user can do next, in one sentence.
    """

    advice = "See the log for details."

    def __init__(self, message: str, advice: str | None = None) -> None:
        super().__init__(message)
        if advice is not None:
            self.advice = advice

    @property
    def message(self) -> str:
        """What happened, without the advice."""
        return str(self.args[0])

    def __str__(self) -> str:
        return f"{self.message} {self.advice}"


class InvalidImage(MedSegAIError):
    """The image is empty, has no finite voxel, or is not one scalar volume."""

    advice = "Choose a scalar volume that has voxels; convert colour or time series first."


class GeometryMismatch(MedSegAIError):
    """Two things that should share a grid do not."""

    advice = "Resample one of them onto the other's grid."


class ShearedGeometry(GeometryMismatch):
    """The axes of the image are not at right angles to each other."""

    advice = "Resample the volume to a grid with right angles (in Slicer: Resample Scalar Volume), then try again."


class NonLinearTransform(GeometryMismatch):
    """The image is under a transform that bends space."""

    advice = "Harden the transform on the volume, then try again."


class UnsupportedPrompt(MedSegAIError):
    """The chosen model cannot use this kind of prompt."""

    advice = "Choose another kind of prompt or another model."


class PromptOutsideImage(MedSegAIError):
    """A prompt lies outside the image."""

    advice = "Move the prompt onto the image."


class NoPositivePrompt(MedSegAIError):
    """Nothing says what should be inside the segment."""

    advice = "Add a positive point, box, lasso, scribble or mask on the structure."


class InvalidRequest(MedSegAIError):
    """A setting or a stored recipe has a value that cannot be used."""

    advice = "Correct the value named in the message."


class UnknownModel(MedSegAIError):
    """No model of that name is registered."""

    advice = "Choose one of the listed models."


class InvalidCatalogue(MedSegAIError):
    """A model's description has a field that cannot be used."""

    advice = "Install MedSegAI again, or correct the file named in the message."


class InvalidDataset(MedSegAIError):
    """A set of labelled images is not as its description says."""

    advice = "Correct the file or the description named in the message."


class InvalidSupport(MedSegAIError):
    """An example has no structure on it, or is not what the question needs."""

    advice = "Draw the structure on the example, or choose another example."


class InvalidSupportSet(MedSegAIError):
    """A description of a set of examples has a field that cannot be used, or files that it does not describe."""

    advice = "Correct the file named in the message, or choose the examples one by one."


class InvalidSupportModel(MedSegAIError):
    """A file is not a model learned from examples, or not a whole one."""

    advice = "Choose another file, or learn from the examples again."


class WeightsMissing(MedSegAIError):
    """The model's checkpoint file is not on this computer."""

    advice = "Choose the checkpoint file, or use the model 'adaptive', which needs none."


class WeightsCorrupt(MedSegAIError):
    """The checkpoint cannot be read as a table of tensors."""

    advice = "Download the checkpoint again."


class WeightsUnsafe(WeightsCorrupt):
    """The checkpoint holds more than tensors: it could run code, or fill the memory, when opened."""

    advice = "Use a checkpoint that holds tensors only (safetensors, or a plain state dict)."


class WeightsMismatch(MedSegAIError):
    """The checkpoint belongs to another network."""

    advice = "Choose the checkpoint that belongs to the selected model."


class WeightsAmbiguous(WeightsMismatch):
    """Several models have the checkpoint's network, and neither its hash nor its name tells which one it belongs to.

    Parameters
    ----------
    candidates
        Names of these models.
    """

    advice = "Say which model it belongs to."

    def __init__(self, message: str, advice: str | None = None, candidates: tuple[str, ...] = ()) -> None:
        super().__init__(message, advice)
        self.candidates = candidates


class WeightsUnwritable(MedSegAIError):
    """A checkpoint cannot be put into the weights folder."""

    advice = "Free some space, or name another folder in the environment variable MEDSEGAI_WEIGHTS."


class WeightsAltered(MedSegAIError):
    """A checkpoint is not the file that it should be: swapped, damaged, or another one."""

    advice = "Nothing was changed. If its authors have published another file, remove the old one first."


class WeightsBusy(MedSegAIError):
    """Another process is getting, checking or removing the same checkpoint."""

    advice = "Wait until it has finished, then try again."


class WeightsInUse(WeightsUnwritable):
    """A checkpoint cannot be replaced or removed, because a program has it open."""

    advice = "Press Clear in the module's part on the engine, or close other programs that use it, then try again."


class DownloadFailed(MedSegAIError):
    """A checkpoint could not be downloaded."""

    advice = "Check the network and try again: what has come is kept. Or get the file another way and import it."


class BundleRefused(MedSegAIError):
    """A file is no bundle of checkpoints, or not one that is safe to unpack. Nothing was written."""

    advice = "Choose another file, or make the bundle again."


class LicenceNotAccepted(MedSegAIError):
    """The licence of the model's weights must be accepted first, and was not."""

    advice = "Read the licence and accept it in the module MedSegAI, or choose another model."


class PackageMissing(MedSegAIError):
    """The model needs a Python package that is not installed or does not work."""

    advice = "Install what MedSegAI needs, or use the model 'adaptive', which needs no network library."


class DeviceUnavailable(MedSegAIError):
    """The requested device does not exist on this computer."""

    advice = "Choose the device 'auto' or 'cpu'."


class OutOfDeviceMemory(MedSegAIError):
    """The device ran out of memory, also after one smaller try."""

    advice = "Close other programs, choose a smaller model, or run on the CPU."


class SamplingFailed(MedSegAIError):
    """A network gave values that are not numbers while it drew masks."""

    advice = "Nothing was changed. Try another seed or more steps; if it happens again, the checkpoint is damaged."


class NodeRemoved(MedSegAIError):
    """The volume or the segmentation was removed from the scene while it was worked on."""

    advice = "Nothing was changed. Load it again, then start again."


class Cancelled(MedSegAIError):
    """The user stopped the run. Nothing was changed."""

    advice = "Start it again when you are ready."


class SettingsDiffer(MedSegAIError):
    """A folder holds the records of an evaluation with other settings."""

    advice = "Choose another folder, or go on with the settings that the folder was begun with."


class RecordsDamaged(MedSegAIError):
    """A file with the results of an evaluation cannot be read."""

    advice = "Choose another file or folder, or delete it and evaluate again."


class InvalidManifest(MedSegAIError):
    """A list of cases has a cell that cannot be used; the message names its row and column."""

    advice = "Correct the cell named in the message."


class FolderBusy(MedSegAIError):
    """Another cohort run works in the same folder."""

    advice = "Wait until it has finished, or choose another folder."


class NoRoom(MedSegAIError):
    """The disk is full."""

    advice = "Free some space and start the same again: it goes on where it was."


class ClusterRefused(MedSegAIError):
    """A cluster is not safe to use, or does not have what the work needs."""

    advice = "Correct what the message names, then start the same again."


class ClusterLost(MedSegAIError):
    """The scheduler of a cluster stopped or cannot be reached."""

    advice = "Start it again, and then the same run: it goes on where it was."


class WorkerLost(MedSegAIError):
    """The process that worked on a case ended, again and again; mostly because the memory was too small."""

    advice = "Give each worker more memory, or take the case out, then try failures again (--retry)."


class EngineLost(MedSegAIError):
    """The engine process stopped while it was working."""

    advice = "It is restarted by itself; your prompts are kept. Try again."


class EngineUnavailable(MedSegAIError):
    """The engine process cannot be started."""

    advice = "Run the installation check, or start Slicer again."


class EngineFault(MedSegAIError):
    """The engine met an error that nobody expected."""

    advice = "Nothing was changed. Report the message with the log."


def _known_errors(base: type[MedSegAIError] = MedSegAIError) -> dict[str, type[MedSegAIError]]:
    known = {base.__name__: base}
    for child in base.__subclasses__():
        known |= _known_errors(child)
    return known


def error_to_message(error: BaseException) -> dict[str, str]:
    """Return `error` as plain text fields that travel between processes."""
    if isinstance(error, MedSegAIError):
        return {"type": type(error).__name__, "message": error.message, "advice": error.advice}
    return {
        "type": EngineFault.__name__,
        "message": f"{type(error).__name__}: {error}",
        "advice": EngineFault.advice,
    }


def error_from_message(fields: dict[str, str]) -> MedSegAIError:
    """Return the error that `error_to_message` described."""
    kind = _known_errors().get(fields.get("type", ""), EngineFault)
    return kind(fields.get("message", "Unknown error."), fields.get("advice"))
