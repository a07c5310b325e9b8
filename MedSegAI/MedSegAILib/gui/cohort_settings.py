"""What the panel for many scans says, as one value that Slicer's settings remember."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

import qt
from slicer.i18n import tr as _

from .packages import Package, Source, installedVersion

KEY = "MedSegAI/Cohort"
SUPPORT_MODEL = ".safetensors"
CLUSTER_PACKAGES = {"distributed": "2024.8", "cryptography": "42"}
DICOM_PACKAGES = {"highdicom": "0.23", "pydicom": "3.0"}


@dataclass(frozen=True)
class CohortSettings:
    """Which images, what is done with each, where the results go, and who works.

    Parameters
    ----------
    isFolder, table, images, pattern, prompts
        Whether all images of a folder are taken, and not those of a table.
    recipe
        A recipe, or a support model.
    output, segmentations, labelMaps, dicom
        The folder for the results, and their formats.
    isRemote, workers, scheduler, certificates
        Whether a scheduler that is there already gives the work away, and not this computer.
    retry
        Whether failures are tried again.
    """

    isFolder: bool = False
    table: str = ""
    images: str = ""
    pattern: str = "{image}.nii.gz"
    prompts: str = ""
    recipe: str = ""
    output: str = ""
    segmentations: bool = True
    labelMaps: bool = False
    dicom: bool = False
    isRemote: bool = False
    workers: int = 1
    scheduler: str = ""
    certificates: str = ""
    retry: bool = False

    @property
    def complaint(self) -> str:
        """What is still to be chosen, in words; "" if nothing is."""
        if not (self.images if self.isFolder else self.table):
            return _("Choose the folder of the images.") if self.isFolder else _("Choose the table of the images.")
        if not self.recipe:
            return _("Choose a recipe or a support model: it says what is done with every image.")
        if not self.output:
            return _("Choose a folder for the results.")
        if not (self.segmentations or self.labelMaps or self.dicom):
            return _("Choose at least one format for the results.")
        return _("Give the address of the scheduler.") if self.isRemote and not self.scheduler else ""

    def options(self, device: str) -> dict:
        """Return the fields of `MedSegAICore.cohort.options.CohortOptions` that differ from their defaults."""
        chosen = {"seg.nrrd": self.segmentations, "nii.gz": self.labelMaps, "dcm": self.dicom}
        found = {"output": self.output, "formats": ",".join(name for name, isWanted in chosen.items() if isWanted)}
        found |= {"device": device, "retry": self.retry}
        if self.isFolder:
            found |= {"images": self.images, "pattern": self.pattern, "prompts": self.prompts}
        else:
            found["table"] = self.table
        found["model_file" if self.recipe.endswith(SUPPORT_MODEL) else "recipe"] = self.recipe
        if not self.isRemote:
            return {**found, "workers": self.workers}
        return {
            **found,
            "scheduler": self.scheduler,
            **({"certificates": self.certificates} if self.certificates else {}),
        }

    def packages(self) -> list[Package]:
        """Return the Python packages that are needed beside those that everything needs."""
        needed = CLUSTER_PACKAGES if self.isRemote or self.workers > 1 else {}
        needed = {**needed, **(DICOM_PACKAGES if self.dicom else {})}
        return [Package(name, lowest, Source.PIP, installedVersion(name)) for name, lowest in needed.items()]


def readCohortSettings() -> CohortSettings:
    """Return what was chosen the last time; what cannot be read has its default."""
    try:
        values = json.loads(str(qt.QSettings().value(KEY, "{}")))
        kinds = {field.name: type(field.default) for field in fields(CohortSettings)}
        return CohortSettings(**{name: value for name, value in values.items() if type(value) is kinds.get(name)})
    except (ValueError, AttributeError):
        return CohortSettings()


def keepCohortSettings(chosen: CohortSettings) -> None:
    """Remember what is chosen."""
    qt.QSettings().setValue(KEY, json.dumps(asdict(chosen)))
