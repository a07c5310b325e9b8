"""What is asked of the engine before it can segment by examples, and what it reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InvalidRequest
from .examples import Example
from .learner import Scores

BEST = "best"
"""In place of a model's name: whatever does best on the examples themselves."""

DEFAULT = "registered"
"""The model that needs no weights."""


@dataclass(frozen=True, eq=False)
class FitRequest:
    """Learn from examples, and keep what was learned in a file.

    Parameters
    ----------
    examples
        At least one; all show the same structures.
    file
        Where to write the support model; an older file is replaced.
    model
        Name in the catalogue, or `best`: every model that is ready segments each example by what it learns from the
        others, and the best one is taken.
    seed
        Of whatever is drawn.
    values
        Values of structures in label maps, as far as they have any; the support model remembers them.

    Raises
    ------
    InvalidRequest
        The file is not called `.safetensors`.
    """

    examples: tuple[Example, ...]
    file: Path
    model: str = DEFAULT
    seed: int = 0
    values: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "examples", tuple(self.examples))
        object.__setattr__(self, "file", Path(self.file))
        if self.file.suffix != ".safetensors":
            message = f"'{self.file.name}' is no name for a support model."
            raise InvalidRequest(message, "Choose a name that ends with .safetensors.")


@dataclass(frozen=True)
class FitReport:
    """What was learned.

    Parameters
    ----------
    file, sha256
        The support model.
    model
        Name in the catalogue of what has learned it.
    labels
        Names of the structures.
    leave_one_out
        Dice of every structure on every example, segmented by what the others teach; empty if that is not known.
    seconds
        Time it took [s].
    compared
        Where the best model was asked for: mean Dice of every one that was tried.
    warnings
        What the user should know, in words.
    """

    file: Path
    sha256: str
    model: str
    labels: tuple[str, ...]
    leave_one_out: Scores
    seconds: float
    compared: Mapping[str, float]
    warnings: tuple[str, ...] = ()
