"""The library of tasks: what it keeps, refuses and survives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from fakes.people import person
from MedSegAICore.errors import GeometryMismatch, InvalidRequest, InvalidSupport, InvalidSupportSet
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.incontext import stored_task, task_files
from MedSegAICore.incontext.context_example import ContextExample
from MedSegAICore.incontext.stored_task import StoredTask
from MedSegAICore.incontext.task_library import TaskLibrary
from MedSegAICore.request import IntensityWindow
from MedSegAICore.segment_look import SegmentLook
from MedSegAICore.segmentation_file import read_looks
from MedSegAICore.volume import ImageVolume, VolumePatch

LABELS = ("liver", "kidney")
WRITER = """
import sys
from pathlib import Path
from fakes.people import person
from MedSegAICore.incontext.context_example import ContextExample
from MedSegAICore.incontext.task_library import TaskLibrary
task = TaskLibrary(Path(sys.argv[1])).create("organs", ("liver", "kidney"))
for seed in range(int(sys.argv[2]), int(sys.argv[3])):
    print(task.add(ContextExample(person(seed))), flush=True)
"""


@pytest.fixture
def library(tmp_path) -> TaskLibrary:
    return TaskLibrary(tmp_path / "library")


@pytest.fixture
def task(library) -> StoredTask:
    return library.create("organs", LABELS)


def writer(library: TaskLibrary, first: int, last: int) -> subprocess.Popen:
    """Start a program that adds examples to the task `organs`."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", WRITER, str(library.folder), str(first), str(last)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_an_example_comes_back_with_image_masks_geometry_and_provenance(task):
    drawn = person(3, name="Doe^John")
    window = IntensityWindow(-5.0, 320.0)
    identifier = task.add(ContextExample(drawn, position=0.25, window=window, origin="corrected", model="adaptive"))
    (found,) = task.examples()
    assert (found.identifier, found.position, found.origin, found.model) == (identifier, 0.25, "corrected", "adaptive")
    assert found.window == window
    assert np.array_equal(found.example.image.array, drawn.image.array)
    assert found.example.image.geometry.matches(drawn.image.geometry, 1e-6)
    for label in LABELS:
        assert np.array_equal(found.example.masks[label].full(), drawn.masks[label].full())


def test_nothing_on_the_disk_names_the_person(task):
    task.add(ContextExample(person(3, name="Doe^John")))
    files = [file for file in task.folder.rglob("*") if file.is_file()]
    assert files
    for file in files:
        assert b"Doe" not in file.read_bytes()
        assert "Doe" not in str(file)


def test_a_structure_that_is_not_there_need_not_be_drawn(task):
    both = person(0)
    task.add(ContextExample(Example(both.image, {"kidney": both.masks["kidney"]})))
    assert task.examples()[0].labels == ("kidney",)


def test_what_the_task_does_not_have_is_refused(task):
    spleen = {"spleen": person(0).masks["liver"]}
    with pytest.raises(InvalidSupport, match="no structure 'spleen'"):
        task.add(ContextExample(Example(person(0).image, spleen)))
    assert task.identifiers() == ()


def test_masks_on_another_grid_are_refused_when_they_are_added_and_when_they_are_read(task):
    drawn, other = person(0), VolumeGeometry.from_components((18, 26, 24), (1, 1, 1))
    elsewhere = VolumePatch.whole(drawn.masks["liver"].full(), other)
    with pytest.raises(GeometryMismatch):
        Example(drawn.image, {"liver": elsewhere})
    moved = Example(ImageVolume(drawn.image.array, other), {"liver": elsewhere})
    first, second = (task.add(ContextExample(example)) for example in (drawn, moved))
    examples = task.folder / "examples"
    (examples / second / "labels.seg.nrrd").replace(examples / first / "labels.seg.nrrd")
    with pytest.raises(GeometryMismatch, match=first[:6]):
        task.read(first)


def test_examples_and_tasks_are_removed(library, task):
    kept, removed = (task.add(ContextExample(person(seed))) for seed in range(2))
    task.remove(removed)
    assert task.identifiers() == (kept,)
    with pytest.raises(InvalidRequest, match="has no example"):
        task.remove(removed)
    library.remove("organs")
    assert library.tasks() == ()
    with pytest.raises(InvalidSupportSet, match="no task 'organs'"):
        library.task("organs")
    assert [file.name for file in library.folder.iterdir()] == []


def test_the_digest_changes_with_the_examples_only(task):
    empty = task.digest()
    identifier = task.add(ContextExample(person(0)))
    assert task.digest() != empty
    task.remove(identifier)
    assert task.digest() == empty


def test_a_task_is_shared_and_taken_as_a_folder(library, task, tmp_path):
    identifiers = {task.add(ContextExample(person(seed))) for seed in range(2)}
    copy = task.share(tmp_path / "usb")
    other = TaskLibrary(tmp_path / "other")
    taken = other.take(copy)
    mine = taken.add(ContextExample(person(9)))
    assert set(other.take(copy).identifiers()) == identifiers | {mine}
    assert set(task.identifiers()) == identifiers
    with pytest.raises(InvalidRequest, match="already something called 'organs'"):
        task.share(tmp_path / "usb")


def test_a_task_of_one_name_has_one_set_of_structures(library, task):
    assert library.create("organs", reversed(LABELS)) == task
    with pytest.raises(InvalidRequest, match="with other structures"):
        library.create("organs", ("liver",))


@pytest.mark.parametrize("name", ["", " ", "../organs", "a/b", ".hidden", "a\nb", "x" * 200, "C:"])
def test_names_that_are_no_names_of_folders_are_refused(library, name):
    with pytest.raises(InvalidRequest, match="cannot be the name"):
        library.create(name, LABELS)


def test_a_crash_while_an_example_is_written_leaves_the_others(task, monkeypatch):
    kept = task.add(ContextExample(person(0)))

    def crash(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(task_files, "write_segmentation", crash)
    with pytest.raises(KeyboardInterrupt):
        task.add(ContextExample(person(1)))
    assert task.identifiers() == (kept,)
    assert len(task.examples()) == 1


def test_a_killed_program_leaves_only_whole_examples(library):
    process = writer(library, 0, 1000)
    told = [process.stdout.readline().strip() for _ in range(3)]
    time.sleep(0.013)
    process.kill()
    told += process.stdout.read().split()
    process.wait()
    process.stdout.close()
    found = library.task("organs").examples()
    assert set(told) <= {context.identifier for context in found}
    assert len(found) <= len(told) + 1


def test_two_programs_that_write_at_once_lose_nothing(library):
    processes = [writer(library, 0, 6), writer(library, 6, 12)]
    told = [identifier for process in processes for identifier in process.communicate(timeout=60)[0].split()]
    assert [process.returncode for process in processes] == [0, 0]
    task = library.task("organs")
    assert len(told) == 12
    assert sorted(told) == sorted(task.identifiers())
    assert len({context.content_digest() for context in task.examples()}) == 12


def test_leftovers_of_a_killed_program_are_removed_after_a_day(task):
    left = task.folder / "examples" / ".medsegai-left"
    left.mkdir()
    task.add(ContextExample(person(0)))
    assert left.is_dir()
    os.utime(left, (0, 0))
    task.add(ContextExample(person(1)))
    assert not left.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2}', '{"version": 1, "position": 3}'])
def test_a_damaged_description_is_named(task, text):
    identifier = task.add(ContextExample(person(0)))
    (task.folder / "examples" / identifier / "example.json").write_text(text)
    with pytest.raises((InvalidSupportSet, InvalidRequest), match=identifier[:6]):
        task.examples()


@pytest.mark.parametrize("values", [{"version": 1, "name": "a", "labels": []}, {"version": 1, "name": "a"}, 3])
def test_a_damaged_task_is_named(library, task, values):
    (task.folder / "task.json").write_text(json.dumps(values))
    with pytest.raises(InvalidSupportSet, match="organs"):
        library.task("organs")


def test_a_list_of_examples_reads_no_voxels_and_leaves_out_what_is_damaged(task):
    first = task.add(ContextExample(person(1), position=0.25, origin="corrected"))
    second = task.add(ContextExample(person(2)))
    for folder in (task.folder / "examples").iterdir():
        (folder / "image.nrrd").write_bytes(b"")
    assert [(note.identifier, note.position, note.origin) for note in task.notes()] == [
        (first, 0.25, "corrected"),
        (second, None, "drawn"),
    ]
    (task.folder / "examples" / first / "example.json").write_text("{}")
    assert [note.identifier for note in task.notes()] == [second]


def test_a_task_is_renamed_with_all_its_examples(library, task):
    task.add(ContextExample(person(0)))
    renamed = library.rename("organs", "organs in CT")
    assert library.tasks() == ("organs in CT",)
    assert [context.labels for context in renamed.examples()] == [LABELS]
    library.create("other", ["liver"])
    with pytest.raises(InvalidRequest, match="already something called 'other'"):
        library.rename("organs in CT", "other")
    with pytest.raises(InvalidRequest, match="cannot be the name"):
        library.rename("organs in CT", "a/b")
    assert library.tasks() == ("organs in CT", "other")


def test_who_adds_to_a_task_that_was_renamed_is_told(library, task):
    library.rename("organs", "abdomen")
    with pytest.raises(InvalidRequest, match="renamed or removed"):
        task.add(ContextExample(person(0)))
    assert library.tasks() == ("abdomen",)
    assert not task.folder.exists()


def test_a_task_that_is_renamed_while_an_example_is_written_keeps_what_it_had(library, task, monkeypatch):
    def renamed_meanwhile(folder, context):
        write(folder, context)
        library.rename("organs", "abdomen")

    write = stored_task.write_example
    task.add(ContextExample(person(0)))
    monkeypatch.setattr(stored_task, "write_example", renamed_meanwhile)
    with pytest.raises(InvalidRequest, match="renamed or removed"):
        task.add(ContextExample(person(1)))
    assert library.tasks() == ("abdomen",)
    assert len(library.task("abdomen").examples()) == 1


def test_a_task_remembers_how_its_structures_look_from_the_first_example_that_knows(task):
    red, green = SegmentLook((1.0, 0.0, 0.0), "SCT~liver"), SegmentLook((0.0, 1.0, 0.0))
    task.add(ContextExample(person(0)))
    task.add(ContextExample(person(1), looks={"liver": red}))
    identifier = task.add(ContextExample(person(2), looks={"liver": green, "kidney": green}))
    assert task.looks() == {"liver": red, "kidney": green}
    assert read_looks(task.folder / "examples" / identifier / "labels.seg.nrrd") == {"liver": green, "kidney": green}
    assert [context.looks.get("liver") for context in task.examples()] == [None, red, green]
