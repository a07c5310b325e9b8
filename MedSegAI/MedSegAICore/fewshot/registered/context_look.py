"""A look of the small in-context network: it compares a slice with the examples that lie on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import expit

from ...engine.run import Run
from ...engine.threads import one_network_thread
from ...networks.context_unet import SIDE, ContextUNet
from ...prompt.network_question import NEVER
from ...prompt.slice_view import SliceView, whole_view
from .aligned_examples import AlignedExamples
from .grids import Float32


@dataclass(frozen=True, eq=False)
class ContextLook:
    """Says where on a slice the structure of its examples is.

    Parameters
    ----------
    network
        In evaluation mode, on its device.
    """

    network: ContextUNet

    @one_network_thread()
    @torch.inference_mode()
    def at(
        self, levels: Float32, spacing_mm: tuple[float, float], found: Float32, examples: AlignedExamples, run: Run
    ) -> Float32:
        """Return the probability (rows, columns) of a structure.

        Parameters
        ----------
        levels, spacing_mm, found
            As in `FoundOnSlice`.
        examples
            Those that show the structure, laid on the slice.
        run
            Cancel.

        Raises
        ------
        Cancelled
            The run was stopped.
        """
        shape = (levels.shape[0], levels.shape[1])
        view = whole_view(shape, spacing_mm)
        supports = [_pair(view, image, masks[0]) for image, masks in zip(examples.images, examples.masks, strict=True)]
        weight = next(self.network.parameters())
        target, shown = (
            torch.from_numpy(maps)[None].to(weight) for maps in (_pair(view, levels, found), np.stack(supports))
        )
        logits = self.network(target, shown, before_block=run.check)[0, 0].cpu().numpy()
        return np.asarray(expit(view.given_back(logits, shape, NEVER)), dtype=np.float32)


def _pair(view: SliceView, image: Float32, mask: Float32) -> Float32:
    """Return picture and mask (2, side, side) of a view; beyond the slice is nothing."""
    return np.stack([view.taken(image, SIDE), view.taken(mask, SIDE, outside=0.0)])
