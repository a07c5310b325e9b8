"""A small network that tells structures apart by the features of one voxel."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ...engine.run import Run
from ...engine.threads import one_network_thread
from .grids import Float32

HIDDEN = (48, 24)
STEPS, BATCH = 300, 4096
TOLD_EVERY = 10
"""So many steps of training are one of progress."""

LEARNING_RATE, WEIGHT_DECAY = 1e-2, 1e-2
CHUNK = 1 << 17
"""Voxels that are classified at once."""

CLIP = 5.0
"""Features are cut off so many standard deviations from the mean of the training voxels."""


@dataclass(frozen=True, eq=False)
class VoxelClassifier:
    """A trained network.

    Parameters
    ----------
    mean, deviation
        Of each feature in training (features,).
    layers
        Weight (outputs, inputs) and bias (outputs,) of each linear layer, rectified between them.
    """

    mean: Float32
    deviation: Float32
    layers: tuple[tuple[Float32, Float32], ...]

    def probabilities(self, features: Float32, run: Run) -> Float32:
        """Return the probabilities (n, structures + 1) of voxels; the background comes first."""
        answers = [np.zeros((0, len(self.layers[-1][1])), dtype=np.float32)]
        for start in range(0, len(features), CHUNK):
            run.check()
            values = _standardised(features[start : start + CHUNK], self.mean, self.deviation)
            for weight, bias in self.layers[:-1]:
                values = np.maximum(values @ weight.T + bias, 0)
            weight, bias = self.layers[-1]
            answers.append(_softmax(values @ weight.T + bias))
        return np.concatenate(answers)


def train_classifier(
    features: Float32, labels: NDArray[np.integer], classes: int, seed: int, run: Run
) -> VoxelClassifier:
    """Return a network trained by cross entropy and soft Dice.

    Parameters
    ----------
    features
        Of the training voxels (n, features).
    labels
        Their classes (n,): 0 for the background.
    classes
        Number of classes, the background included.
    seed
        Of the first weights and the order of the voxels.
    run
        Progress and cancel.
    """
    with one_network_thread():
        return _trained(features, labels, classes, seed, run)


def _trained(features: Float32, labels: NDArray[np.integer], classes: int, seed: int, run: Run) -> VoxelClassifier:
    mean, deviation = features.mean(axis=0), features.std(axis=0) + np.float32(1e-6)
    inputs = torch.from_numpy(_standardised(features, mean, deviation))
    run.check()
    targets = torch.from_numpy(labels.astype(np.int64))
    generator = torch.Generator().manual_seed(seed)
    layers = _new_layers((features.shape[1], *HIDDEN, classes), generator)
    parameters = [tensor for layer in layers for tensor in layer]
    optimizer = torch.optim.AdamW(parameters, LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, STEPS)
    for step in range(STEPS):
        run.check()
        if step % TOLD_EVERY == 0:
            run.step(step / STEPS, "learning")
        drawn = torch.randint(0, len(inputs), (BATCH,), generator=generator)
        loss = _loss(_logits(inputs[drawn], layers), targets[drawn], classes)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
    trained = tuple((weight.detach().numpy(), bias.detach().numpy()) for weight, bias in layers)
    return VoxelClassifier(mean, deviation, trained)


def _new_layers(sizes: tuple[int, ...], generator: torch.Generator) -> list[tuple[torch.Tensor, torch.Tensor]]:
    layers = []
    for inputs, outputs in pairwise(sizes):
        weight = torch.randn((outputs, inputs), generator=generator) * (2 / inputs) ** 0.5  # He et al. 2015
        layers.append((weight.requires_grad_(), torch.zeros(outputs, requires_grad=True)))
    return layers


def _logits(values: torch.Tensor, layers: list[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    for weight, bias in layers[:-1]:
        values = functional.relu(functional.linear(values, weight, bias))
    return functional.linear(values, *layers[-1])


def _loss(logits: torch.Tensor, targets: torch.Tensor, classes: int) -> torch.Tensor:
    probabilities = logits.softmax(dim=1)
    truth = functional.one_hot(targets, classes).float()
    overlap = (2 * (probabilities * truth).sum(dim=0) + 1) / (probabilities.sum(dim=0) + truth.sum(dim=0) + 1)
    return functional.cross_entropy(logits, targets) + (1 - overlap[1:]).mean()


def _standardised(features: Float32, mean: Float32, deviation: Float32) -> Float32:
    return np.asarray(np.clip((features - mean) / deviation, -CLIP, CLIP), dtype=np.float32)


def _softmax(logits: Float32) -> Float32:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
