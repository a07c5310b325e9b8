"""Chance that depends on a seed and the number of the step alone, so that an interrupted training repeats itself.

No state of a generator is stored: what a step draws is the same whether or not the training was stopped before it.
"""

from __future__ import annotations

import numpy as np
import torch


def step_generator(seed: int, step: int) -> np.random.Generator:
    """Return NumPy's generator of one step."""
    return np.random.default_rng([seed, step])


def torch_generator(seed: int, step: int) -> torch.Generator:
    """Return torch's generator of one step, on the processor, so that every device sees the same noise."""
    state = np.random.SeedSequence([seed, step, 1]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]) >> 1)


def batch_indices(count: int, batch: int, seed: int, step: int) -> list[int]:
    """Return which of `count` examples step number `step` learns from.

    Each round shows every example once, in an order of its own, before any is shown again.
    """
    numbers = range(step * batch, (step + 1) * batch)
    rounds = {number // count for number in numbers}
    orders = {turn: np.random.default_rng([seed, turn, 2]).permutation(count) for turn in rounds}
    return [int(orders[number // count][number % count]) for number in numbers]
