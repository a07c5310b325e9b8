"""What every command line module does alike: numbers with a minus sign, signals to stop, progress, one-line errors."""

from __future__ import annotations

import json
import signal
import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar
from xml.sax.saxutils import escape

import numpy as np

from .engine.run import CancelToken
from .errors import InvalidRequest, MedSegAIError
from .images import whole_files
from .label_files import is_segmentation
from .recipe import Recipe, task_from_dict
from .request import DiffusionTask, FewShotTask, InContextTask, PromptTask, Task
from .result import SegmentationResult

Kind = TypeVar("Kind", PromptTask, FewShotTask, InContextTask, DiffusionTask)

ORIGINS: dict[type[Task], tuple[str, str]] = {
    PromptTask: ("was prompted", "Run it with MedSegAIPrompt."),
    FewShotTask: ("was learned from examples", "Run it with MedSegAIFewShot."),
    InContextTask: ("follows the examples of a task", "Run it with MedSegAIInContext."),
    DiffusionTask: ("was drawn by a diffusion model", "Run it with MedSegAIDiffusion."),
}
"""How results come about, and what runs their recipes again."""


def joined(arguments: Sequence[str], lists: Collection[str]) -> list[str]:
    """Join each list of numbers that starts with a minus sign to its option, as argparse needs it.

    Parameters
    ----------
    arguments
        As the shell gives them.
    lists
        The options that take lists of numbers.
    """
    found: list[str] = []
    for argument in arguments:
        if found and found[-1] in lists and argument.startswith("-"):
            found[-1] += f"={argument}"
        else:
            found.append(argument)
    return found


def optional_path(text: str) -> Path | None:
    """Return a path; Slicer passes empty text for a file that is not chosen."""
    return Path(text) if text else None


def parts(text: str) -> list[str]:
    """Return the parts of a list that commas separate."""
    return [part for part in map(str.strip, text.split(",")) if part]


def numbers(text: str) -> list[float]:
    """Return the numbers of a list that commas separate."""
    return [float(part) for part in text.split(",") if part]


def cancel_on_signal() -> CancelToken:
    """Return a token that the signals to stop set: what runs ends at its next step and writes nothing."""
    cancel = CancelToken()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: cancel.cancel())
    return cancel


def say(line: str) -> None:
    """Print a line at once, for a person or for Slicer."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def report_start(name: str, comment: str) -> None:
    """Print that the module of that name has begun, in the form that Slicer reads."""
    said = f"<filter-name>{escape(name)}</filter-name><filter-comment>{escape(comment)}</filter-comment>"
    say(f"<filter-start>{said}</filter-start>")


def report_end(name: str, seconds: float) -> None:
    """Print that the module of that name has ended and how long it took [s], in the form that Slicer reads."""
    said = f"<filter-name>{escape(name)}</filter-name><filter-time>{seconds:.2f}</filter-time>"
    say(f"<filter-end>{said}</filter-end>")


def report_progress(fraction: float, message: str) -> None:
    """Print progress in the form that Slicer reads."""
    comment = f"<filter-comment>{escape(message)}</filter-comment>" if message else ""
    say(f"<filter-progress>{fraction:.3f}</filter-progress>{comment}")


def exit_code(command: Callable[[], None], *, verbose: bool) -> int:
    """Run a command and return its exit code: 0, or 1 after one sentence on the standard error.

    Parameters
    ----------
    command
        What is run.
    verbose
        Whether to show where in the program an error arose.
    """
    try:
        command()
    except MedSegAIError as error:
        return _failed(str(error), verbose)
    except Exception as error:  # noqa: BLE001  the last edge: whatever happens becomes one sentence
        happened = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".")
        advice = "Run it again with --verbose and report what it prints."
        return _failed(f"Something unexpected happened ({happened}). {advice}", verbose)
    return 0


def report_text(result: SegmentationResult, warnings: Sequence[str], more: Mapping[str, object] | None = None) -> str:
    """Return the values that come back to Slicer, and more of them by name, one on each line."""
    voxels = int(np.count_nonzero(result.mask.array))
    fields = {
        "voxels": voxels,
        "volumeMl": f"{voxels * float(np.prod(result.mask.geometry.spacing_ijk)) / 1000:.6g}",
        "usedModel": result.provenance.model,
        "seconds": f"{result.provenance.seconds:.3f}",
        "warnings": " ".join(warnings),
    }
    return parameters_text({**fields, **(more or {})})


def parameters_text(fields: Mapping[str, object]) -> str:
    """Return values that come back to Slicer, one on each line."""
    return "".join(f"{name} = {' '.join(str(value).split())}\n" for name, value in fields.items())


def read_recipe(file: Path) -> tuple[Task, Recipe | None]:
    """Return the task that a JSON file describes, and the recipe unless the file holds a task alone.

    Raises
    ------
    InvalidRequest
        The file cannot be read, is no recipe, or a field is missing, unknown or wrong.
    """
    try:
        text = file.read_text(encoding="utf-8")
        values = json.loads(text)
    except (OSError, ValueError) as error:
        message = f"The recipe '{file}' cannot be read ({error})."
        raise InvalidRequest(message, "Choose a recipe that MedSegAI has written.") from error
    if isinstance(values, dict) and "kind" in values:
        return task_from_dict(values), None
    recipe = Recipe.from_json(text)
    return recipe.task, recipe


def read_recipe_of(file: Path, kind: type[Kind]) -> tuple[Kind, Recipe | None]:
    """Do as `read_recipe` does, for one kind of task; raise `InvalidRequest` for others and name their command."""
    task, recipe = read_recipe(file)
    if not isinstance(task, kind):
        how, advice = ORIGINS[type(task)]
        message = f"The recipe '{file.name}' is of a result that {how}."
        raise InvalidRequest(message, advice)
    return task, recipe


def recipe_differences(recipe: Recipe, result: SegmentationResult) -> list[str]:
    """Say why a result may differ from the one that the recipe was written for."""
    made = result.provenance
    found = []
    if recipe.image_fingerprint != made.image_fingerprint:
        found.append("The recipe was made on another image.")
    if recipe.weights_hash != made.weights_hash:
        found.append("The recipe was made with other weights.")
    changed = [name for name, version in recipe.versions.items() if made.versions.get(name, version) != version]
    if changed:
        found.append(f"The recipe was made with other versions of: {', '.join(changed)}.")
    if (recipe.device, recipe.threads) != (made.device, made.threads):
        found.append("The recipe was made on another device or with another number of threads.")
    return found


def check_new_files(files: Iterable[Path | None], *, overwrite: bool) -> None:
    """Raise `InvalidRequest` where one of the files could not be written, or is there and may not be replaced."""
    for file in files:
        if file and not file.absolute().parent.is_dir():
            refuse(f"There is no folder '{file.parent}'.", "Choose an existing folder.")
        if file and file.exists() and not overwrite:
            refuse(f"'{file.name}' is there already.", "Choose another name, or replace it with --overwrite.")


def check_segmentation_name(file: Path | None) -> None:
    """Raise `InvalidRequest` unless the file, if there is one, is called like a segmentation."""
    if file and not is_segmentation(file):
        refuse(f"'{file.name}' is not the name of a segmentation.", "End it with .seg.nrrd.")


def refuse(message: str, advice: str) -> NoReturn:
    """Raise `InvalidRequest`."""
    raise InvalidRequest(message, advice)


def write_text(file: Path, text: str) -> None:
    """Write a text file so that it appears whole or not at all.

    Raises
    ------
    InvalidRequest
        The file cannot be written.
    """
    try:
        with whole_files(file) as draft:
            draft.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"The file '{file}' cannot be written ({error.strerror})."
        raise InvalidRequest(message, "Choose another folder.") from error


def _failed(sentence: str, verbose: bool) -> int:
    if verbose:
        traceback.print_exc()
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()
    return 1
