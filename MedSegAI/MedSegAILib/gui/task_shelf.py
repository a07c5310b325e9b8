"""The folder of in-context tasks as the panel sees it: its tasks, one of them chosen, and that one's examples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from MedSegAICore.errors import InvalidSupportSet
from slicer.i18n import tr as _

from . import settings


@dataclass(frozen=True)
class TaskRow:
    """A task in the list; without `labels` its description is damaged."""

    name: str
    labels: tuple[str, ...]
    count: int


class TaskShelf:
    """Lists what is in the folder, as it was at the last look: other programs may add to it.

    Attributes
    ----------
    name
        The chosen task; "" for none.
    rows
        A `TaskRow` for every task.
    notes
        An `ExampleNote` for every example of the chosen task, the oldest first.
    """

    def __init__(self):
        self.name, self.rows, self.notes = "", [], ()

    @property
    def folder(self):
        """The folder that this user has chosen."""
        return Path(settings.taskFolder())

    @property
    def labels(self):
        """Structures of the chosen task; empty without one."""
        return next((row.labels for row in self.rows if row.name == self.name), ())

    @property
    def isChosen(self):
        """Whether there is a chosen task that can be used."""
        return bool(self.labels)

    @property
    def isEmpty(self):
        """Whether the chosen task has no examples yet."""
        return self.isChosen and not self.notes

    @property
    def looks(self):
        """Name of a structure -> `SegmentLook`, of the first example of the chosen task that knows it."""
        from MedSegAICore.incontext.stored_task import looks_in  # opens SimpleITK: only where needed

        return looks_in(self.notes) if self.notes else {}

    def choose(self, name):
        """Turn to a task by name; "" for none."""
        self.name = name
        self.look()

    def look(self):
        """Read again what there is."""
        library = self._library()
        self.rows = [self._row(library, name) for name in library.tasks()]
        self.notes = library.task(self.name).notes() if self.isChosen else ()

    def task(self):
        """Return the chosen `StoredTask`.

        Raises
        ------
        InvalidSupportSet
            None is chosen, or it is gone.
        """
        if not self.name:
            message = _("No task is chosen.")
            raise InvalidSupportSet(message, _("Choose a task in the list, or make a new one."))
        return self._library().task(self.name)

    def create(self, name, labels):
        """Make a task and turn to it; raises what `TaskLibrary.create` raises."""
        self.choose(self._library().create(name, labels).name)

    def rename(self, name):
        """Give the chosen task another name; raises what `TaskLibrary.rename` raises."""
        self.choose(self._library().rename(self.name, name).name)

    def removeTask(self):
        """Remove the chosen task with its examples; raises what `TaskLibrary.remove` raises."""
        self._library().remove(self.name)
        self.choose("")

    def take(self, path):
        """Take a shared task in and turn to it; raises what `TaskLibrary.take` raises."""
        self.choose(self._library().take(path).name)

    def add(self, context):
        """Store an example in the chosen task; raises what `StoredTask.add` raises."""
        self.task().add(context)
        self.look()

    def removeExample(self, number):
        """Remove an example of the chosen task; raises what `StoredTask.remove` raises."""
        self.task().remove(self.notes[number].identifier)
        self.look()

    def _library(self):
        from MedSegAICore.incontext.task_library import TaskLibrary  # opens SimpleITK: only where needed

        return TaskLibrary(self.folder)

    @staticmethod
    def _row(library, name):
        try:
            task = library.task(name)
        except InvalidSupportSet:
            return TaskRow(name, (), 0)
        return TaskRow(name, task.labels, len(task.identifiers()))
