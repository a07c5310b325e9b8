"""Read checkpoints without running what is in them, and fit them to a network or say why not."""

from __future__ import annotations

import hashlib
import io
import pickletools
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..engine.cache import ByteBoundedCache
from ..engine.memory import is_out_of_memory
from ..errors import WeightsCorrupt, WeightsMismatch, WeightsMissing, WeightsUnsafe
from .recognition import describe_checkpoint

if TYPE_CHECKING:
    import torch

StateDict = dict[str, "torch.Tensor"]

_WRAPPERS = ("model_state_dict", "state_dict", "model", "net")
_PREFIXES = ("module.", "_orig_mod.", "sam.", "model.")
# What a plain state dict is rebuilt from; any other name means that the file holds more.
_PLAIN_MODULES = ("torch", "torch._utils", "torch._tensor", "torch.storage", "torch.serialization")
_LONGEST_SAFETENSORS_HEADER = 100_000_000


def file_sha256(path: Path, cache: ByteBoundedCache) -> str:
    """Return the sha256 of a file in hexadecimal digits; `cache` remembers it until the file changes."""
    status = path.stat()
    key = ("sha256", str(path.resolve()), status.st_size, status.st_mtime_ns)
    digits = cache.get(key)
    if digits is None:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        digits = digest.hexdigest()
        cache.put(key, digits, len(digits))
    return str(digits)


def read_checkpoint(path: Path) -> StateDict:
    """Return the tensors of a checkpoint by name, on the processor.

    Wrappers of training scripts (`state_dict`, `model`, ...) and prefixes that all names share
    (`module.`, ...) are taken off.

    Raises
    ------
    WeightsMissing
        There is no such file.
    WeightsCorrupt
        The file is cut off, is no checkpoint, or holds no tensors.
    WeightsUnsafe
        The file holds Python objects other than tensors. Nothing of it was run.
    """
    if not path.is_file():
        message = f"There is no checkpoint file {path}."
        raise WeightsMissing(message)
    try:
        content = _read_safetensors(path) if _is_safetensors(path) else _read_torch(path)
    except Exception as error:
        # bytes of unknown origin can fail in any way; only a full memory is not the file's fault
        if is_out_of_memory(error):
            raise
        if foreign := sorted(_foreign_names(path)):
            message = f"The checkpoint {path.name} holds more than tensors: {_some(foreign)}. It was not opened."
            raise WeightsUnsafe(message) from error
        message = f"The checkpoint {path.name} is cut off or is not a checkpoint."
        raise WeightsCorrupt(message) from error
    return _without_prefixes(_tensors(content, path))


def fit_checkpoint(network: torch.nn.Module, state: StateDict, model: str) -> None:
    """Give `network` the tensors of a checkpoint, as float32 and without copying where they already are.

    Whole numbers, which batch norm counts with, stay whole numbers.

    Raises
    ------
    WeightsMismatch
        The checkpoint is of another network; the message says what differs and what it seems to be.
    """
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    differences = _differences(wanted, found)
    if differences:
        message = f"The checkpoint is not for '{model}': {differences}. It seems to be {describe_checkpoint(found)}."
        raise WeightsMismatch(message)
    fitting = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    network.load_state_dict(fitting, assign=True)


def _is_safetensors(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(9)
    return start[8:] == b"{" and 2 <= int.from_bytes(start[:8], "little") <= _LONGEST_SAFETENSORS_HEADER


def _read_safetensors(path: Path) -> Any:
    from safetensors.torch import load_file

    return load_file(path)


def _read_torch(path: Path) -> Any:
    import torch

    return torch.load(path, map_location="cpu", weights_only=True)


def _foreign_names(path: Path) -> set[str]:
    """Return what the pickle in a file would import beyond plain tensors, without running it."""
    try:
        if not zipfile.is_zipfile(path):
            with path.open("rb") as file:
                return set(_imported_names(file))
        with zipfile.ZipFile(path) as archive:
            return set(_names_in_archive(archive))
    except Exception:  # noqa: BLE001  broken in any way: the caller already has an error for that
        return set()


def _names_in_archive(archive: zipfile.ZipFile) -> Iterator[str]:
    names = archive.namelist()
    if any(name.endswith("constants.pkl") for name in names):
        yield "a TorchScript program"
    for name in names:
        if name.endswith("data.pkl"):
            yield from _imported_names(io.BytesIO(archive.read(name)))


def _imported_names(file: IO[bytes]) -> Iterator[str]:
    texts: list[str] = []
    try:
        while True:  # files of old versions of torch hold several pickles, one after the other
            for opcode, argument, _ in pickletools.genops(file):
                if opcode.name in ("GLOBAL", "INST"):
                    yield from _foreign(*str(argument).split(" ", 1))
                elif opcode.name == "STACK_GLOBAL":
                    yield from _foreign(*texts[-2:])
                elif isinstance(argument, str):
                    texts.append(argument)
    except (ValueError, IndexError, TypeError):
        return  # what follows is not a pickle


def _foreign(module: str, name: str) -> Iterator[str]:
    if module not in _PLAIN_MODULES and (module, name) != ("collections", "OrderedDict"):
        yield f"{module}.{name}"


def _tensors(content: Any, path: Path) -> StateDict:
    import torch

    while isinstance(content, Mapping):
        inner = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = inner
    if isinstance(content, Mapping):
        tensors = {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}
        if tensors:
            return tensors
    message = f"The checkpoint {path.name} holds no table of tensors."
    raise WeightsCorrupt(message)


def _without_prefixes(state: StateDict) -> StateDict:
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in state):
            return _without_prefixes({name[len(prefix) :]: tensor for name, tensor in state.items()})
    return state


def _differences(wanted: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]) -> str:
    missing = [name for name in wanted if name not in found]
    unexpected = [name for name in found if name not in wanted]
    resized = [name for name in wanted if name in found and wanted[name] != found[name]]
    parts = (
        (f"it lacks {len(missing)} of {len(wanted)} tensors", missing),
        (f"{len(unexpected)} of its tensors do not belong to the network", unexpected),
        (f"{len(resized)} tensors have another size", resized),
    )
    return "; ".join(f"{words} ({_some(names)})" for words, names in parts if names)


def _some(names: Iterable[str], limit: int = 3) -> str:
    names = list(names)
    return ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")
