"""The files of in-context tasks: whole or not there at all, and never shared by two writers.

    LIBRARY/TASK/task.json                      the task's structures, written once
    LIBRARY/TASK/examples/ID/image.nrrd         one folder for each example
                             labels.seg.nrrd
                             example.json

An example is written into a folder of another name, which is renamed at the end: a crash leaves nothing that is read,
and two programs that add examples at once do not meet, because no file lists them.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import __version__
from ..disk import to_disk
from ..errors import InvalidRequest, InvalidSupportSet
from ..fewshot.example_files import ExampleFiles, read_examples
from ..fields import Fields
from ..images import image_from_array, write_image
from ..segment_look import SegmentLook
from ..segmentation_file import NamedMask, write_segmentation
from .context_example import ORIGINS, ContextExample, looks_from

TASK, EXAMPLES, EXAMPLE, IMAGE, LABELS = "task.json", "examples", "example.json", "image.nrrd", "labels.seg.nrrd"
VERSION = 1

DRAFT = ".medsegai-"
"""How the names of folders begin that are being written or removed."""

_OLDEST_DRAFT = 86400  # [s]


@dataclass(frozen=True)
class ExampleNote:
    """What a list says of an example.

    Parameters
    ----------
    identifier
        Its name in the task.
    position
        Of a slice in its volume, from 0 to 1; None for a volume, or if it is not known.
    origin
        One of `ORIGINS`.
    written
        When it was stored [s].
    looks
        Name of a structure -> how its segment looked, as far as that is known.
    """

    identifier: str
    position: float | None
    origin: str
    written: float
    looks: Mapping[str, SegmentLook] = field(default_factory=dict)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a folder to write to; it becomes `path`, in a folder that is there, when the block ends without an error.

    Raises
    ------
    FileExistsError
        `path` is there by then; it is left as it is.
    FileNotFoundError
        The folder that `path` lies in was moved or removed meanwhile.
    """
    _forget_drafts(path.parent)
    with tempfile.TemporaryDirectory(prefix=DRAFT, dir=path.parent, ignore_cleanup_errors=True) as draft:
        folder = Path(draft) / path.name
        folder.mkdir()
        yield folder
        for file in folder.rglob("*"):
            if file.is_file():
                to_disk(file)
        if path.exists():  # some systems would put an empty folder's successor in its place
            raise FileExistsError(path)
        folder.rename(path)


def remove_folder(path: Path) -> None:
    """Remove a folder so that it is gone at once for whoever looks."""
    gone = Path(tempfile.mkdtemp(prefix=DRAFT, dir=path.parent))
    path.rename(gone / path.name)
    shutil.rmtree(gone, ignore_errors=True)


def folders_in(path: Path) -> list[Path]:
    """Return the folders in `path`, sorted, without those that are being written or removed."""
    if not path.is_dir():
        return []
    return sorted(folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith("."))


def _forget_drafts(folder: Path) -> None:
    """Remove what a killed program has left."""
    for left in folder.glob(f"{DRAFT}*"):
        with suppress(OSError):  # somebody else's, or gone by now
            if time.time() - left.stat().st_mtime > _OLDEST_DRAFT:
                shutil.rmtree(left)


def write_example(folder: Path, context: ContextExample) -> None:
    """Write an example into an empty folder: image, masks and what is known of them, no names of people or files.

    Raises
    ------
    InvalidRequest
        A file cannot be written.
    """
    image = context.example.image
    write_image(folder / IMAGE, image_from_array(image.array, image.geometry))
    write_segmentation(folder / LABELS, [_named(context, label) for label in context.labels])
    described = {
        "version": VERSION,
        **context.known(),
        "medsegai": __version__,
        "content": context.content_digest(),
    }
    (folder / EXAMPLE).write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


def _named(context: ContextExample, label: str) -> NamedMask:
    mask, look = context.example.masks[label], context.looks.get(label)
    return NamedMask(label, mask) if look is None else NamedMask(label, mask, look.color, look.tags)


def read_example(folder: Path) -> ContextExample:
    """Return the example that `write_example` wrote.

    Raises
    ------
    InvalidSupportSet
        It is described as something else; the message names it.
    InvalidImage, InvalidSupport, GeometryMismatch
        Its image or its masks are missing or damaged, or do not lie on one grid.
    """
    fields = _described(folder / EXAMPLE, folder.name)
    name = f"example {folder.name[:6]}"
    (example,) = read_examples([ExampleFiles(folder / IMAGE, folder / LABELS, name)], {})
    return ContextExample.of_known(example, folder.name, fields)


def read_content_digest(folder: Path) -> str:
    """Return the digest of an example's content as it was written, without reading its voxels."""
    return _described(folder / EXAMPLE, folder.name).text("content")


def read_note(folder: Path) -> ExampleNote:
    """Return what is known of an example without reading its voxels; raises `InvalidSupportSet`."""
    fields = _described(folder / EXAMPLE, folder.name)
    return ExampleNote(
        identifier=folder.name,
        position=fields.optional("position", fields.number),
        origin=fields.choice("origin", ORIGINS),
        written=(folder / EXAMPLE).stat().st_mtime,
        looks=looks_from(fields),
    )


def write_task(folder: Path, name: str, labels: tuple[str, ...]) -> None:
    """Write what a task is into its folder."""
    values = {"version": VERSION, "name": name, "labels": list(labels)}
    (folder / TASK).write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / EXAMPLES).mkdir()


def read_task_labels(folder: Path) -> tuple[str, ...]:
    """Return the structures of the task in a folder.

    Raises
    ------
    InvalidSupportSet
        There is no task in it, or its description cannot be read.
    """
    fields = _described(folder / TASK, folder.name)
    fields.text("name")
    labels = fields.value("labels")
    fields.finish()
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) and label for label in labels):
        fields.refuse("labels", "must be a list of names")
    return tuple(labels)


def checked_name(name: str) -> str:
    """Return the name of a task if a folder can have it.

    Raises
    ------
    InvalidRequest
        It is empty or too long, or has characters that names of folders must not have.
    """
    name = name.strip()
    unfit = [letter for letter in name if letter in '<>:"/\\|?*' or not letter.isprintable()]
    if unfit or not name or name[0] == "." or name[-1] == "." or len(name.encode()) > 120:
        message = f"'{name}' cannot be the name of a task."
        raise InvalidRequest(message, "Choose a short name of letters, digits and spaces.")
    return name


def _described(file: Path, name: str) -> Fields:
    """Return the fields of a JSON file of this version."""
    try:
        values: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        message = f"'{name}' has no '{file.name}' that can be read ({error})."
        raise InvalidSupportSet(message, "Remove it from the library, or copy it there again.") from error
    fields = Fields(values, f"{name}/{file.name}", InvalidSupportSet)
    if (version := fields.whole_number("version")) != VERSION:
        fields.refuse("version", f"is {version}; this MedSegAI reads version {VERSION}")
    return fields
