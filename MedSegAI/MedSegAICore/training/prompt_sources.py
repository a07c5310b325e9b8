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

PAINTED_SHARE = 0.05
"""How often painted label maps are seen, if there are any."""

LABELLED_SHARES: dict[Group, float] = {"ct": 0.26, "mr": 0.19, "xray": 0.1}
"""How often the labelled structures of each group are seen: about as the roots of the numbers of people in its sets.

Drawn bodies and superpixels share the rest evenly. So where a group is left out, more of those are seen, and the few
structures of the other groups are not learned by heart."""


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
    painted = [group for group in groups if LABEL_MAP_SETS[group]]
    sources = [PromptSource("painted", group, PAINTED_SHARE / len(painted)) for group in painted]
    sources += [PromptSource("labelled", group, LABELLED_SHARES[group]) for group in groups]
    rest = (1 - sum(source.share for source in sources)) / 2
    sources += [PromptSource("grown", group, rest / len(groups)) for group in groups]
    return [PromptSource("drawn", None, rest if groups else 1.0), *sources]


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
