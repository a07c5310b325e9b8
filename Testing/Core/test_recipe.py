from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from fakes.compare import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from MedSegAICore.errors import GeometryMismatch, InvalidRequest, MedSegAIError
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.prompts import BoxPrompt, LassoPrompt, MaskPrompt, PointPrompt, ScribblePrompt, SlicePlane
from MedSegAICore.recipe import Recipe, recipes_from_json, recipes_to_json, task_from_dict, task_to_dict
from MedSegAICore.request import (
    CleanUp,
    ContextOptions,
    DiffusionTask,
    InContextTask,
    IntensityWindow,
    PromptTask,
    SamplingOptions,
    SliceScope,
    VolumeScope,
)
from MedSegAICore.result import Provenance, SegmentationResult
from MedSegAICore.segmentation_file import tag_text
from MedSegAICore.volume import ImageVolume, VolumePatch

coordinates = st.floats(-1e4, 1e4, allow_subnormal=False)
positions = arrays.arrays(np.float64, 3, elements=coordinates)
outlines = arrays.arrays(np.float64, st.tuples(st.integers(3, 6), st.just(3)), elements=coordinates)


@st.composite
def planes(draw) -> SlicePlane:
    right, down = draw(positions), draw(positions)
    try:
        return SlicePlane(draw(positions), right, down)
    except InvalidRequest:  # directions without length
        return SlicePlane(draw(positions), [1, 0, 0], [0, -1, 0])


@st.composite
def rotations(draw) -> np.ndarray:
    plane = draw(planes())
    return np.stack([plane.right_ras, plane.down_ras, plane.normal_ras], axis=1)


@st.composite
def patches(draw) -> VolumePatch:
    mask = draw(arrays.arrays(np.bool_, st.tuples(*[st.integers(0, 5)] * 3)))
    offset = draw(st.tuples(*[st.integers(0, 3)] * 3))
    shape = tuple(start + size for start, size in zip(offset, mask.shape, strict=True))
    spacing = draw(arrays.arrays(np.float64, 3, elements=st.floats(0.1, 10)))
    return VolumePatch(mask, offset, VolumeGeometry.from_components(shape, spacing, draw(positions), draw(rotations())))


def spans_a_plane(points: np.ndarray) -> bool:
    return bool(np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[1] > 1e-3)


prompts = st.one_of(
    st.builds(PointPrompt, positions, st.booleans()),
    st.builds(BoxPrompt, positions, arrays.arrays(np.float64, 3, elements=st.floats(0.1, 1e3)), rotations()),
    st.builds(ScribblePrompt, outlines, st.floats(0, 50), st.booleans()),
    st.builds(LassoPrompt, outlines.filter(spans_a_plane), st.booleans()),
    st.builds(MaskPrompt, patches(), st.booleans()),
)
scopes = st.one_of(
    st.builds(SliceScope, planes()),
    st.builds(
        VolumeScope,
        st.sampled_from(["auto", "slices", "volume"]),
        st.sampled_from([None, "axial", "coronal", "sagittal"]),
        st.none() | arrays.arrays(np.float64, (2, 3), elements=coordinates),
        st.booleans(),
    ),
)
windows = st.builds(lambda low, width: IntensityWindow(low, low + width), coordinates, st.floats(0.1, 1e4))
tasks = st.builds(
    PromptTask,
    prompts=st.lists(prompts, max_size=4).map(tuple),
    model=st.sampled_from(["adaptive", "sam_vit_b"]),
    scope=scopes,
    window=st.none() | windows,
    threshold=st.floats(0.01, 0.99),
    clean_up=st.builds(CleanUp, st.booleans(), st.booleans(), st.floats(0, 50)),
)


few = st.integers(1, 64)
context_tasks = st.builds(
    InContextTask,
    library=st.sampled_from(["tasks", "a folder/tasks"]).map(Path),
    task=st.sampled_from(["organs", "an organ"]),
    digest=st.sampled_from(["", "0" * 64]),
    model=st.sampled_from(["registered_context", "universeg"]),
    labels=st.lists(st.sampled_from(["liver", "spleen"]), unique=True).map(tuple),
    scope=scopes,
    window=st.none() | windows,
    options=st.builds(
        ContextOptions, few, few, few, few, st.sampled_from(["mean", "vote", "staple"]), st.booleans(), few
    ),
    threshold=st.floats(0.01, 0.99),
    clean_up=st.builds(CleanUp, st.booleans(), st.booleans(), st.floats(0, 50)),
    candidate=st.integers(0, 5),
)

diffusion_tasks = st.builds(
    DiffusionTask,
    prompts=st.lists(prompts, max_size=3).map(tuple),
    model=st.sampled_from(["medsegdiff_v1", "medsegdiff_v2"]),
    scope=scopes,
    window=st.none() | windows,
    options=st.builds(
        SamplingOptions,
        samples=few,
        steps=few,
        seed=few,
        solver=st.sampled_from(["ddim", "ddpm", "dpm_solver"]),
        guidance=st.floats(0, 20),
        combine=st.sampled_from(["mean", "vote", "staple"]),
        uncertainty=st.sampled_from(["entropy", "deviation"]),
    ),
    threshold=st.floats(0.01, 0.99),
    clean_up=st.builds(CleanUp, st.booleans(), st.booleans(), st.floats(0, 50)),
)


@settings(deadline=None, max_examples=200)
@given(tasks | context_tasks | diffusion_tasks)
def test_every_task_comes_back_from_json_bit_for_bit(task: PromptTask) -> None:
    text = json.dumps(task_to_dict(task), allow_nan=False)

    back = task_from_dict(json.loads(text))

    assert_same(back, task)
    assert json.dumps(task_to_dict(back)) == text


@settings(deadline=None, max_examples=30)
@given(tasks, st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3), st.integers(1, 64))
def test_every_recipe_comes_back_from_its_own_text(task: PromptTask, versions: dict[str, str], threads: int) -> None:
    recipe = Recipe(task, "abc", "", "the processor", versions, threads)

    assert_same(Recipe.from_json(recipe.to_json()), recipe)


FULL_TASK = PromptTask(
    prompts=(
        PointPrompt([1.0, 2.0, 3.0]),
        BoxPrompt([0.0, 0.0, 0.0], [4.0, 5.0, 0.0]),
        ScribblePrompt([[0.0, 0.0, 0.0], [1.0, 1.0, 0.0]], 2.5, positive=False),
        LassoPrompt([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0], [0.0, 9.0, 0.0]]),
        MaskPrompt(VolumePatch(np.eye(3, dtype=bool)[None], (1, 0, 2), VolumeGeometry.from_components((4, 5, 6)))),
    ),
    scope=VolumeScope("slices", "axial", np.array([[0.0, 0.0, -5.0], [0.0, 0.0, 5.0]])),
    window=IntensityWindow(-100.0, 300.0),
)
SLICE_TASK = dataclasses.replace(FULL_TASK, scope=SliceScope(SlicePlane([0, 0, 0], [1, 0, 0], [0, -1, 0])))


def paths_of(value: object, path: tuple = ()) -> list[tuple]:
    """Name every field of nested plain data."""
    if isinstance(value, dict):
        return [found for key, inner in value.items() for found in [(*path, key), *paths_of(inner, (*path, key))]]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [found for index, inner in enumerate(value) for found in paths_of(inner, (*path, index))]
    return []


FULL_PATHS = sorted({*paths_of(task_to_dict(FULL_TASK)), *paths_of(task_to_dict(SLICE_TASK))}, key=str)


def parent_of(values: dict, path: tuple) -> dict:
    for key in path[:-1]:
        values = values[key]
    return values


@pytest.fixture(params=FULL_PATHS, ids=lambda path: ".".join(map(str, path)))
def a_field(request) -> tuple[dict, tuple]:
    path = request.param
    for task in (FULL_TASK, SLICE_TASK):
        values = task_to_dict(task)
        if path in paths_of(values):
            return values, path
    raise AssertionError(path)


def test_a_missing_field_is_named(a_field) -> None:
    values, path = a_field
    del parent_of(values, path)[path[-1]]

    with pytest.raises(InvalidRequest, match=path[-1]):
        task_from_dict(values)


@pytest.mark.parametrize("wrong", [{"a": 1}, [[None]], float("nan"), 10**400], ids=["object", "list", "nan", "huge"])
def test_a_wrong_value_is_refused_by_name(a_field, wrong) -> None:
    values, path = a_field
    parent_of(values, path)[path[-1]] = wrong

    with pytest.raises(MedSegAIError):
        task_from_dict(values)


@pytest.mark.parametrize(("name", "wrong"), [("threshold", 0), ("threshold", "half"), ("model", ""), ("kind", "magic")])
def test_a_setting_out_of_its_range_is_refused_by_name(name, wrong) -> None:
    with pytest.raises(InvalidRequest, match=name):
        task_from_dict(task_to_dict(FULL_TASK) | {name: wrong})


def test_an_unknown_field_is_named_with_its_place() -> None:
    values = task_to_dict(FULL_TASK)
    values["prompts"][2]["colour"] = "red"

    with pytest.raises(InvalidRequest, match=r"task\.prompts\[2\]\.colour is not known"):
        task_from_dict(values)


@pytest.mark.parametrize("shape", [[1, 3, 6], [1, 300, 3], [2**31, 2**31, 2]])
def test_a_mask_with_other_voxels_than_it_says_is_refused(shape) -> None:
    values = task_to_dict(FULL_TASK)
    values["prompts"][4]["shape"] = shape

    with pytest.raises((InvalidRequest, GeometryMismatch)):
        task_from_dict(values)


def test_damaged_bits_of_a_mask_are_refused_by_name() -> None:
    values = task_to_dict(FULL_TASK)
    values["prompts"][4]["bits"] = "AAAA" + values["prompts"][4]["bits"][4:]

    with pytest.raises(InvalidRequest, match=r"prompts\[4\]\.bits"):
        task_from_dict(values)


def a_result() -> SegmentationResult:
    geometry = VolumeGeometry.from_components((4, 5, 6))
    patch = VolumePatch.whole(np.zeros((4, 5, 6), bool), geometry)
    versions = {"medsegai": "0.1.0"}
    made = Provenance(task_to_dict(FULL_TASK), "f00", FULL_TASK.model, "", "the processor", versions, 0.5, threads=2)
    return SegmentationResult(patch, patch, made)


def test_a_result_carries_its_recipe() -> None:
    recipe = Recipe.from_result(a_result())

    assert_same(recipe.task, FULL_TASK)
    assert (recipe.model, recipe.image_fingerprint, recipe.threads) == (FULL_TASK.model, "f00", 2)


def test_a_recipe_asks_the_same_again() -> None:
    image = ImageVolume(np.zeros((4, 5, 6), np.int16), VolumeGeometry.from_components((4, 5, 6)))

    request = Recipe.from_result(a_result()).request(image, segment="liver", generation=3)

    assert_same(request.task, FULL_TASK)
    assert (request.image, request.segment, request.generation) == (image, "liver", 3)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, "{}", b"\xff\xfe"])
def test_what_is_no_recipe_is_refused_by_name(text) -> None:
    with pytest.raises(InvalidRequest, match="recipe"):
        Recipe.from_json(text)


def test_a_recipe_of_a_newer_schema_says_so() -> None:
    values = json.loads(Recipe.from_result(a_result()).to_json())
    newer = copy.deepcopy(values) | {"schema_version": 2, "unheard": True}

    with pytest.raises(InvalidRequest, match="schema version 2"):
        Recipe.from_json(json.dumps(newer))


def test_the_recipes_of_one_segment_come_back_in_their_order() -> None:
    recipe = Recipe.from_result(a_result())
    recipes = [dataclasses.replace(recipe, device=name) for name in ("first | second", 'a "graphics" card', "third")]
    text = tag_text(recipes_to_json(recipes))
    assert not {"\n", "|"} & set(text)
    assert [one.to_json() for one in recipes_from_json(text)] == [one.to_json() for one in recipes]


@pytest.mark.parametrize("text", ["", "not JSON", "{}", "[1]", "[{}]", "[" * 100_000])
def test_what_is_no_list_of_recipes_is_refused_by_name(text) -> None:
    with pytest.raises(InvalidRequest, match="recipe"):
        recipes_from_json(text)
