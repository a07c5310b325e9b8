"""Sets of examples as files: a small manifest that others can use again, or a folder with pairs of files.

A manifest `NAME.support.json` lies beside what it names and holds no more than `SupportSet` has fields: no paths from
elsewhere, and no names of people unless somebody gives them to the files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from ..errors import InvalidSupportSet
from ..fields import Fields
from ..images import LARGEST_LABEL, whole_files
from ..label_files import file_stem, is_image, is_segmentation
from .example_files import ExampleFiles, read_examples
from .examples import Example

ENDING = ".support.json"
"""How the name of a manifest ends."""

VERSION = 1

LABEL_SUFFIXES = ("_labels", "-label")
"""What label maps beside their images add to the name; Slicer itself calls them `NAME-label`."""


@dataclass(frozen=True, eq=False)
class SupportSet:
    """A described set of examples.

    Parameters
    ----------
    title
        What people call it.
    licence
        Terms of use of its images and labels.
    labels
        Name of every structure with its value in label maps, from 1 on; segmentations are read by name.
    examples
        The files; at least one pair.
    notes
        What else one should know.

    Raises
    ------
    InvalidSupportSet
        There is no title, licence, structure or example, or a value is no label or stands for two structures.
    """

    title: str
    licence: str
    labels: Mapping[str, int]
    examples: tuple[ExampleFiles, ...]
    notes: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "examples", tuple(self.examples))
        for what, value in (("title", self.title), ("licence", self.licence), ("structure", self.labels)):
            if not value:
                message = f"The set of examples has no {what}."
                raise InvalidSupportSet(message, f"Give it a {what}.")
        if not self.examples:
            message = "The set has no example."
            raise InvalidSupportSet(message, "Name at least one image with its labels.")
        if complaint := _label_complaint(self.labels):
            message = f"The labels of the set cannot be used: {complaint}."
            raise InvalidSupportSet(message, "Give every structure a value of its own.")


def read_support_set(path: Path | str) -> tuple[Example, ...]:
    """Return the examples of a manifest, with the structures that it names.

    Raises
    ------
    InvalidSupportSet
        As `read_manifest`.
    InvalidImage, InvalidSupport, GeometryMismatch
        As `read_examples`: a file is missing or damaged, shows no such structure, or does not fit its image. The
        message names the example and the file.
    """
    described = read_manifest(path)
    return read_examples(described.examples, described.labels)


def read_manifest(path: Path | str) -> SupportSet:
    """Return what a manifest says, without reading the images.

    Raises
    ------
    InvalidSupportSet
        There is no such file, it is not JSON, or a field is missing, unknown or wrong; the message names it.
    """
    path = Path(path)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        message = f"There is no support set '{path.name}'."
        raise InvalidSupportSet(message, f"Choose an existing file that ends in {ENDING}.") from error
    except (OSError, ValueError, RecursionError) as error:
        message = f"The support set '{path.name}' is not JSON: {error}."
        raise InvalidSupportSet(message) from error
    return _described(values, path)


def write_support_set(path: Path | str, described: SupportSet) -> None:
    """Write a manifest; it appears whole or not at all.

    The files lie in its folder or below and are named from there. Examples without a name are called `example 1` and
    so on. Only what a `SupportSet` holds is written.

    Raises
    ------
    InvalidSupportSet
        The name does not end in `.support.json`, a file lies elsewhere, or the manifest cannot be written.
    """
    path = Path(path)
    if not path.name.lower().endswith(ENDING):
        message = f"'{path.name}' is not the name of a support set."
        raise InvalidSupportSet(message, f"Choose a name that ends in {ENDING}.")
    values = {
        "version": VERSION,
        "title": described.title,
        "licence": described.licence,
        "notes": described.notes,
        "labels": dict(described.labels),
        "examples": [
            {
                "name": files.name or f"example {number}",
                "image": _relative(files.image, path.parent),
                "labels": _relative(files.labels, path.parent),
            }
            for number, files in enumerate(described.examples, start=1)
        ],
    }
    try:
        with whole_files(path) as draft:
            draft.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        message = f"The support set '{path.name}' cannot be written ({error.strerror})."
        raise InvalidSupportSet(message, "Choose another folder.") from error


def find_examples(folder: Path | str) -> tuple[ExampleFiles, ...]:
    """Return the pairs of a folder without a manifest, sorted by name.

    Either `images/` and `labels/` hold files of the same names, or `X.nii.gz` lies beside `X_labels.nii.gz`,
    `X-label.nrrd` or `X.seg.nrrd`. Images without labels are left out: they may be what is to be segmented.

    Raises
    ------
    InvalidSupportSet
        There is no such folder or no pair in it, labels have no image, or two files have one name.
    """
    folder = Path(folder)
    if not folder.is_dir():
        message = f"There is no folder '{folder}'."
        raise InvalidSupportSet(message, "Choose an existing folder.")
    if (folder / "images").is_dir() and (folder / "labels").is_dir():
        images = _by_stem([file for file in _files(folder / "images") if is_image(file)])
        labels = _by_stem(_files(folder / "labels"))
    else:
        files = _files(folder)
        images = _by_stem([file for file in files if is_image(file) and not _labelled_stem(file)])
        labels = _by_stem([file for file in files if _labelled_stem(file)])
    if strays := sorted(set(labels) - set(images)):
        message = f"There is no image for the labels '{labels[strays[0]].name}' in '{folder.name}'."
        raise InvalidSupportSet(message, "Put the image there under the same name, or take the labels away.")
    if not labels:
        message = f"The folder '{folder.name}' holds no image with its labels."
        advice = "Name them like scan.nii.gz and scan_labels.nii.gz, or put them into folders 'images' and 'labels'."
        raise InvalidSupportSet(message, advice)
    return tuple(ExampleFiles(images[stem], labels[stem]) for stem in sorted(labels))


def supports_at(path: Path | str) -> tuple[tuple[ExampleFiles, ...], dict[str, int]]:
    """Return the files of a manifest or of a folder, and the labels that a manifest names; none for a folder without.

    Raises
    ------
    InvalidSupportSet
        As `read_manifest` and `find_examples`; or the folder holds several manifests.
    """
    path = Path(path)
    if path.is_dir():
        manifests = sorted(file for file in _files(path) if file.name.lower().endswith(ENDING))
        if not manifests:
            return find_examples(path), {}
        if len(manifests) > 1:
            message = f"The folder '{path.name}' holds {len(manifests)} support sets."
            raise InvalidSupportSet(message, f"Choose one of them: {', '.join(file.name for file in manifests)}.")
        path = manifests[0]
    described = read_manifest(path)
    return described.examples, dict(described.labels)


def _described(values: Any, path: Path) -> SupportSet:
    fields = Fields({"notes": "", **values} if isinstance(values, dict) else values, path.name, InvalidSupportSet)
    if (version := fields.whole_number("version")) != VERSION:
        fields.refuse("version", f"is {version}; this MedSegAI reads version {VERSION}")
    labels = fields.value("labels")
    if complaint := _label_complaint(labels):
        fields.refuse("labels", f"cannot be used: {complaint}")
    examples = tuple(_example(part, path.parent, number) for number, part in enumerate(fields.parts("examples"), 1))
    if not examples:
        fields.refuse("examples", "must name at least one image with its labels")
    described = SupportSet(
        title=fields.text("title"),
        licence=fields.text("licence"),
        labels=labels,
        examples=examples,
        notes=fields.text("notes", allow_empty=True),
    )
    fields.finish()
    return described


def _example(fields: Fields, folder: Path, number: int) -> ExampleFiles:
    image, labels = (_file(fields, name, folder) for name in ("image", "labels"))
    name = fields.text("name") if fields.has("name") else f"example {number}"
    fields.finish()
    return ExampleFiles(image, labels, name)


def _file(fields: Fields, name: str, folder: Path) -> Path:
    """Return the file that a field names inside `folder`."""
    text = fields.text(name)
    # also what only another system takes for a path from elsewhere: manifests travel
    is_elsewhere = PurePosixPath(text).is_absolute() or PureWindowsPath(text).drive or "\\" in text
    if is_elsewhere or ".." in PurePosixPath(text).parts:
        fields.refuse(name, "must be a path below the folder of the support set, such as images/1.nii.gz")
    return folder / text


def _label_complaint(labels: Any) -> str:
    """Say why `labels` are no names with values; "" if they are."""
    if not isinstance(labels, Mapping) or not labels:
        return "it must be an object with a value for every name"
    for name, value in labels.items():
        if not isinstance(name, str) or not name.strip():
            return "a structure has no name"
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LARGEST_LABEL:
            return f"the value of '{name}' must be a whole number from 1 to {LARGEST_LABEL}"
    twice = [name for name, value in labels.items() if list(labels.values()).count(value) > 1]
    return f"'{twice[0]}' and '{twice[1]}' have one value" if twice else ""


def _relative(file: Path, folder: Path) -> str:
    try:
        inside = file.absolute().relative_to(folder.absolute())
    except ValueError:
        inside = Path("..")
    if ".." in inside.parts:
        message = f"'{file.name}' does not lie in the folder of the support set."
        raise InvalidSupportSet(message, "Write the support set into the folder that holds all its files.")
    return inside.as_posix()


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))


def _labelled_stem(file: Path) -> str:
    """Return the name of the image that the labels in `file` belong to; "" if it holds none, to judge by its name."""
    stem = file_stem(file)
    if is_segmentation(file):
        return stem
    suffix = next((suffix for suffix in LABEL_SUFFIXES if is_image(file) and stem.endswith(suffix)), "")
    return stem.removesuffix(suffix) if suffix else ""


def _by_stem(files: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in files:
        if not (is_image(file) or is_segmentation(file)):
            continue
        stem = _labelled_stem(file) or file_stem(file)
        if stem in found:
            message = f"'{found[stem].name}' and '{file.name}' stand for one image."
            raise InvalidSupportSet(message, "Keep one file of each name.")
        found[stem] = file
    return found
