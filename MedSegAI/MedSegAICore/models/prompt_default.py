"""Which model prompts are for where none is named."""

from __future__ import annotations

from importlib.util import find_spec

OWN_NETWORK = "interactive"
"""The network that comes with MedSegAI."""

WITHOUT_PACKAGES = "adaptive"
"""A model that needs no more than Slicer brings."""

AUTO = "auto"
"""What command lines call the choice between the two."""

_PACKAGES = ("torch", "monai")


def default_prompt_model() -> str:
    """Return the network that comes with MedSegAI, or the model without weights where its packages are missing."""
    return OWN_NETWORK if all(find_spec(name) is not None for name in _PACKAGES) else WITHOUT_PACKAGES


def named_prompt_model(name: str) -> str:
    """Return the name of a model, with the default in place of `AUTO`."""
    return default_prompt_model() if name == AUTO else name
