"""What a run over a cohort is told, as plain values: the words of the command line, and of the panel in Slicer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..command_line import parts
from ..errors import InvalidRequest
from ..label_files import wanted_labels
from ..models import catalogue
from ..models.prompt_default import AUTO, named_prompt_model
from ..request import DiffusionTask, FewShotTask, PromptTask
from .cluster import LocalPlan, RemotePlan
from .cohort import Cohort
from .cohort_recipe import CohortRecipe, read_cohort_recipe, recipe_of_task
from .manifest import PROMPT_COLUMNS, Case, cases_in, read_manifest

GIBIBYTE = 1 << 30


@dataclass(frozen=True)
class CohortOptions:
    """The options of a run; each has the meaning of the command's option of its name.

    Parameters
    ----------
    output
        Receives the results.
    table, images, pattern, prompts
        Which images: a table, or a folder with patterns of images and prompts.
    recipe, model_file, model, labels
        What is done with each: a recipe, a support model, or the name of a model for prompts.
    formats, device, weights
        Lists that commas separate, and where networks run.
    retry, verify
        What is looked at again.
    workers, memory
        Processes of this computer, and the memory of each [GiB].
    scheduler, certificates
        Address of a scheduler that is there already, and the folder with its certificates.
    """

    output: Path
    table: Path | None = None
    images: Path | None = None
    pattern: str = "{image}.nii.gz"
    prompts: str = ""
    recipe: Path | None = None
    model_file: Path | None = None
    model: str = AUTO
    labels: str = ""
    formats: str = "seg.nrrd"
    device: str = "auto"
    weights: str = ""
    retry: bool = False
    verify: bool = False
    workers: int = 1
    memory: float = 0.0
    scheduler: str = ""
    certificates: Path | None = None

    def plan(self) -> LocalPlan | RemotePlan | None:
        """Return who works; None for this process alone."""
        if self.workers < 1 or self.memory < 0:
            message = f"{self.workers} workers with {self.memory:g} GiB each cannot work."
            raise InvalidRequest(message, "Give at least one worker, and a memory of 0 (an equal share) or more.")
        if self.scheduler:
            return RemotePlan(self.scheduler, self.certificates)
        if self.workers == 1 and not self.memory:
            return None
        return LocalPlan(self.workers, int(self.memory * GIBIBYTE))

    def cohort(self) -> Cohort:
        """Return the cohort that the options describe; raise `InvalidManifest` or `InvalidRequest` if they cannot."""
        return Cohort(
            self._cases(),
            self._recipe(),
            self.output,
            tuple(dict.fromkeys(parts(self.formats))),
            self.device,
            {name: Path(file) for name, file in _pairs(self.weights, "weights").items()},
            self.retry,
            self.verify,
        )

    def _cases(self) -> tuple[Case, ...]:
        if bool(self.table) == bool(self.images):
            message = "It is not clear which images to segment."
            raise InvalidRequest(message, "Give either --table or --images.")
        if self.table:
            return read_manifest(self.table)
        prompts = _pairs(self.prompts, "prompts")
        if strange := [name for name in prompts if name not in PROMPT_COLUMNS]:
            message = f"There are no prompts of the kind '{strange[0]}'."
            raise InvalidRequest(message, f"Choose from: {', '.join(PROMPT_COLUMNS)}.")
        return cases_in(self.images or Path(), self.pattern, prompts)

    def _recipe(self) -> CohortRecipe:
        if self.recipe and (self.model_file or self.labels):
            message = "A recipe holds support model and labels itself."
            raise InvalidRequest(message, "Leave --modelFile and --labels out, or --recipe.")
        if self.recipe:
            return read_cohort_recipe(self.recipe)
        wanted = wanted_labels(self.labels)
        if self.model_file:
            labels = {name: value for name, value in wanted.items() if value is not None}
            return recipe_of_task(FewShotTask(self.model_file.absolute()), labels)
        labels = {name: value or 1 for name, value in wanted.items()}
        model = named_prompt_model(self.model)
        spec = catalogue.load_catalogue().get(model)
        draws = spec is not None and spec.paradigm == "diffusion"
        return recipe_of_task(DiffusionTask((), model) if draws else PromptTask((), model), labels)


def _pairs(text: str, what: str) -> dict[str, str]:
    """Return the parts of `a=b,c=d`."""
    found = dict(part.partition("=")[::2] for part in parts(text))
    if not all(found) or not all(found.values()):
        message = f"The {what} '{text}' cannot be read."
        raise InvalidRequest(message, "Write them as name=value, separated by commas.")
    return found
