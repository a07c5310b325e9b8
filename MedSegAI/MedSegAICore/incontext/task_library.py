"""A library of in-context tasks: a folder of the user's choice with named tasks, which grow with every example."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..errors import InvalidRequest, InvalidSupport, InvalidSupportSet, MedSegAIError
from ..segment_look import SegmentLook
from .context_example import ContextExample
from .task_files import (
    EXAMPLE,
    EXAMPLES,
    IMAGE,
    LABELS,
    TASK,
    ExampleNote,
    checked_name,
    folders_in,
    read_content_digest,
    read_example,
    read_note,
    read_task_labels,
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
        with _writing(self.folder), whole_folder(self.folder / EXAMPLES / identifier) as draft:
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
        with _writing(self.folder):
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
        with _writing(copy), _made(copy.parent), whole_folder(copy) as draft:
            write_task(draft, self.name, self.labels)
            _copy_examples(self.folder / EXAMPLES, self.identifiers(), draft / EXAMPLES)
        return copy


@dataclass(frozen=True)
class TaskLibrary:
    """A folder of tasks.

    Parameters
    ----------
    folder
        It need not exist yet.
    """

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))

    def tasks(self) -> tuple[str, ...]:
        """Return the names of the tasks, sorted."""
        return tuple(folder.name for folder in folders_in(self.folder) if (folder / TASK).is_file())

    def task(self, name: str) -> StoredTask:
        """Return a task by name.

        Raises
        ------
        InvalidSupportSet
            There is none of that name, or its description cannot be read.
        """
        if name not in self.tasks():
            message = f"There is no task '{name}' in '{self.folder}'."
            raise InvalidSupportSet(message, "Choose another task or folder, or make the task first.")
        return StoredTask(self.folder / name, read_task_labels(self.folder / name))

    def looks(self, name: str) -> dict[str, SegmentLook]:
        """Return how the structures of a task look, as far as that is known; nothing if the task is gone."""
        try:
            return self.task(name).looks()
        except InvalidSupportSet:
            return {}

    def create(self, name: str, labels: Iterable[str]) -> StoredTask:
        """Make an empty task, or return the one of that name if it has the same structures.

        Raises
        ------
        InvalidRequest
            The name cannot be used, there are no structures, or the task is there with others.
        """
        name, labels = checked_name(name), tuple(dict.fromkeys(labels))
        if not labels or not all(label.strip() for label in labels):
            message = f"The task '{name}' has no structure."
            raise InvalidRequest(message, "Name at least one structure.")
        if name not in self.tasks():
            try:
                with _writing(self.folder / name), _made(self.folder), whole_folder(self.folder / name) as draft:
                    write_task(draft, name, labels)
            except InvalidRequest:
                if name not in self.tasks():  # not made by somebody else in between
                    raise
        found = self.task(name)
        if set(found.labels) != set(labels):
            message = f"There is a task '{name}' with other structures: {', '.join(found.labels)}."
            raise InvalidRequest(message, "Choose another name.")
        return found

    def rename(self, name: str, new: str) -> StoredTask:
        """Give a task another name and return it.

        It is done at once: other programs find the task by one name or by the other. Whoever adds an example at
        this moment is told that the task is gone.

        Raises
        ------
        InvalidSupportSet
            There is none of that name, or its description cannot be read.
        InvalidRequest
            The new name cannot be used or is taken, or the folder cannot be renamed.
        """
        task, new = self.task(name), checked_name(new)
        renamed = self.folder / new
        with _writing(renamed):
            if renamed.exists() and not renamed.samefile(task.folder):  # the same where only the case is another
                raise FileExistsError(renamed)
            task.folder.rename(renamed)
        return StoredTask(renamed, task.labels)

    def remove(self, name: str) -> None:
        """Remove a task with all its examples; raises as `task` does, or `InvalidRequest`."""
        task = self.task(name)
        with _writing(task.folder):
            remove_folder(task.folder)

    def take(self, shared: Path | str) -> StoredTask:
        """Add the examples of a task that was shared to the task of its name; those that are there stay.

        Raises
        ------
        InvalidSupportSet, InvalidImage, InvalidSupport, GeometryMismatch
            The folder is no task, or one of its examples cannot be used; nothing is added then.
        InvalidRequest
            The library has a task of that name with other structures, or cannot be written.
        """
        shared = Path(shared)
        theirs = StoredTask(shared, read_task_labels(shared))
        theirs.examples()
        ours = self.create(theirs.name, theirs.labels)
        new = [identifier for identifier in theirs.identifiers() if identifier not in ours.identifiers()]
        with _writing(ours.folder):
            _copy_examples(shared / EXAMPLES, new, ours.folder / EXAMPLES)
        return ours


def _copy_examples(source: Path, identifiers: Iterable[str], destination: Path) -> None:
    for identifier in identifiers:
        with whole_folder(destination / identifier) as draft:
            for name in (IMAGE, LABELS, EXAMPLE):  # nothing else that may lie there
                shutil.copy2(source / identifier / name, draft / name)  # it stays as old as it is


def looks_in(notes: Iterable[ExampleNote]) -> dict[str, SegmentLook]:
    """Return how structures look, as on the first of some examples that knows it."""
    found: dict[str, SegmentLook] = {}
    for note in notes:
        found = {**note.looks, **found}
    return found


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    yield


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
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
