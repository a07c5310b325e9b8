"""The catalogue: every model is described once, as data, and checked when it is read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InvalidCatalogue
from ..fields import Fields
from ..prompt.segmenter import MODALITIES, PROMPT_KINDS, Capabilities
from ..resources import resource_folder
from .decoding_spec import AS_SAM, DecodingSpec, read_decoding
from .input_spec import InputSpec, read_input
from .weights_spec import WeightsSpec, parse_weights

PARADIGMS = ("prompt", "fewshot", "incontext", "diffusion")
DIMENSIONS = frozenset({2, 3})


@dataclass(frozen=True)
class ModelSpec:
    """One model as the catalogue describes it.

    Parameters
    ----------
    name
        What requests call it.
    title
        What the user interface shows.
    paradigm, family, architecture
        How it is used, which code runs it, and which variant of the network it is ("" if it has none).
    entry
        `module:function` that builds the segmenter from (spec, weights, plan, cache); one with a base also gets the
        base's weights.
    capabilities
        What it can take.
    needs_box
        The network only understands boxes: a click is turned into one.
    input
        The network's input, or None if the model sees the image itself.
    weights
        Its checkpoint, or None if it needs none.
    citation, advice
        Where it was published, and when to use it.
    decoding
        How its mask decoder is asked, where it has one.
    base
        The model whose checkpoint its own is a small addition to; "" if it stands alone.
    memory_mb
        Highest memory of a process that answers one click on the processor in float32 [MB]; None if not measured.
    """

    name: str
    title: str
    paradigm: str
    family: str
    architecture: str
    entry: str
    capabilities: Capabilities
    needs_box: bool
    input: InputSpec | None
    weights: WeightsSpec | None
    citation: str
    advice: str
    decoding: DecodingSpec = AS_SAM
    base: str = ""
    memory_mb: int | None = None


def load_catalogue(folder: Path | None = None) -> dict[str, ModelSpec]:
    """Return every described model by name, sorted.

    Parameters
    ----------
    folder
        Folder of the descriptions, one JSON file per model; None takes the project's own.

    Raises
    ------
    InvalidCatalogue
        A description is not JSON or has a missing, unknown or wrong field; the message names it.
    """
    files = sorted((folder or resource_folder("Models")).glob("*.json"))
    return {spec.name: spec for spec in map(_read_model, files)}


def _read_model(path: Path) -> ModelSpec:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        message = f"In the model catalogue, {path.name} is not JSON: {error}."
        raise InvalidCatalogue(message) from error
    return parse_model(values, path.stem)


def parse_model(values: Any, name: str) -> ModelSpec:
    """Return the model that the parsed JSON object `values` describes; it must call itself `name`."""
    fields = Fields(values, name, InvalidCatalogue)
    paradigm = fields.choice("paradigm", PARADIGMS)
    weights = fields.optional("weights", fields.part)
    spec = ModelSpec(
        name=fields.choice("name", (name,)),
        title=fields.text("title"),
        paradigm=paradigm,
        family=fields.text("family"),
        architecture=fields.text("architecture", allow_empty=True),
        entry=_entry(fields),
        capabilities=_capabilities(fields.part("capabilities"), paradigm),
        needs_box=fields.flag("needs_box"),
        input=read_input(fields.optional("input", fields.part)),
        weights=None if weights is None else parse_weights(weights),
        citation=fields.text("citation", allow_empty=True),
        advice=fields.text("advice"),
        decoding=read_decoding(fields.part("decoding")) if fields.has("decoding") else AS_SAM,
        base=fields.text("base") if fields.has("base") else "",
        memory_mb=fields.whole_number("memory_mb") if fields.has("memory_mb") else None,
    )
    fields.finish()
    return spec


def _entry(fields: Fields) -> str:
    entry = fields.text("entry")
    if not re.fullmatch(r"MedSegAICore(\.[a-z_][a-z0-9_]*)+:[a-z_][a-z0-9_]*", entry):
        fields.refuse("entry", "must name a function of MedSegAICore, as in MedSegAICore.prompt.sam:build")
    return entry


def _capabilities(part: Fields, paradigm: str) -> Capabilities:
    # examples take the place of prompts
    prompts = PROMPT_KINDS if paradigm in ("prompt", "diffusion") else frozenset[str]()
    capabilities = Capabilities(
        prompts=_some_of(part, "prompts", prompts),
        dimensions=_some_of(part, "dimensions", DIMENSIONS),
        modalities=_modalities(part),
        labels=tuple(part.list_of_texts("labels")),
    )
    part.finish()
    return capabilities


def _modalities(part: Fields) -> tuple[str, ...]:
    modalities = part.list_of_texts("modalities")
    if not modalities or not set(modalities) <= set(MODALITIES) or ("any" in modalities and len(modalities) > 1):
        part.refuse("modalities", f"must list some of {', '.join(MODALITIES)}, and nothing beside 'any'")
    return tuple(modalities)


def _some_of(part: Fields, name: str, allowed: frozenset[Any]) -> frozenset[Any]:
    values = part.value(name)
    known = (
        isinstance(values, list)
        and bool(values) == bool(allowed)
        and all(type(value) in (str, int) for value in values)
    )
    if not known or not allowed.issuperset(values) or len(set(values)) != len(values):
        names = ", ".join(map(str, sorted(allowed)))
        part.refuse(name, f"must list some of {names}, each once" if allowed else "must be empty")
    return frozenset(values)
