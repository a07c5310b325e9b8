"""The networks of SAM's family, by the architecture that the catalogue names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..models.checkpoint_table import StateDict
from ..models.loading import Adapted
from ..networks import sam_med2d
from ..networks.hq_sam import HqSam
from ..networks.mobile_sam import LITE_MEDSAM, MOBILE_SAM, HqMobileSam, LiteMedSam, MobileSam
from ..networks.resized_positions import fitting_positions
from ..networks.sam import ARCHITECTURES, Sam, SamArchitecture
from ..networks.sam_med2d import SamMed2d
from ..networks.tiny_vit import TinyVitArchitecture

Network = Sam | MobileSam


@dataclass(frozen=True)
class Variant:
    """A network and its sizes.

    Parameters
    ----------
    network
        Makes it from its sizes; the parameters are placeholders without storage.
    architecture
        The published sizes.
    """

    network: Callable[[Any], Network]
    architecture: SamArchitecture | TinyVitArchitecture

    def sized(self, image_size: int) -> Variant:
        """Return the variant for square pictures of another side [pixels]."""
        return replace(self, architecture=replace(self.architecture, image_size=image_size))

    def build(self) -> Network:
        """Return the network."""
        return self.network(self.architecture)

    def adapt(self, state: StateDict) -> Adapted:
        """Return the tensors of a checkpoint for pictures of any size as the network can take them."""
        if isinstance(self.architecture, SamArchitecture):
            return fitting_positions(state, self.architecture)
        return state, ()  # nothing in TinyViT depends on the size of pictures


VARIANTS = {
    **{name: Variant(Sam, architecture) for name, architecture in ARCHITECTURES.items()},
    **{f"hq_{name}": Variant(HqSam, architecture) for name, architecture in ARCHITECTURES.items()},
    "sam_med2d": Variant(SamMed2d, sam_med2d.VIT_B),
    "mobile_sam": Variant(MobileSam, MOBILE_SAM),
    "lite_medsam": Variant(LiteMedSam, LITE_MEDSAM),
    "hq_vit_tiny": Variant(HqMobileSam, MOBILE_SAM),
}
"""Every network that a catalogue entry of this family may name."""
