"""What the interactive network is asked about in its training: drawn bodies, superpixels, and labelled structures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from .example import ExampleSource
from .labelled import LabelledSource
from .questions import Asker
from .superpixels import SuperpixelSource, read_pictures
from .synthetic.label_maps import read_templates
from .synthetic.source import SyntheticSource
from .training_sets import LABEL_MAP_SETS, Group

Kind = Literal["drawn", "painted", "grown", "labelled"]
"""Bodies drawn by chance, label maps painted by chance, superpixels, and what people drew."""

SHARES: dict[Kind, float] = {"drawn": 0.2, "painted": 0.05, "grown": 0.2, "labelled": 0.55}
"""How often each kind is seen, if all are there."""

LABELLED_SHARES: dict[Group, float] = {"ct": 0.47, "mr": 0.35, "xray": 0.18}
"""How often the labelled structures of each group are seen: about as the roots of the numbers of people in its sets."""


@dataclass(frozen=True)
class PromptSource:
    """A kind of examples, of one group or of none.

    Parameters
    ----------
    kind
        How its examples come about.
    group
        Whose images they are; None for what no image is needed for.
    share
        How often it is seen, against others.
    """

    kind: Kind
    group: Group | None
    share: float

    @property
    def name(self) -> str:
        return self.kind if self.group is None else f"{self.kind}_{self.group}"


def sources_of(groups: tuple[Group, ...]) -> list[PromptSource]:
    """Return what is learned from with the images of some groups: without any, bodies that are drawn."""
    sources = [PromptSource("drawn", None, SHARES["drawn"])]
    painted = [group for group in groups if LABEL_MAP_SETS[group]]
    sources += [PromptSource("painted", group, SHARES["painted"] / len(painted)) for group in painted]
    sources += [PromptSource("grown", group, SHARES["grown"] / len(groups)) for group in groups]
    whole = sum(LABELLED_SHARES[group] for group in groups)
    for group in groups:
        sources.append(PromptSource("labelled", group, SHARES["labelled"] * LABELLED_SHARES[group] / whole))
    return sources


@cache  # a process asks for many files of questions, and opening the sets takes seconds
def asker_of(source: PromptSource, data_folder: Path, size: int) -> Asker:
    """Return what asks about a source, in views of `size` x `size` pixels."""
    return Asker(_examples(source, data_folder), size)


def _examples(source: PromptSource, data_folder: Path) -> ExampleSource:
    if source.group is None:
        return SyntheticSource()
    if source.kind == "painted":
        return SyntheticSource(read_templates([source.group], data_folder))
    if source.kind == "grown":
        return SuperpixelSource(read_pictures([source.group], data_folder))
    return LabelledSource(source.group, data_folder)
