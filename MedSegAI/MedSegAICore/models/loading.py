"""From a checkpoint file to a network that is ready on its device: every model is loaded here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.cache import ByteBoundedCache
from ..engine.device import DevicePlan
from ..engine.memory import is_out_of_memory
from ..errors import OutOfDeviceMemory, WeightsMissing
from .catalogue import ModelSpec
from .checkpoint import StateDict, fit_checkpoint, open_checkpoint

if TYPE_CHECKING:
    import torch

Adapted = tuple[StateDict, tuple[str, ...]]
"""A checkpoint's tensors as a network can take them, and what the user should know of what was done to them."""


@dataclass(frozen=True)
class Loaded:
    """How a network was loaded.

    Parameters
    ----------
    sha256
        Hash of the very file that its weights are mapped from.
    warnings
        What the user should know, in words.
    """

    sha256: str
    warnings: tuple[str, ...]


def load_network(
    network: torch.nn.Module,
    spec: ModelSpec,
    weights: Path | None,
    plan: DevicePlan,
    hashes: ByteBoundedCache,
    adapt: Callable[[StateDict], Adapted] = lambda state: (state, ()),
) -> Loaded:
    """Give a network its checkpoint and bring it to the planned device and, if it has `compute_in`, type.

    There is one copy of the weights in the end: on the processor in float32 the file itself, mapped into memory;
    otherwise what was converted or sent to the device.

    Parameters
    ----------
    network
        Best built on torch's device "meta", where it takes no memory.
    spec, weights, plan
        The catalogue entry, its file, and where it is to run.
    hashes
        Remembers the hash of the file.
    adapt
        Changes the tensors to what the network takes.

    Raises
    ------
    WeightsMissing, WeightsCorrupt, WeightsUnsafe, WeightsMismatch
        The checkpoint cannot be used.
    OutOfDeviceMemory
        The device has no room for the network.
    """
    if weights is None:
        message = f"The model '{spec.name}' needs a checkpoint."
        raise WeightsMissing(message)
    try:
        checkpoint = open_checkpoint(weights, hashes)
        state, warnings = adapt(checkpoint.tensors)
        fit_checkpoint(network, state, spec.name)
        _bring(network, plan)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        message = f"The device has too little memory for the model '{spec.name}'."
        raise OutOfDeviceMemory(message) from error
    return Loaded(checkpoint.sha256, warnings)


def _bring(network: torch.nn.Module, plan: DevicePlan) -> None:
    """Move a network whose tensors are mapped from a file to its device and type."""
    import torch

    network.to(plan.device)
    dtype, compute_in = getattr(torch, plan.dtype), getattr(network, "compute_in", None)
    if dtype == torch.float32 or compute_in is None:
        return
    compute_in(dtype)
    if plan.device != "cpu":
        return
    for tensor in chain(network.parameters(), network.buffers()):
        if tensor.dtype != dtype:
            # the little that keeps its type would hold all pages of the file in memory, beside what was converted
            tensor.data = tensor.data.clone()
