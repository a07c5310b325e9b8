"""A library of in-context tasks: a folder of the user's choice with named tasks, which grow with every example."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import InvalidRequest, InvalidSupportSet
from ..segment_look import SegmentLook
from .stored_task import StoredTask, copy_examples, made, writing
from .task_files import (
    EXAMPLES,
    TASK,
    checked_name,
    folders_in,
    read_task_labels,
    remove_folder,
    whole_folder,
    write_task,
)


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
                with writing(self.folder / name), made(self.folder), whole_folder(self.folder / name) as draft:
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
        with writing(renamed):
            if renamed.exists() and not renamed.samefile(task.folder):  # the same where only the case is another
                raise FileExistsError(renamed)
            task.folder.rename(renamed)
        return StoredTask(renamed, task.labels)

    def remove(self, name: str) -> None:
        """Remove a task with all its examples; raises as `task` does, or `InvalidRequest`."""
        task = self.task(name)
        with writing(task.folder):
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
        with writing(ours.folder):
            copy_examples(shared / EXAMPLES, new, ours.folder / EXAMPLES)
        return ours
