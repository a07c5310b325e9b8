"""Messages between the application and the engine process, as frames.

The application sends `configure`, `volume`, `load`, `segment`, `predict`, `fit`, `look`, `cancel` and `memory`; the
engine process answers with `hello`, `progress`, `preview`, `result`, `predicted`, `fitted`, `error`, `need_volume` and
`memory`. A volume goes before the requests that name it by its fingerprint, and only once. Requests carry a number;
every number is answered by exactly one `result`, `predicted`, `fitted`, `error` or `need_volume`. Each `look` is
answered by one `preview` at most, so that there is never more than one on its way, and none that nobody waits for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EngineFault, error_to_message
from ..fields import Fields
from ..packing import pack_mask, unpack_mask
from ..request import SegmentationRequest
from ..result import Provenance, SegmentationResult, Structure
from ..task_fields import geometry_from_fields, task_from_dict, task_to_dict
from ..volume import ImageVolume, VolumePatch
from .cache import GIBIBYTE
from .frames import Frame

NUMBER_TYPES = ("<f2", "<f4", "<f8")
"""How the values of a patch that is not a mask may be stored."""


def configure_message(device: str, weights: Mapping[str, Path], cache_bytes: int = GIBIBYTE) -> Frame:
    """Return the message that holds the arguments of `Engine`; answered by `hello`."""
    files = {name: str(path) for name, path in weights.items()}
    return Frame({"type": "configure", "device": device, "weights": files, "cache_bytes": cache_bytes})


def hello_message(pid: int, versions: Mapping[str, str], threads: int) -> Frame:
    """Return the message that tells who answers."""
    return Frame({"type": "hello", "pid": pid, "versions": dict(versions), "threads": threads})


def load_message(model: str) -> Frame:
    """Return the message that makes a model ready ahead of its first request; it is not answered."""
    return Frame({"type": "load", "model": model})


def segment_message(number: int, request: SegmentationRequest) -> Frame:
    """Return the message that asks for a segmentation of a volume sent before."""
    header = {
        "type": "segment",
        "number": number,
        "image": request.image.fingerprint,
        "task": task_to_dict(request.task),
        "segment": request.segment,
        "generation": request.generation,
    }
    return Frame(header)


def predict_message(number: int, request: SegmentationRequest) -> Frame:
    """Return the message that asks how long a request will take; otherwise as `segment_message`."""
    return Frame({**segment_message(number, request).header, "type": "predict"})


def predicted_message(number: int, seconds: float) -> Frame:
    """Return the message that ends `predict` number with the time [s]."""
    return Frame({"type": "predicted", "number": number, "seconds": float(seconds)})


def read_predicted_message(frame: Frame) -> float:
    """Return the time [s] that `predicted_message` told; `EngineFault` if the message is damaged."""
    fields = Fields(frame.header, "predicted", EngineFault)
    fields.choice("type", ("predicted",))
    fields.whole_number("number")
    seconds = fields.number("seconds")
    fields.finish()
    return seconds


def look_message(number: int) -> Frame:
    """Return the message that asks for a preview of request `number`, once there is a newer one."""
    return Frame({"type": "look", "number": number})


def preview_message(number: int, patch: VolumePatch) -> Frame:
    """Return the message that shows what request `number` is becoming."""
    payload: list[bytes] = []
    return Frame({"type": "preview", "number": number, "patch": patch_to_dict(patch, payload)}, b"".join(payload))


def read_preview_message(frame: Frame) -> VolumePatch:
    """Return what `preview_message` showed; `EngineFault` if the message is damaged."""
    fields = Fields(frame.header, "preview", EngineFault)
    fields.choice("type", ("preview",))
    fields.whole_number("number")
    patch = patch_from_fields(fields.part("patch"), frame.payload)
    fields.finish()
    return patch


def read_segment_message(frame: Frame, image: ImageVolume) -> SegmentationRequest:
    """Return the request that `segment_message` or `predict_message` described, on `image`."""
    header = frame.header
    return SegmentationRequest(image, task_from_dict(header["task"]), header["segment"], header["generation"])


def cancel_message(number: int) -> Frame:
    """Return the message that asks request `number` to stop."""
    return Frame({"type": "cancel", "number": number})


def progress_message(number: int, fraction: float, message: str) -> Frame:
    """Return the message that tells how far request `number` is."""
    return Frame({"type": "progress", "number": number, "fraction": float(fraction), "message": message})


def ask_memory_message(clear: bool) -> Frame:
    """Return the message that asks what is kept in memory, after forgetting it if `clear`; answered by `memory`."""
    return Frame({"type": "memory", "clear": clear})


def memory_message(cached_bytes: int, models: Sequence[str]) -> Frame:
    """Return the message that tells how many bytes of embeddings and which models are kept."""
    return Frame({"type": "memory", "cached_bytes": cached_bytes, "models": list(models)})


def error_message(number: int, error: BaseException) -> Frame:
    """Return the message that ends request `number` with a named error."""
    return Frame({"type": "error", "number": number, "error": error_to_message(error)})


def need_volume_message(number: int, fingerprint: str) -> Frame:
    """Return the message that asks for the volume of request `number`, which must then be sent again."""
    return Frame({"type": "need_volume", "number": number, "image": fingerprint})


def result_message(number: int, result: SegmentationResult) -> Frame:
    """Return the message that ends request `number` with its result."""
    payload: list[bytes] = []
    made = result.provenance
    header = {
        "type": "result",
        "number": number,
        "mask": patch_to_dict(result.mask, payload),
        "probability": patch_to_dict(result.probability, payload),
        "candidates": [patch_to_dict(patch, payload) for patch in result.candidates],
        "uncertainty": None if result.uncertainty is None else patch_to_dict(result.uncertainty, payload),
        "provenance": {
            "task": made.task,
            "image_fingerprint": made.image_fingerprint,
            "model": made.model,
            "weights_hash": made.weights_hash,
            "device": made.device,
            "versions": made.versions,
            "seconds": float(made.seconds),
            "threads": made.threads,
        },
        "quality": _finite_or_none(result.quality),
        "warnings": list(result.warnings),
        "segment": result.segment,
        "generation": result.generation,
        "structures": [_structure_to_dict(structure, payload) for structure in result.structures],
    }
    return Frame(header, b"".join(payload))


def read_result_message(frame: Frame) -> SegmentationResult:
    """Return the result that `result_message` described, bit for bit.

    Raises
    ------
    EngineFault
        The message is damaged; it names the field.
    """
    fields = Fields(frame.header, "result", EngineFault)
    fields.choice("type", ("result",))
    fields.whole_number("number")
    result = SegmentationResult(
        mask=patch_from_fields(fields.part("mask"), frame.payload),
        probability=patch_from_fields(fields.part("probability"), frame.payload),
        candidates=tuple(patch_from_fields(part, frame.payload) for part in fields.parts("candidates")),
        uncertainty=fields.optional("uncertainty", lambda name: patch_from_fields(fields.part(name), frame.payload)),
        provenance=_provenance_from_fields(fields.part("provenance")),
        quality=fields.optional("quality", fields.number),
        warnings=tuple(fields.value("warnings")),
        segment=fields.text("segment", allow_empty=True),
        generation=fields.whole_number("generation"),
        structures=tuple(_structure_from_fields(part, frame.payload) for part in fields.parts("structures")),
    )
    fields.finish()
    return result


def _structure_to_dict(structure: Structure, payload: list[bytes]) -> dict[str, Any]:
    return {
        "label": structure.label,
        "mask": patch_to_dict(structure.mask, payload),
        "probability": patch_to_dict(structure.probability, payload),
        "quality": _finite_or_none(structure.quality),
    }


def _structure_from_fields(fields: Fields, payload: bytes) -> Structure:
    structure = Structure(
        label=fields.text("label"),
        mask=patch_from_fields(fields.part("mask"), payload),
        probability=patch_from_fields(fields.part("probability"), payload),
        quality=fields.optional("quality", fields.number),
    )
    fields.finish()
    return structure


def _finite_or_none(quality: float | None) -> float | None:
    return None if quality is None or not math.isfinite(quality) else float(quality)


def _provenance_from_fields(fields: Fields) -> Provenance:
    made = Provenance(
        task=fields.value("task"),
        image_fingerprint=fields.text("image_fingerprint"),
        model=fields.text("model"),
        weights_hash=fields.text("weights_hash", allow_empty=True),
        device=fields.text("device"),
        versions=fields.texts("versions"),
        seconds=fields.number("seconds"),
        threads=fields.whole_number("threads"),
    )
    fields.finish()
    return made


def patch_to_dict(patch: VolumePatch, payload: list[bytes]) -> dict[str, Any]:
    """Describe `patch` and append its voxels to `payload`."""
    array = patch.array
    if array.dtype == np.bool_:
        kind, data = "bits", pack_mask(array)
    else:  # not compressed: zlib takes longer than the pipe
        stored = array.dtype.newbyteorder("<")
        kind, data = stored.str, np.ascontiguousarray(array, dtype=stored).tobytes()
    start = sum(map(len, payload))
    payload.append(data)
    return {
        "kind": kind,
        "start": start,
        "size": len(data),
        "shape": list(array.shape),
        "offset": list(patch.offset),
        "geometry": patch.geometry.to_dict(),
    }


def patch_from_fields(fields: Fields, payload: bytes) -> VolumePatch:
    kind = fields.choice("kind", ("bits", *NUMBER_TYPES))
    start, size = fields.whole_number("start"), fields.whole_number("size")
    shape, offset = fields.whole_numbers("shape"), fields.whole_numbers("offset")
    geometry = geometry_from_fields(fields.part("geometry"))
    fields.finish()
    data = payload[start : start + size]
    if kind == "bits":
        return VolumePatch(unpack_mask(data, shape), offset, geometry)
    if len(data) != size or size != np.dtype(kind).itemsize * shape[0] * shape[1] * shape[2]:
        fields.refuse("size", "does not fit the shape")
    return VolumePatch(np.frombuffer(data, kind).reshape(shape), offset, geometry)
