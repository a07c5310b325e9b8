"""Tasks as plain JSON data and back, without losing a bit."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np

from .errors import InvalidRequest
from .fields import Fields
from .geometry import VolumeGeometry
from .packing import pack_mask, unpack_mask
from .prompts import BoxPrompt, LassoPrompt, MaskPrompt, PointPrompt, Prompt, ScribblePrompt, SlicePlane
from .request import (
    CleanUp,
    Combination,
    ContextOptions,
    DiffusionTask,
    Direction,
    FewShotTask,
    InContextTask,
    IntensityWindow,
    Method,
    PromptTask,
    SamplingOptions,
    SliceScope,
    Solver,
    Task,
    Uncertainty,
    VolumeScope,
)
from .volume import VolumePatch

Plain = dict[str, Any]


def task_to_dict(task: Task) -> Plain:
    """Return `task` as data that JSON can hold; `task_from_dict` gives it back bit for bit.

    A mask is stored as true or false: every voxel that is not zero is inside.
    """
    if isinstance(task, FewShotTask):
        return _few_shot_to_dict(task)
    if isinstance(task, InContextTask):
        return _in_context_to_dict(task)
    if isinstance(task, DiffusionTask):
        return _diffusion_to_dict(task)
    return {
        "kind": "prompt",
        "model": task.model,
        "prompts": [prompt_to_dict(prompt) for prompt in task.prompts],
        "scope": _scope_to_dict(task.scope),
        "window": _window_to_dict(task.window),
        "threshold": float(task.threshold),
        "clean_up": _clean_up_to_dict(task.clean_up),
    }


def task_from_dict(values: Any) -> Task:
    """Return the task that `values` describes.

    Raises
    ------
    InvalidRequest
        A field is missing, unknown or wrong; the message names it.
    GeometryMismatch
        A mask does not fit the grid that it names.
    """
    fields = Fields(values, "task")
    task = _TASK_READERS[fields.choice("kind", tuple(_TASK_READERS))](fields)
    fields.finish()
    return task


def _prompt_task(fields: Fields) -> Task:
    return PromptTask(
        prompts=tuple(prompt_from_fields(part) for part in fields.parts("prompts")),
        model=fields.text("model"),
        scope=_scope_from_fields(fields.part("scope")),
        window=fields.optional("window", lambda name: _window_from_fields(fields.part(name))),
        threshold=fields.number("threshold"),
        clean_up=_clean_up_from_fields(fields.part("clean_up")),
    )


def _few_shot_to_dict(task: FewShotTask) -> Plain:
    return {
        "kind": "fewshot",
        "model": task.model,
        "support_model": str(task.support_model),
        "sha256": task.sha256,
        "threshold": float(task.threshold),
        "clean_up": _clean_up_to_dict(task.clean_up),
    }


def _few_shot_task(fields: Fields) -> Task:
    return FewShotTask(
        support_model=Path(fields.text("support_model")),
        sha256=fields.text("sha256", allow_empty=True),
        model=fields.text("model", allow_empty=True),
        threshold=fields.number("threshold"),
        clean_up=_clean_up_from_fields(fields.part("clean_up")),
    )


def _in_context_to_dict(task: InContextTask) -> Plain:
    options = task.options
    return {
        "kind": "incontext",
        "model": task.model,
        "library": str(task.library),
        "task": task.task,
        "digest": task.digest,
        "labels": list(task.labels),
        "scope": _scope_to_dict(task.scope),
        "window": _window_to_dict(task.window),
        "options": {
            "supports": int(options.supports),
            "subsets": int(options.subsets),
            "augmentations": int(options.augmentations),
            "candidates": int(options.candidates),
            "combine": options.combine,
            "second_pass": bool(options.second_pass),
            "seed": int(options.seed),
        },
        "threshold": float(task.threshold),
        "clean_up": _clean_up_to_dict(task.clean_up),
        "candidate": int(task.candidate),
    }


def _in_context_task(fields: Fields) -> Task:
    labels = fields.value("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        fields.refuse("labels", "must be a list of names")
    return InContextTask(
        library=Path(fields.text("library")),
        task=fields.text("task"),
        digest=fields.text("digest", allow_empty=True),
        model=fields.text("model"),
        labels=tuple(labels),
        scope=_scope_from_fields(fields.part("scope")),
        window=fields.optional("window", lambda name: _window_from_fields(fields.part(name))),
        options=_options_from_fields(fields.part("options")),
        threshold=fields.number("threshold"),
        clean_up=_clean_up_from_fields(fields.part("clean_up")),
        candidate=fields.whole_number("candidate") if fields.has("candidate") else 0,  # older recipes have none
    )


def _options_from_fields(fields: Fields) -> ContextOptions:
    combinations: tuple[Combination, ...] = get_args(Combination)
    options = ContextOptions(
        **{name: fields.whole_number(name) for name in ("supports", "subsets", "augmentations", "candidates", "seed")},
        combine=_one_of(combinations, fields.choice("combine", combinations)),
        second_pass=fields.flag("second_pass"),
    )
    fields.finish()
    return options


def _diffusion_to_dict(task: DiffusionTask) -> Plain:
    options = task.options
    return {
        "kind": "diffusion",
        "model": task.model,
        "prompts": [prompt_to_dict(prompt) for prompt in task.prompts],
        "scope": _scope_to_dict(task.scope),
        "window": _window_to_dict(task.window),
        "options": {
            "samples": int(options.samples),
            "steps": int(options.steps),
            "seed": int(options.seed),
            "solver": options.solver,
            "guidance": float(options.guidance),
            "combine": options.combine,
            "uncertainty": options.uncertainty,
        },
        "threshold": float(task.threshold),
        "clean_up": _clean_up_to_dict(task.clean_up),
        "candidate": int(task.candidate),
    }


def _diffusion_task(fields: Fields) -> Task:
    return DiffusionTask(
        prompts=tuple(prompt_from_fields(part) for part in fields.parts("prompts")),
        model=fields.text("model"),
        scope=_scope_from_fields(fields.part("scope")),
        window=fields.optional("window", lambda name: _window_from_fields(fields.part(name))),
        options=_sampling_from_fields(fields.part("options")),
        threshold=fields.number("threshold"),
        clean_up=_clean_up_from_fields(fields.part("clean_up")),
        candidate=fields.whole_number("candidate"),
    )


def _sampling_from_fields(fields: Fields) -> SamplingOptions:
    solvers, ways, kinds = get_args(Solver), get_args(Combination), get_args(Uncertainty)
    options = SamplingOptions(
        samples=fields.whole_number("samples"),
        steps=fields.whole_number("steps"),
        seed=fields.whole_number("seed"),
        solver=_one_of(solvers, fields.choice("solver", solvers)),
        guidance=fields.number("guidance"),
        combine=_one_of(ways, fields.choice("combine", ways)),
        uncertainty=_one_of(kinds, fields.choice("uncertainty", kinds)),
    )
    fields.finish()
    return options


_TASK_READERS: dict[str, Callable[[Fields], Task]] = {
    "prompt": _prompt_task,
    "fewshot": _few_shot_task,
    "incontext": _in_context_task,
    "diffusion": _diffusion_task,
}


def _clean_up_to_dict(clean_up: CleanUp) -> Plain:
    return {
        "largest_island": bool(clean_up.largest_island),
        "fill_holes": bool(clean_up.fill_holes),
        "smoothing_mm": float(clean_up.smoothing_mm),
    }


def prompt_to_dict(prompt: Prompt) -> Plain:
    """Return `prompt` as data that JSON can hold."""
    if isinstance(prompt, PointPrompt):
        return {"kind": "point", "position_ras": prompt.position_ras.tolist(), "positive": bool(prompt.positive)}
    if isinstance(prompt, BoxPrompt):
        axes = np.asarray(prompt.axes_ras).tolist()
        center, size = prompt.center_ras.tolist(), prompt.size_mm.tolist()
        return {"kind": "box", "center_ras": center, "size_mm": size, "axes_ras": axes}
    if isinstance(prompt, ScribblePrompt):
        points, radius = prompt.points_ras.tolist(), float(prompt.radius_mm)
        return {"kind": "scribble", "points_ras": points, "radius_mm": radius, "positive": bool(prompt.positive)}
    if isinstance(prompt, LassoPrompt):
        return {"kind": "lasso", "points_ras": prompt.points_ras.tolist(), "positive": bool(prompt.positive)}
    return {"kind": "mask", **_patch_to_dict(prompt.patch), "positive": bool(prompt.positive)}


def prompt_from_fields(fields: Fields) -> Prompt:
    """Return the prompt that `fields` describe."""
    kind = fields.choice("kind", tuple(_PROMPT_READERS))
    prompt = _PROMPT_READERS[kind](fields)
    fields.finish()
    return prompt


def _point(fields: Fields) -> Prompt:
    return PointPrompt(fields.numbers("position_ras", 3), fields.flag("positive"))


def _box(fields: Fields) -> Prompt:
    return BoxPrompt(fields.numbers("center_ras", 3), fields.numbers("size_mm", 3), fields.numbers("axes_ras", 3, 3))


def _scribble(fields: Fields) -> Prompt:
    return ScribblePrompt(fields.numbers("points_ras", -1, 3), fields.number("radius_mm"), fields.flag("positive"))


def _lasso(fields: Fields) -> Prompt:
    return LassoPrompt(fields.numbers("points_ras", -1, 3), fields.flag("positive"))


def _mask(fields: Fields) -> Prompt:
    shape, offset = fields.whole_numbers("shape"), fields.whole_numbers("offset")
    geometry = geometry_from_fields(fields.part("geometry"))
    try:
        data = base64.b64decode(fields.text("bits"), validate=True)
        array = unpack_mask(data, shape)
    except (binascii.Error, InvalidRequest) as error:
        complaint = error.message if isinstance(error, InvalidRequest) else "It is not base64."
        fields.refuse("bits", f"cannot be read: {complaint.rstrip('.')}")
    return MaskPrompt(VolumePatch(array, offset, geometry), fields.flag("positive"))


_PROMPT_READERS: dict[str, Callable[[Fields], Prompt]] = {
    "point": _point,
    "box": _box,
    "scribble": _scribble,
    "lasso": _lasso,
    "mask": _mask,
}


def _patch_to_dict(patch: VolumePatch) -> Plain:
    return {
        "shape": list(patch.array.shape),
        "offset": list(patch.offset),
        "geometry": patch.geometry.to_dict(),
        "bits": base64.b64encode(pack_mask(patch.array != 0)).decode("ascii"),
    }


def geometry_from_fields(fields: Fields) -> VolumeGeometry:
    """Return the geometry that `VolumeGeometry.to_dict` described."""
    geometry = VolumeGeometry(fields.whole_numbers("shape"), fields.numbers("ijk_to_ras", 4, 4))
    fields.finish()
    return geometry


def _scope_to_dict(scope: SliceScope | VolumeScope) -> Plain:
    if isinstance(scope, SliceScope):
        plane = scope.plane
        origin, right, down = plane.origin_ras.tolist(), plane.right_ras.tolist(), plane.down_ras.tolist()
        return {"kind": "slice", "origin_ras": origin, "right_ras": right, "down_ras": down}
    ends = None if scope.range_ras is None else np.asarray(scope.range_ras, dtype=np.float64).tolist()
    method, direction = scope.method, scope.direction
    fuse = bool(scope.fuse_axes)
    return {"kind": "volume", "method": method, "direction": direction, "range_ras": ends, "fuse_axes": fuse}


def _scope_from_fields(fields: Fields) -> SliceScope | VolumeScope:
    scope: SliceScope | VolumeScope
    if fields.choice("kind", ("slice", "volume")) == "slice":
        origin, right, down = (fields.numbers(name, 3) for name in ("origin_ras", "right_ras", "down_ras"))
        scope = SliceScope(SlicePlane(origin, right, down))
    else:
        methods: tuple[Method, ...] = get_args(Method)
        directions: tuple[Direction, ...] = get_args(Direction)
        scope = VolumeScope(
            method=_one_of(methods, fields.choice("method", methods)),
            direction=fields.optional("direction", lambda name: _one_of(directions, fields.choice(name, directions))),
            range_ras=fields.optional("range_ras", lambda name: fields.numbers(name, 2, 3)),
            fuse_axes=fields.flag("fuse_axes"),
        )
    fields.finish()
    return scope


def _one_of(names: tuple[Any, ...], name: str) -> Any:
    """Return `name` as the type checker knows it."""
    return names[names.index(name)]


def _window_to_dict(window: IntensityWindow | None) -> Plain | None:
    return None if window is None else {"lower": float(window.lower), "upper": float(window.upper)}


def _window_from_fields(fields: Fields) -> IntensityWindow:
    window = IntensityWindow(fields.number("lower"), fields.number("upper"))
    fields.finish()
    return window


def _clean_up_from_fields(fields: Fields) -> CleanUp:
    clean_up = CleanUp(fields.flag("largest_island"), fields.flag("fill_holes"), fields.number("smoothing_mm"))
    fields.finish()
    return clean_up
