"""From a checkpoint file to a network that is ready on its device: every model is loaded here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.cache import ByteBoundedCache
from ..engine.device import DevicePlan
from ..engine.memory import is_out_of_memory
from ..errors import OutOfDeviceMemory, WeightsMissing
from .catalogue import ModelSpec
from .checkpoint import check_fit, open_checkpoint
from .checkpoint_table import StateDict

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
        Hash of the very file that its weights are from.
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
        sha256, state, warnings = _adapted(weights, hashes, adapt)
        check_fit(network, state, spec.name)
        _set_type(network, plan)
        network.load_state_dict(_brought(state, network, plan), assign=True)
        network.to(plan.device)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        message = f"The device has too little memory for the model '{spec.name}'."
        raise OutOfDeviceMemory(message) from error
    return Loaded(sha256, warnings)


def _set_type(network: torch.nn.Module, plan: DevicePlan) -> None:
    """Let a network without storage expect the planned type where it can compute in it."""
    import torch

    compute_in = getattr(network, "compute_in", None)
    if compute_in is not None and plan.dtype != "float32":
        compute_in(getattr(torch, plan.dtype))


def _adapted(
    weights: Path, hashes: ByteBoundedCache, adapt: Callable[[StateDict], Adapted]
) -> tuple[str, StateDict, tuple[str, ...]]:
    """Return the hash of a checkpoint, and what `adapt` makes of its tensors; nobody else holds them afterwards."""
    checkpoint = open_checkpoint(weights, hashes)
    state, warnings = adapt(checkpoint.table.tensors)
    return checkpoint.sha256, state, warnings


def _brought(state: StateDict, network: torch.nn.Module, plan: DevicePlan) -> StateDict:
    """Move the tensors of a checkpoint to the device and to the types that a network expects, one after the other."""
    import torch

    expected = network.state_dict()
    types = {
        name: tensor.dtype if tensor.is_floating_point() else state[name].dtype for name, tensor in expected.items()
    }
    # where much is converted, the little that is not would keep the whole file mapped beside it
    is_converted = any(dtype.is_floating_point and dtype != torch.float32 for dtype in types.values())
    # taken out one by one, so that what was not mapped but read is given back as soon as it is converted
    return {name: state.pop(name).to(plan.device, types[name], copy=is_converted) for name in list(state)}
