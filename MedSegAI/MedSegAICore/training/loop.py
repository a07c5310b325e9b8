"""One loop for every network that is trained: steps, rate, moving average, state, log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..engine.run import Run
from .average import MovingAverage
from .journal import Journal
from .state import load_state, save_state

STATE_FILE = "state.pt"
SAVE_EVERY_SECONDS = 60.0
"""Wall time between two states: what an interruption loses at most, beside the step it was in."""

_LARGEST_GRADIENT = 1.0

Loss = Callable[[nn.Module, int], Tensor]
"""Returns the loss of the step of this number; all its chance comes from that number and a seed."""


@dataclass(frozen=True)
class LoopSettings:
    """How a network is trained, whatever it learns.

    Parameters
    ----------
    steps
        Number of optimizer steps.
    rate
        Learning rate of AdamW after the first `warm_up` steps; from there it falls to 0 along half a cosine.
    warm_up
        Steps until the rate is reached.
    weight_decay
        Of AdamW.
    average
        Share of the old moving average that a step keeps.
    device
        Name for torch.
    half
        Compute in bfloat16 where it is safe; the weights stay float32.
    """

    steps: int
    rate: float = 1e-3
    warm_up: int = 100
    weight_decay: float = 0.01
    average: float = 0.999
    device: str = "cpu"
    half: bool = False


def train(
    network: nn.Module, loss: Loss, settings: LoopSettings, task: dict[str, Any], folder: Path, run: Run
) -> dict[str, Tensor]:
    """Train a network and return the moving average of its weights, on the processor.

    Parameters
    ----------
    network
        What is trained, in place.
    loss
        Of one step.
    settings
        How.
    task
        What is learned, as plain data: a state of another task is refused.
    folder
        Where state and log are; the same call goes on there after an interruption, with the result of an
        uninterrupted one.
    run
        Progress and cancel.

    Raises
    ------
    WeightsMismatch
        The folder holds the state of a training with other settings.
    Cancelled
        The run was stopped; what was learned is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    training = _Training(network.to(settings.device).train(), settings, {**asdict(settings), "task": task}, folder)
    done = training.restore()
    saved = time.monotonic()
    try:
        for step in range(done, settings.steps):
            run.step(step / settings.steps, f"Step {step + 1} of {settings.steps}")
            training.step(loss, step)
            done = step + 1
            if time.monotonic() - saved >= SAVE_EVERY_SECONDS:
                training.save(done)
                saved = time.monotonic()
    finally:
        training.save(done)
        training.journal.close()
    return {name: tensor.cpu() for name, tensor in training.average.tensors.items()}


class _Training:
    """The parts of a training that change while it runs."""

    def __init__(self, network: nn.Module, settings: LoopSettings, described: dict[str, Any], folder: Path) -> None:
        self._network, self._settings, self._described, self._folder = network, settings, described, folder
        self._optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.weight_decay)
        self.average = MovingAverage(network, settings.average)
        self.journal = Journal(folder)
        self._losses: list[float] = []
        self._seconds = 0.0

    def restore(self) -> int:
        """Take over the stored state, if there is one; return how many steps are done."""
        stored = load_state(self._folder / STATE_FILE, self._described)
        if stored is None:
            return 0
        done, parts = stored
        self._network.load_state_dict(parts["network"])
        self._optimizer.load_state_dict(parts["optimizer"])
        self.average.load(parts["average"])
        self._seconds = parts["seconds"]
        return done

    def step(self, loss: Loss, step: int) -> None:
        """Learn from one batch."""
        began = time.process_time()
        for group in self._optimizer.param_groups:
            group["lr"] = self._settings.rate * rate_share(step, self._settings)
        kind = torch.device(self._settings.device).type
        with torch.autocast(kind, torch.bfloat16) if self._settings.half else nullcontext():
            value = loss(self._network, step)
        self._optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._network.parameters(), _LARGEST_GRADIENT)
        self._optimizer.step()
        self.average.update(self._network, step)
        self._losses.append(float(value.detach()))
        self._seconds += time.process_time() - began

    def save(self, done: int) -> None:
        """Write state and log."""
        parts = {
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "average": self.average.tensors,
            "seconds": self._seconds,
        }
        save_state(self._folder / STATE_FILE, self._described, done, parts)
        if not self._losses:
            return
        mean, rate = sum(self._losses) / len(self._losses), self._optimizer.param_groups[0]["lr"]
        self.journal.write(done, loss=mean, rate=rate, steps=len(self._losses), processor_seconds=self._seconds)
        self._losses.clear()


def rate_share(step: int, settings: LoopSettings) -> float:
    """Return the share of the full learning rate that a step, counted from 0, is made with."""
    if step < settings.warm_up:
        return (step + 1) / settings.warm_up
    gone = (step - settings.warm_up) / max(settings.steps - settings.warm_up, 1)
    return float(0.5 * (1 + torch.cos(torch.tensor(torch.pi * gone))))


def print_progress(_fraction: float, message: str) -> None:
    """Write what a training does over what was written before."""
    sys.stdout.write(f"\r{message}")
    sys.stdout.flush()
