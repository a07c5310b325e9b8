"""Ask the mask decoder of a network of SAM's family about one slice, and read its answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor
from torch.nn import functional

from ..models.decoding_spec import DecodingSpec
from ..models.input_spec import InputSpec
from .picture import Shape, shape_in_input
from .sam_networks import Network
from .sam_prompts import Float64, SamPrompts
from .segmenter import Float32

Points = tuple[Tensor, Tensor]

_SUREST = 0.999  # probability of a first guess at most: an endless logit would shut out every correction


@dataclass(frozen=True, eq=False)
class Decoded:
    """What the mask decoder gave: logits (1, masks, rows, columns) and their predicted qualities (1, masks)."""

    masks: Tensor
    quality: Tensor

    @property
    def qualities(self) -> Float32:
        """Predicted quality of each mask (masks,)."""
        return self.quality[0].cpu().numpy()

    @property
    def order(self) -> list[int]:
        """The masks, best predicted quality first."""
        return [int(index) for index in np.argsort(-self.qualities, kind="stable")]

    @property
    def logits(self) -> Float32:
        """Logits of the best mask (rows, columns)."""
        return self.masks[0, self.order[0]].cpu().numpy().copy()  # not a view, which would keep the other masks

    @property
    def best(self) -> Decoded:
        """The best mask alone."""
        index = self.order[:1]
        return Decoded(self.masks[:, index], self.quality[:, index])


@dataclass(frozen=True, eq=False)
class SliceDecoder:
    """A mask decoder with one slice before it.

    Parameters
    ----------
    network
        With weights, on its device.
    input_spec, decoding
        How the slice became the network's input, and how the decoder is asked.
    shape
        (rows, columns) of the slice.
    embedding
        Of the slice, on the network's device.
    """

    network: Network
    input_spec: InputSpec
    decoding: DecodingSpec
    shape: Shape
    embedding: Tensor

    @property
    def resized(self) -> Shape:
        """(rows, columns) of the input that the slice fills."""
        return shape_in_input(self.shape, self.input_spec)

    def ask(self, asked: SamPrompts) -> Decoded:
        """Return the answer to prompts; several masks only where candidates are to be shown."""
        several = {"three_for_one_click": asked.is_ambiguous, "one": False, "best_of_three": True}
        points, box, mask = self.points(asked), self.box(asked), self.mask(asked)
        decoded = Decoded(*self.network.decode(self.embedding, points, box, mask, several[self.decoding.masks]))
        return decoded if asked.is_ambiguous else decoded.best

    def probabilities(self, decoded: Decoded) -> list[Float32]:
        """Return the masks of an answer on the slice: probabilities (rows, columns), best predicted quality first."""
        if self.decoding.enlarged == "probability":
            full = functional.interpolate(decoded.masks.sigmoid(), self.shape, mode="bilinear", align_corners=False)
            return list(full[0, decoded.order].cpu().numpy())
        full = self.network.to_picture(decoded.masks, self.resized, self.shape)
        return [_probability(full[0, index].cpu().numpy()) for index in decoded.order]

    def points(self, asked: SamPrompts) -> Points | None:
        """Return positions (1, n, 2) in pixels of the input, and labels (1, n)."""
        if len(asked.points_xy) == 0:
            return None
        return self._tensor(self._rescaled(asked.points_xy))[None], self._tensor(asked.points_positive)[None]

    def box(self, asked: SamPrompts) -> Tensor | None:
        """Return a box (1, 4) in pixels of the input."""
        if asked.box_xyxy is None:
            return None
        corners = asked.box_xyxy.reshape(2, 2)
        if self.decoding.positions == "whole":
            corners = np.trunc(corners * (self.input_spec.size / max(self.shape)))
        else:
            corners = self._rescaled(corners)
        return self._tensor(corners).reshape(1, 4)

    def mask(self, asked: SamPrompts) -> Tensor | None:
        """Return the earlier answer (1, 1, rows, columns), four times as fine as the embedding."""
        as_probability = self.decoding.earlier == "probability"
        if asked.logits is not None:
            logits = self._tensor(asked.logits)[None, None]
            return logits.sigmoid() if as_probability else logits
        if asked.guess is None:
            return None
        # as the answer is enlarged: the picture fills the top left of the input, and nothing lies beyond it
        size, (rows, columns) = self.input_spec.size, self.resized
        guess = torch.as_tensor(asked.guess)[None, None]
        guess = functional.interpolate(guess, (rows, columns), mode="bilinear", align_corners=False, antialias=True)
        guess = functional.pad(guess, (0, size - columns, 0, size - rows))
        guess = functional.avg_pool2d(guess, self.network.patch_pixels // 4).to(self.embedding.device)
        return guess if as_probability else torch.logit(guess.clamp(1 - _SUREST, _SUREST))

    def _rescaled(self, points_xy: Float64) -> Float64:
        """Return positions (n, 2) as (column, row) in pixels of the input."""
        scale: Float64 = np.array(self.resized[::-1]) / np.array(self.shape[::-1])
        return points_xy * scale

    def _tensor(self, values: NDArray[np.generic]) -> Tensor:
        return torch.as_tensor(values.astype(np.float32), device=self.embedding.device)


def _probability(logits: Float32) -> Float32:
    """Return probabilities that lie above 0.5 exactly where the logits lie above 0, rounding or not."""
    above = np.nextafter(np.float32(0.5), np.float32(1))
    below = np.nextafter(np.float32(0.5), np.float32(0))
    probability = expit(logits)
    limited: Float32 = np.where(logits > 0, np.maximum(probability, above), np.minimum(probability, below))
    return limited
