"""Labelled images, listed at once and read one by one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ...errors import InvalidDataset
from ...resources import resource_folder
from ...volume import ImageVolume, VolumePatch
from .description import ArchiveSpec, DatasetSpec, FilesSpec, read_description
from .patterns import Found, files_like, fill_in, find_in
from .sources import Archive, ArchiveSource, CaseSource, FileSource


@dataclass(frozen=True, eq=False)
class Case:
    """One image of one person with what was drawn on it; nothing is read before it is asked for.

    Parameters
    ----------
    dataset
        Name of the set.
    subject
        Whose image it is; splits keep all images of a subject together.
    name
        Which of the subject's images it is; "" if there is one only.
    source
        Where it is read from.
    """

    dataset: str
    subject: str
    name: str
    source: CaseSource

    def image(self) -> ImageVolume:
        """Return the image."""
        return self.source.image()

    def masks(self, label: str) -> tuple[VolumePatch, ...]:
        """Return the structure as each rater drew it: bool patches (k, j, i) of the whole volume."""
        masks = self.source.masks(label)
        if not masks:
            message = f"The set '{self.dataset}' has no structure '{label}'."
            raise InvalidDataset(message, "Choose one of the structures that the description names.")
        return masks

    def mask(self, label: str) -> VolumePatch:
        """Return the structure, a bool patch of the whole volume; of several raters, where more than half agree."""
        masks = self.masks(label)
        if len(masks) == 1:
            return masks[0]
        votes = np.sum([mask.array for mask in masks], axis=0)
        return replace(masks[0], array=votes * 2 > len(masks))

    @cached_property
    def drawn_labels(self) -> tuple[str, ...]:
        """Names of the structures that at least one rater drew here."""
        return self.source.drawn_labels()

    @cached_property
    def present_labels(self) -> tuple[str, ...]:
        """Names of the structures whose `mask` is not empty."""
        one_rater = [self.source.rater_count(label) == 1 for label in self.drawn_labels]
        pairs = zip(self.drawn_labels, one_rater, strict=True)
        return tuple(label for label, is_sure in pairs if is_sure or self.mask(label).array.any())


@dataclass(frozen=True, eq=False)
class Dataset:
    """A set of labelled images.

    Parameters
    ----------
    spec
        What is said about it.
    cases
        Its images, by subject and name.
    """

    spec: DatasetSpec
    cases: tuple[Case, ...]

    @property
    def name(self) -> str:
        """What protocols and tables call it."""
        return self.spec.name

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of all structures."""
        return self.spec.labels

    @cached_property
    def subjects(self) -> tuple[str, ...]:
        """Everyone in the set, sorted."""
        return tuple(sorted({case.subject for case in self.cases}))

    def only(self, subjects: Collection[str]) -> Dataset:
        """Return the set of these subjects.

        Raises
        ------
        InvalidDataset
            One of them is not in the set.
        """
        strangers = sorted(set(subjects) - set(self.subjects))
        if strangers:
            message = f"The set '{self.name}' has no subject '{strangers[0]}'."
            raise InvalidDataset(message, "Choose subjects of the set.")
        return Dataset(self.spec, tuple(case for case in self.cases if case.subject in subjects))


def load_dataset(name_or_file: str | Path, root: Path | str | None = None) -> Dataset:
    """Return a described set; its files are listed, none is read.

    Parameters
    ----------
    name_or_file
        Name of a description that comes with MedSegAI, or a JSON file of the same form.
    root
        The folder that the set's own folder lies in; None takes the place of the JSON file.

    Raises
    ------
    InvalidDataset
        The description is wrong, the folder holds no image, or an image has no label map; the message names it.
    """
    path = Path(name_or_file)
    shipped = path.suffix != ".json"
    if shipped and root is None:
        message = f"It is not said where the files of the set '{name_or_file}' are."
        raise InvalidDataset(message, "Name the folder that holds the set's folder.")
    spec = read_description(resource_folder("Datasets") / f"{name_or_file}.json" if shipped else path)
    folder = Path(path.parent if root is None else root) / spec.folder
    if not folder.is_dir():
        message = f"There is no folder '{folder}' for the set '{spec.name}'."
        raise InvalidDataset(message, "Choose the folder that holds the set's folder.")
    storage = spec.storage
    if isinstance(storage, ArchiveSpec):
        cases = _cases_in_archive(spec, storage, folder)
    else:
        cases = _cases_in_files(spec, storage, folder)
    return Dataset(spec, tuple(sorted(cases, key=lambda case: (case.subject, case.name))))


def _cases_in_files(spec: DatasetSpec, storage: FilesSpec, folder: Path) -> list[Case]:
    listed = storage.label_maps[0].file if storage.image is None else storage.image
    found = files_like(folder, listed)
    if storage.image is not None:
        # ct_labels.nii.gz has the form of {subject}.nii.gz as well, but it is a label map
        labels = [label_map.file for label_map in storage.label_maps]
        found = {file: match for file, match in found.items() if not any(find_in(file, label) for label in labels)}
    if not found:
        message = f"The folder '{folder}' holds no file like '{listed}'."
        raise InvalidDataset(message)
    return [_case_in_files(spec, storage, folder, file, match) for file, match in found.items()]


def _case_in_files(spec: DatasetSpec, storage: FilesSpec, folder: Path, file: str, found: Found) -> Case:
    label_maps = [(folder / fill_in(label_map.file, found), label_map) for label_map in storage.label_maps]
    for path, _ in label_maps:
        if not path.is_file():
            message = f"The image '{file}' of the set '{spec.name}' has no label map '{path.relative_to(folder)}'."
            raise InvalidDataset(message)
    image = None if storage.image is None else folder / file
    return _case(spec, found, FileSource(image, label_maps, None if spec.has_spacing else spec.pixel_mm))


def _cases_in_archive(spec: DatasetSpec, storage: ArchiveSpec, folder: Path) -> list[Case]:
    archive = Archive(folder / storage.file, storage)
    cases = []
    for index, name in enumerate(archive.names):
        found = find_in(name, storage.pattern)
        if found is None:
            message = f"The name '{name}' in '{storage.file}' is not like '{storage.pattern}'."
            raise InvalidDataset(message)
        cases.append(_case(spec, found, ArchiveSource(archive, index, storage.label, spec.pixel_mm)))
    if not cases:
        message = f"The archive '{storage.file}' holds no case."
        raise InvalidDataset(message)
    return cases


def _case(spec: DatasetSpec, found: Found, source: CaseSource) -> Case:
    return Case(spec.name, found.subject or spec.name, found.image, source)
