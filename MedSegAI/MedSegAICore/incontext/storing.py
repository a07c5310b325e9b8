"""Adding an example to a task as a request, which another process may carry out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .context_example import ContextExample


@dataclass(frozen=True, eq=False)
class StoreRequest:
    """Keep an example.

    Parameters
    ----------
    library, task
        Folder of tasks, and the name of one of them.
    context
        The example.
    """

    library: Path
    task: str
    context: ContextExample


def store(request: StoreRequest) -> str:
    """Add the example to its task and return its identifier.

    Raises
    ------
    InvalidSupportSet
        There is no such task.
    InvalidSupport, InvalidRequest
        As for `StoredTask.add`.
    """
    from .task_library import TaskLibrary  # opens SimpleITK: only where something is stored

    return TaskLibrary(request.library).task(request.task).add(request.context)
