"""What was learned from examples, ready to be used, and what a report says about it."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .. import __version__
from ..command_line import write_text
from ..engine.cache import ByteBoundedCache
from ..errors import RecordsDamaged, SettingsDiffer
from ..fields import Fields
from ..models.checkpoint import file_sha256
from ..recipe import Recipe
from ..request import FewShotTask
from ..result import SegmentationResult
from ..segment_look import SegmentLook
from .examples import Example
from .fit import FitReport
from .learner import Scores, StoredModel
from .model_file import read_description
from .result_files import expected_dice, filled_values, known_values, volume_ml
from .support_notes import read_notes

MODEL, LEARNED = "support_model.safetensors", "learned.json"
"""In a folder of results: the support model, and which examples it was learned from."""

_PASSING = "medsegai-learned-"
_LONGEST_RUN = 86400  # [s]
_HASHES = 1 << 10  # bytes: this once


@dataclass(frozen=True, eq=False)
class Learned:
    """A support model with the settings that it is used with.

    Parameters
    ----------
    task
        Support model, with its hash, and settings.
    model
        What the support model says about itself.
    values
        Value of every structure in label maps.
    report
        Of learning; None if the support model was there.
    recipe
        The recipe that is run again, if there is one.
    looks
        How structures look in segmentations, as far as the examples told.
    numbered
        Structures that got a number because nothing says what value they had in the examples.
    """

    task: FewShotTask
    model: StoredModel
    values: Mapping[str, int]
    looks: Mapping[str, SegmentLook]
    report: FitReport | None = None
    recipe: Recipe | None = None
    numbered: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, task: FewShotTask, known: Mapping[str, int], report: FitReport | None = None, recipe: Recipe | None = None
    ) -> Learned:
        """Return what the support model of a task says; `known` values in label maps stand for those it remembers.

        Raises
        ------
        InvalidSupportModel
            The file cannot be read.
        InvalidRequest
            A value is given for a structure that it does not know, or for two of them.
        """
        model = read_description(task.support_model)
        known = {**model.values, **known}
        if not task.sha256:  # so that the file cannot change between one image and the next
            task = replace(task, sha256=file_sha256(task.support_model, ByteBoundedCache(_HASHES)))
        sure = known_values(model.labels, known)
        numbered = tuple(label for label in model.labels if label not in sure)
        looks = read_notes(task.support_model).looks
        return cls(task, model, filled_values(model.labels, sure), looks, report, recipe, numbered)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What learning has to say."""
        return self.report.warnings if self.report else ()

    def number_warnings(self) -> tuple[str, ...]:
        """Say which values a label map has where those of the examples are not known."""
        if not self.numbered:
            return ()
        chosen = ",".join(f"{label}={value}" for label, value in self.values.items())
        return (f"The support model does not know the values of label maps; these are used: --labels {chosen}.",)

    def lines(self) -> list[str]:
        """Say what the support model is and how good it is."""
        how = f"learned in {self.report.seconds:.1f} s" if self.report else "used again"
        scores = scores_text(self.model.leave_one_out) or "not known"
        said = [f"Support model of '{self.model.method}', {how}; leave-one-out Dice: {scores}."]
        if self.report and self.report.compared:
            said.append(f"Mean Dice on the examples: {means_text(self.report.compared)}.")
        return said

    def result_lines(self, result: SegmentationResult) -> list[str]:
        """Say what was found of every structure."""
        return [
            f"{part.label} (value {self.values[part.label]}): {volume_ml(part):.4g} ml, expected Dice "
            + ("not known." if part.quality is None else f"{part.quality:.2f}.")
            for part in result.structures
        ]

    def report_fields(
        self, result: SegmentationResult | None, failures: int, seconds: float, warnings: Sequence[str]
    ) -> dict[str, object]:
        """Return what comes back to Slicer: the time [s], and the rest in words."""
        return {
            "structures": ", ".join(self.model.labels),
            "expectedDice": means_text(expected_dice(result)) if result else "",
            "leaveOneOut": scores_text(self.model.leave_one_out),
            "usedModel": self.model.method,
            "failures": failures,
            "seconds": f"{seconds:.3f}",
            "warnings": " ".join(warnings),
        }


def fingerprint_of(examples: Sequence[Example], method: str, seed: int) -> str:
    """Return a text that changes with the voxels of the examples, the method, the seed and the version."""
    digest = hashlib.blake2b(repr((method, seed, __version__)).encode(), digest_size=16)
    for example in examples:
        digest.update(example.image.fingerprint.encode())
        for label, mask in example.masks.items():
            digest.update(repr((label, mask.offset, mask.array.shape)).encode())
            digest.update(np.packbits(mask.array.astype(bool)).tobytes())
    return digest.hexdigest()


def remember_model(folder: Path, made_of: str, report: FitReport) -> None:
    """Write down what a support model was learned from, so that the same again goes on with it."""
    values = {"made_of": made_of, "support_model": str(report.file.absolute()), "sha256": report.sha256}
    write_text(folder / LEARNED, json.dumps(values, indent=1))


def remembered_model(folder: Path, made_of: str) -> Path | None:
    """Return the support model that an earlier run into a folder has learned; None if there is none, or not any more.

    Raises
    ------
    SettingsDiffer
        It was learned from other examples, or in another way.
    RecordsDamaged
        What was written down cannot be read.
    """
    try:
        text = (folder / LEARNED).read_text(encoding="utf-8")
        fields = Fields(json.loads(text), LEARNED, RecordsDamaged)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        message = f"'{LEARNED}' in '{folder}' cannot be read ({error})."
        raise RecordsDamaged(message) from error
    if fields.text("made_of") != made_of:
        message = f"The folder '{folder}' holds results of other examples or of another method."
        raise SettingsDiffer(message, "Choose another folder, or replace them with --overwrite.")
    file, sha256 = Path(fields.text("support_model")), fields.text("sha256")
    is_same = file.is_file() and file_sha256(file, ByteBoundedCache(_HASHES)) == sha256
    return file if is_same else None


@contextmanager
def passing_folder() -> Iterator[Path]:
    """Give a folder for a support model that is not kept.

    Such a model holds voxels of people. A killed run cannot remove it, so this removes what older ones have left.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{_PASSING}*"):
        with suppress(OSError):  # somebody else's, or gone by now
            if time.time() - left.stat().st_mtime > _LONGEST_RUN:
                shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=_PASSING) as folder:
        yield Path(folder)


def scores_text(scores: Scores) -> str:
    """Return the scores of every structure in words, such as `liver 0.91 0.93, spleen 0.88 0.90`."""
    return ", ".join(f"{label} {' '.join(f'{value:.2f}' for value in values)}" for label, values in scores.items())


def means_text(means: Mapping[str, float]) -> str:
    """Return one score each in words, such as `liver 0.91, spleen 0.88`."""
    return scores_text({name: (mean,) for name, mean in means.items()})
