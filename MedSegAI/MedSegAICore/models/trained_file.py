"""Files of networks that MedSegAI trains itself: the tensors, and in the header what they are and how they came."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def write_trained(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write a network to a safetensors file, in float16: that is finer than training is.

    Parameters
    ----------
    path
        The file.
    tensors
        Weights by name.
    header
        Parts of the header by name, as plain data.
    """
    from safetensors.torch import save_file

    half = {name: tensor.half().contiguous() for name, tensor in tensors.items()}
    save_file(half, path, metadata={name: json.dumps(part, sort_keys=True) for name, part in header.items()})
