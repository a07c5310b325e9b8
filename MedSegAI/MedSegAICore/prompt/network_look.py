"""A look of the interactive network at a slice: at what was asked of it, or at what another method has found.

Other methods know what is looked for, and the network where structures of many kinds end. It takes what was found as
the answer before, in the box of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import expit, logit

from ..engine.run import Run
from ..engine.threads import one_network_thread
from ..networks.prompt_unet import PromptUNet
from .network_question import NEVER, NetworkQuestion
from .segmenter import Float32, SlicePrompts
from .slice_view import SliceView

AROUND_FOUND = 3.0
"""How much longer than what was found a view of it is: farther than for a box that a person drew, which is surer."""

SIZE_FOR_FOUND = 96
"""Side of such a view for the network [pixels]."""

_SUREST = 0.999  # probability at most: an endless logit would shut out every correction


def logits_of(probability: Float32) -> Float32:
    """Return the logits of probabilities, none of them endless."""
    logits: Float32 = logit(probability.clip(1 - _SUREST, _SUREST)).astype(np.float32)
    return logits


@torch.inference_mode()
def looked(
    network: PromptUNet, question: NetworkQuestion, views: Sequence[SliceView], size: int, run: Run
) -> list[Float32]:
    """Return for each view the logits (size, size) of what a network says to a question.

    Parameters
    ----------
    network
        In evaluation mode, on its device.
    question
        What is asked.
    views
        From where it is looked at; at least one.
    size
        Side of the pictures that the network is shown [pixels].
    run
        Cancel.

    Raises
    ------
    Cancelled
        The run was stopped before the pass.
    """
    run.check()
    channels = torch.from_numpy(np.stack([question.channels(view, size) for view in views]))
    return list(network(channels.to(next(network.parameters())))[:, 0].cpu().numpy())


@dataclass(frozen=True, eq=False)
class NetworkLook:
    """Looks at what other methods have found on slices.

    Parameters
    ----------
    network
        In evaluation mode, on its device.
    weights_hash
        sha256 of its weights.
    device
        Where it runs, in words.
    """

    network: PromptUNet
    weights_hash: str
    device: str

    @one_network_thread()
    def at(self, levels: Float32, spacing_mm: tuple[float, float], found: Float32, run: Run) -> Float32:
        """Return the probability (rows, columns) of a structure that another method has found.

        Parameters
        ----------
        levels
            Intensities (rows, columns) as they are shown, from 0 to 1.
        spacing_mm
            Distance between (rows, columns) [mm].
        found
            Its probability (rows, columns) by the other method; where it is above one half nowhere, it is the answer.
        run
            Cancel.

        Raises
        ------
        Cancelled
            The run was stopped.
        """
        inside = np.argwhere(found > 0.5)
        if not len(inside):
            return found
        first, last = inside.min(axis=0)[::-1], inside.max(axis=0)[::-1]
        box = SlicePrompts(
            np.empty((0, 2)), np.empty(0, np.bool_), box_xyxy=np.concatenate([first, last]).astype(float)
        )
        question = NetworkQuestion(levels, spacing_mm, box, logits_of(found), found)
        view = question.view(AROUND_FOUND)
        (look,) = looked(self.network, question, [view], SIZE_FOR_FOUND, run)
        return np.asarray(expit(view.given_back(look, question.shape, NEVER)), dtype=np.float32)
