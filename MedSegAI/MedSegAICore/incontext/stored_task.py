"""A task on the disk, which grows with every example."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..errors import InvalidRequest, InvalidSupport, MedSegAIError
from ..segment_look import SegmentLook
from .context_example import ContextExample
from .task_files import (
    EXAMPLE,
    EXAMPLES,
    IMAGE,
    LABELS,
    ExampleNote,
    folders_in,
    read_content_digest,
    read_example,
    read_note,
    remove_folder,
    whole_folder,
    write_example,
    write_task,
)

Read = TypeVar("Read")


@dataclass(frozen=True)
class StoredTask:
    """A task on the disk; several programs may add and remove examples at the same time.

    Parameters
    ----------
    folder
        Its folder, whose name is the task's.
    labels
        Names of its structures.
    """

    folder: Path
    labels: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return what the user calls it."""
        return self.folder.name

    def identifiers(self) -> tuple[str, ...]:
        """Return what the examples are called that are there now."""
        return tuple(folder.name for folder in folders_in(self.folder / EXAMPLES))

    def add(self, context: ContextExample) -> str:
        """Store one more example and return its identifier; it is there whole or not at all.

        Raises
        ------
        InvalidSupport
            It shows a structure that the task does not have.
        InvalidRequest
            It cannot be written.
        """
        if strange := [label for label in context.labels if label not in self.labels]:
            message = f"The task '{self.name}' has no structure '{strange[0]}'."
            raise InvalidSupport(message, f"Draw what it has ({', '.join(self.labels)}), or make another task.")
        identifier = uuid.uuid4().hex
        with writing(self.folder), whole_folder(self.folder / EXAMPLES / identifier) as draft:
            write_example(draft, context)
        return identifier

    def remove(self, identifier: str) -> None:
        """Remove an example.

        Raises
        ------
        InvalidRequest
            There is none of that name, or it cannot be removed.
        """
        if identifier not in self.identifiers():
            message = f"The task '{self.name}' has no example '{identifier}'."
            raise InvalidRequest(message, "Somebody may have removed it: look at the list again.")
        with writing(self.folder):
            remove_folder(self.folder / EXAMPLES / identifier)

    def read(self, identifier: str) -> ContextExample:
        """Return an example; raises what `read_example` raises."""
        return read_example(self.folder / EXAMPLES / identifier)

    def examples(self) -> tuple[ContextExample, ...]:
        """Return all examples, the oldest first; what was removed meanwhile is left out.

        Raises
        ------
        InvalidSupportSet, InvalidImage, InvalidSupport, GeometryMismatch
            One is damaged; the message names it.
        """
        age = {note.identifier: number for number, note in enumerate(self.notes())}
        found = tuple(self._while_there(self.read))
        return tuple(sorted(found, key=lambda context: age.get(context.identifier, len(age))))

    def notes(self) -> tuple[ExampleNote, ...]:
        """Return what a list says of the examples, the oldest first; one that is damaged is left out."""
        found = []
        for identifier in self.identifiers():
            with suppress(MedSegAIError, OSError):  # it can still be removed with its folder
                found.append(read_note(self.folder / EXAMPLES / identifier))
        return tuple(sorted(found, key=lambda note: note.written))

    def looks(self) -> dict[str, SegmentLook]:
        """Return how the structures look: as on the first example that knows it."""
        return looks_in(self.notes())

    def digest(self) -> str:
        """Return a text that changes with the examples; no voxels are read for it."""

        def of_one(identifier: str) -> str:
            return f"{identifier} {read_content_digest(self.folder / EXAMPLES / identifier)}"

        text = "\n".join((*self.labels, *self._while_there(of_one)))
        return hashlib.sha256(text.encode()).hexdigest()

    def _while_there(self, read: Callable[[str], Read]) -> Iterator[Read]:
        for identifier in self.identifiers():
            try:
                found = read(identifier)
            except MedSegAIError:
                if (self.folder / EXAMPLES / identifier).is_dir():
                    raise
                continue
            yield found

    def share(self, destination: Path | str) -> Path:
        """Copy the task into a folder that others can take into their libraries, and return it.

        It holds the voxels of the examples: share it only as freely as the images.

        Raises
        ------
        InvalidRequest
            There is something of that name already, or it cannot be written.
        """
        copy = Path(destination) / self.name
        with writing(copy), made(copy.parent), whole_folder(copy) as draft:
            write_task(draft, self.name, self.labels)
            copy_examples(self.folder / EXAMPLES, self.identifiers(), draft / EXAMPLES)
        return copy


def copy_examples(source: Path, identifiers: Iterable[str], destination: Path) -> None:
    """Copy examples of one task into another one; they stay as old as they are."""
    for identifier in identifiers:
        with whole_folder(destination / identifier) as draft:
            for name in (IMAGE, LABELS, EXAMPLE):  # nothing else that may lie there
                shutil.copy2(source / identifier / name, draft / name)


def looks_in(notes: Iterable[ExampleNote]) -> dict[str, SegmentLook]:
    """Return how structures look, as on the first of some examples that knows it."""
    found: dict[str, SegmentLook] = {}
    for note in notes:
        found = {**note.looks, **found}
    return found


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """Make a folder if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    yield


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Name the folder in errors of the system."""
    try:
        yield
    except FileExistsError as error:
        message = f"There is already something called '{folder.name}' in '{folder.parent}'."
        raise InvalidRequest(message, "Choose another name or folder.") from error
    except FileNotFoundError as error:
        message = f"'{folder.name}' is not in '{folder.parent}' any more: somebody has renamed or removed it."
        raise InvalidRequest(message, "Look at the list of tasks again.") from error
    except OSError as error:
        message = f"'{folder}' cannot be changed ({error.strerror or error})."
        raise InvalidRequest(message, "Choose another folder, or see that the disk has room.") from error
