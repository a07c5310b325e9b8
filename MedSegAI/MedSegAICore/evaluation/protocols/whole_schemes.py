"""The schemes that ask for the whole query and tell nothing about it: ADNet's full volume, and in-context examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ...engine.run import Run
from ...errors import InvalidRequest
from ...support import Support
from ...volume import ImageVolume
from ..datasets.split import COMMITTED_SEED
from .judge import Mask, checked_answer
from .schemes import SupportMethod
from .slice_schemes import centre_slices
from .supports import deranged, slice_of, unmatched


@dataclass(frozen=True)
class FullVolume:
    """Nothing is told about the query, every slice of it is scored (ADNet's EP2, Hansen et al. 2022, arXiv:2203.02048).

    Parameters
    ----------
    shown
        What the method sees of each example: the `centre` slice of the structure, or `all` slices.
    """

    shown: Literal["centre", "all"] = "centre"

    fewest_supports = 1
    remark = ""

    def __post_init__(self) -> None:
        if self.shown not in ("centre", "all"):
            message = f"Of an example, '{self.shown}' slices cannot be shown."
            raise InvalidRequest(message, "Choose 'centre' or 'all'.")

    @property
    def name(self) -> str:
        """Return the name of the scheme."""
        return f"ADNet, full volume, {self.shown} slice{'s' if self.shown == 'all' else ''} of the support"

    def ask(
        self,
        method: SupportMethod,
        supports: Sequence[Support],
        query: ImageVolume,
        truth: Mask,
        run: Run,
    ) -> Mask:
        """Return the answer on the whole volume."""
        if self.shown == "centre":
            supports = [slice_of(support, centre_slices(support.mask.full(), 1)[0]) for support in supports]
        return checked_answer(method(tuple(supports), query, run), truth.shape)

    def scored(self, truth: Mask) -> slice:
        """Return all slices."""
        return slice(0, len(truth))


@dataclass(frozen=True)
class InContext:
    """Whole images as context, as UniverSeg (Butoi et al. 2023, arXiv:2304.06131) and its kin take them.

    Parameters
    ----------
    deranged
        A diagnosis: the masks are exchanged so that none stays with its image. A method that does as well as with
        the right masks looks at where the masks are, not at the images.
    unmatched
        Another diagnosis: the examples are mirrored and moved, so that their masks lie elsewhere than the query's
        structure. A method that does much worse copies places.
    seed
        Draws who gets whose mask, and how examples are moved.
    """

    deranged: bool = False
    unmatched: bool = False
    seed: int = COMMITTED_SEED

    name = "In-context"

    @property
    def fewest_supports(self) -> int:
        """Return how many examples it needs at least: one cannot exchange its mask."""
        return 2 if self.deranged else 1

    @property
    def remark(self) -> str:
        """Return what tables add to the number of examples."""
        changes = ("masks deranged", self.deranged), ("unmatched", self.unmatched)
        return ", ".join(words for words, is_made in changes if is_made)

    def ask(
        self, method: SupportMethod, supports: Sequence[Support], query: ImageVolume, truth: Mask, run: Run
    ) -> Mask:
        """Return the answer on the whole image."""
        shown = deranged(supports, self.seed) if self.deranged else tuple(supports)
        shown = unmatched(shown, self.seed) if self.unmatched else shown
        return checked_answer(method(shown, query, run), truth.shape)

    def scored(self, truth: Mask) -> slice:
        """Return all slices."""
        return slice(0, len(truth))
