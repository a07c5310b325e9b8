"""What was learned from examples, ready to be used, and what a report says about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..engine.cache import ByteBoundedCache
from ..models.checkpoint import file_sha256
from ..recipe import Recipe
from ..request import FewShotTask
from ..result import SegmentationResult
from .fit import FitReport
from .learner import Scores, StoredModel
from .model_file import read_description
from .result_files import expected_dice, filled_values, known_values, volume_ml

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
    numbered
        Structures that got a number because nothing says what value they had in the examples.
    """

    task: FewShotTask
    model: StoredModel
    values: Mapping[str, int]
    report: FitReport | None = None
    recipe: Recipe | None = None
    numbered: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, task: FewShotTask, known: Mapping[str, int], report: FitReport | None = None, recipe: Recipe | None = None
    ) -> Learned:
        """Return what the support model of a task says, with the `known` values in label maps.

        Raises
        ------
        InvalidSupportModel
            The file cannot be read.
        InvalidRequest
            A value is given for a structure that it does not know, or for two of them.
        """
        model = read_description(task.support_model)
        if not task.sha256:  # so that the file cannot change between one image and the next
            task = replace(task, sha256=file_sha256(task.support_model, ByteBoundedCache(_HASHES)))
        sure = known_values(model.labels, known)
        numbered = tuple(label for label in model.labels if label not in sure)
        return cls(task, model, filled_values(model.labels, sure), report, recipe, numbered)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What learning has to say."""
        return self.report.warnings if self.report else ()

    def number_warnings(self) -> tuple[str, ...]:
        """Say which values a label map has where those of the examples are not known."""
        if not self.numbered:
            return ()
        chosen = ",".join(f"{label}={value}" for label, value in self.values.items())
        return (f"A support model does not keep the values of label maps; these are used: --labels {chosen}.",)

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


def scores_text(scores: Scores) -> str:
    """Return the scores of every structure in words, such as `liver 0.91 0.93, spleen 0.88 0.90`."""
    return ", ".join(f"{label} {' '.join(f'{value:.2f}' for value in values)}" for label, values in scores.items())


def means_text(means: Mapping[str, float]) -> str:
    """Return one score each in words, such as `liver 0.91, spleen 0.88`."""
    return scores_text({name: (mean,) for name, mean in means.items()})
