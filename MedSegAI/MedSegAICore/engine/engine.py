"""The one way from a request to a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import (
    InvalidRequest,
    LicenceNotAccepted,
    OutOfDeviceMemory,
    PackageMissing,
    UnknownModel,
    UnsupportedPrompt,
    WeightsMissing,
)
from ..prompts import BoxPrompt, LassoPrompt, MaskPrompt, PointPrompt, Prompt, ScribblePrompt
from ..request import DiffusionTask, InContextTask, PromptTask, SegmentationRequest, Task
from ..result import SegmentationResult
from .cache import GIBIBYTE, ByteBoundedCache
from .loaded_models import LoadedModels, file_state
from .memory import is_out_of_memory
from .run import CancelToken, PreviewCallback, ProgressCallback, Run
from .threads import one_linear_algebra_thread

if TYPE_CHECKING:
    from ..fewshot.fit import FitReport, FitRequest
    from ..models.catalogue import ModelSpec
    from .device import DevicePlan

PARADIGMS = {
    "prompt": "MedSegAICore.prompt.paradigm:segment_prompts",
    "fewshot": "MedSegAICore.fewshot.paradigm:segment_few_shot",
    "incontext": "MedSegAICore.incontext.paradigm:segment_in_context",
    "diffusion": "MedSegAICore.diffusion.paradigm:segment_by_diffusion",
}
"""What runs a model of each paradigm, as `module:function`; imported when first used."""

WITH_OWN_TASKS = ("fewshot", "incontext", "diffusion")
"""Paradigms with tasks of their own; models of all others are asked by a `PromptTask`."""

PREDICT_SECONDS = "MedSegAICore.diffusion.paradigm:seconds_for"

LEARN = "MedSegAICore.fewshot.paradigm:learn"
LEARN_BEST = "MedSegAICore.fewshot.selection:learn_best"

NO_CANDIDATES = ("part of prototypes", "medsegai_prompt", "medsegai_context")
"""Families of few-shot models that are no candidates for the best one: parts of another one, and those that tell of
their examples exactly what another one does."""

PROMPT_KIND: dict[type[Prompt], str] = {
    PointPrompt: "point",
    BoxPrompt: "box",
    ScribblePrompt: "scribble",
    LassoPrompt: "lasso",
    MaskPrompt: "mask",
}


class Engine:
    """Runs requests: finds the model, keeps it loaded, caches embeddings, chooses the device.

    One run at a time. Equal requests give equal results, bit for bit, with the same versions and threads.

    Parameters
    ----------
    device
        "auto", "cpu", "cuda", "cuda:1", "mps"...
    weights
        Checkpoint file by model name; models that are not named look in the weights folders.
    cache_bytes
        Memory for embeddings [bytes].
    catalogue
        The models by name; None takes the project's catalogue.
    """

    def __init__(
        self,
        device: str = "auto",
        weights: Mapping[str, Path] | None = None,
        cache_bytes: int = GIBIBYTE,
        catalogue: Mapping[str, ModelSpec] | None = None,
    ) -> None:
        self._device = device
        self._weights = {name: Path(path) for name, path in (weights or {}).items()}
        self._cache = ByteBoundedCache(cache_bytes)
        self._catalogue = catalogue
        self._loaded = LoadedModels()
        self._moved_to_cpu: set[str] = set()

    def models(self) -> dict[str, ModelSpec]:
        """Return the models that requests can name."""
        if self._catalogue is None:
            from ..models.catalogue import load_catalogue  # reads files: only when a model is first asked for

            self._catalogue = load_catalogue()
        return dict(self._catalogue)

    def segment(
        self,
        request: SegmentationRequest,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
        preview: PreviewCallback | None = None,
    ) -> SegmentationResult:
        """Return the answer to `request`.

        Parameters
        ----------
        request
            The image and the task.
        progress
            Called with a fraction [0, 1] and a few words.
        cancel
            Stops the run at its next step.
        preview
            Called while a `DiffusionTask` runs with what makes a preview of its masks: their mean as it is expected.

        Raises
        ------
        UnknownModel, UnsupportedPrompt
            The model is not in the catalogue, or cannot use one of the prompts.
        LicenceNotAccepted
            The licence of the model's weights must be accepted first.
        WeightsMissing, WeightsCorrupt, WeightsMismatch, PackageMissing, DeviceUnavailable
            The model cannot be loaded.
        OutOfDeviceMemory
            The processor's memory is too small as well.
        Cancelled
            `cancel` was set.
        MedSegAIError
            Any other named error about the image, the prompts or the settings.
        """
        run = Run.of(progress, cancel, preview)
        spec = self._spec_of_task(request.task)
        run.check()
        segment = _load(PARADIGMS[spec.paradigm], spec.name)
        result: SegmentationResult = self._run(spec, lambda segmenter: segment(request, segmenter, run))
        return replace(result, warnings=(*result.warnings, *self._warnings(spec)))

    def fit(
        self, request: FitRequest, progress: ProgressCallback | None = None, cancel: CancelToken | None = None
    ) -> FitReport:
        """Learn from labelled examples what a `FewShotTask` segments, and keep it in a file.

        Parameters
        ----------
        request
            The examples, the model and the file.
        progress, cancel
            As for `segment`.

        Raises
        ------
        InvalidSupport, InvalidImage
            The examples cannot be used; the message names the one.
        InvalidRequest
            The file cannot be written.
        UnknownModel, WeightsMissing, PackageMissing, OutOfDeviceMemory, Cancelled...
            As for `segment`. An older file is still there then.
        """
        from ..fewshot.fit import BEST

        run = Run.of(progress, cancel)
        if request.model == BEST:
            learn_best: Callable[..., FitReport] = _load(LEARN_BEST, BEST)
            best = learn_best(request, self._ready_learners(), run)
            return replace(best, warnings=(*best.warnings, *self._warnings(self.models()[best.model])))
        spec = self._spec(request.model, "fewshot")
        learn = _load(LEARN, spec.name)
        report: FitReport = self._run(spec, lambda learner: learn(request, learner, run))
        return replace(report, warnings=(*report.warnings, *self._warnings(spec)))

    def predicted_seconds(self, request: SegmentationRequest, cancel: CancelToken | None = None) -> float:
        """Return how long a `DiffusionTask` will take [s], from one pass of the network.

        Raises
        ------
        InvalidRequest
            The task is another one, whose time is not known before.
        UnknownModel, WeightsMissing, NoPositivePrompt...
            As for `segment`.
        """
        if not isinstance(request.task, DiffusionTask):
            message = "How long this takes is not known before."
            raise InvalidRequest(message, "Ask for the time of a DiffusionTask.")
        spec, run = self._spec_of_task(request.task), Run.of(None, cancel)
        predict: Callable[..., float] = _load(PREDICT_SECONDS, spec.name)
        seconds: float = self._run(spec, lambda model: predict(request, model, run))
        return seconds

    @property
    def cached_bytes(self) -> int:
        """Memory that embeddings take now [bytes]."""
        return self._cache.size_bytes

    @property
    def loaded_models(self) -> tuple[str, ...]:
        """Names of the models that are ready to run, the last used one last."""
        return self._loaded.names

    def load(self, model: str) -> None:
        """Make a model for prompts ready ahead of its first request, which then takes no longer than later ones.

        Raises
        ------
        UnknownModel
            It is not in the catalogue, or not for prompts.
        LicenceNotAccepted, WeightsMissing, PackageMissing, OutOfDeviceMemory...
            It cannot be loaded, as for `segment`.
        """
        self._run(self._spec(model), lambda loaded: loaded)

    def unload(self, model: str | None = None) -> None:
        """Forget one loaded model, or all of them with every cached embedding."""
        if model is not None:
            self._loaded.drop(model)
            return
        self._loaded.clear()
        self._moved_to_cpu.clear()
        self._cache.clear()

    def weights_file(self, model: str) -> Path | None:
        """Return the checkpoint file that a model of the catalogue uses; None for one without weights.

        Raises
        ------
        LicenceNotAccepted
            The licence of its weights must be accepted first.
        WeightsMissing
            None was named, and none is in the weights folders.
        WeightsAltered
            The one in the weights folder was swapped since it was verified.
        """
        spec = self.models()[model]
        if spec.weights is None:
            return None
        from ..models.licences import check_licence
        from ..models.store.trust import trusted_weights

        check_licence(spec)
        return self._weights[model] if model in self._weights else trusted_weights(spec)

    def _spec_of_task(self, task: Task) -> ModelSpec:
        if isinstance(task, PromptTask | DiffusionTask):
            spec = self._spec(task.model, "diffusion" if isinstance(task, DiffusionTask) else "")
            _check_kinds(task.prompts, spec)
            return spec
        if isinstance(task, InContextTask):
            return self._spec(task.model, "incontext")
        return self._spec(task.model or _method_of(task.support_model), "fewshot")

    def _spec(self, name: str, paradigm: str = "") -> ModelSpec:
        """Return a model of a paradigm with tasks of its own, or of any other."""
        models = {
            model: spec
            for model, spec in self.models().items()
            if (spec.paradigm if spec.paradigm in WITH_OWN_TASKS else "") == paradigm
        }
        if name not in models:
            message = f"There is no model '{name}' for this task."
            raise UnknownModel(message, f"Choose one of: {', '.join(sorted(models))}.")
        return models[name]

    def _ready_learners(self) -> dict[str, Callable[[Callable[[Any], Any]], Any]]:
        """Return every few-shot model that has its weights, as a function that runs something with its learner.

        Models that are told apart from another one by nothing that examples show are no candidates.
        """
        ready: dict[str, Callable[[Callable[[Any], Any]], Any]] = {}
        for name, spec in self.models().items():
            if spec.paradigm == "fewshot" and spec.family not in NO_CANDIDATES and self._has_weights(spec):
                ready[name] = partial(self._run, spec)
        return ready

    def _has_weights(self, spec: ModelSpec) -> bool:
        try:
            self.weights_file(spec.name)
        except (WeightsMissing, LicenceNotAccepted):
            return False
        return True

    def _run(self, spec: ModelSpec, work: Callable[[Any], Any]) -> Any:
        """Return what `work` makes of the model's segmenter.

        If the device is too small, it is tried once more without the other models there, then on the processor.
        """
        try:
            return self._run_once(spec, work)
        except OutOfDeviceMemory:
            device = self._plan(spec).device
            if device == "cpu":
                raise
        # outside the handler: the error's traceback would keep what fills the device alive
        if self._loaded.drop_others(spec.name, device):
            with suppress(OutOfDeviceMemory):
                return self._run_once(spec, work)
        self._move_to_cpu(spec)
        return self._run_once(spec, work)

    def _run_once(self, spec: ModelSpec, work: Callable[[Any], Any]) -> Any:
        # a network needs its threads, which on some computers are those of the linear algebra
        threads = one_linear_algebra_thread if spec.weights is None else nullcontext
        try:
            segmenter = self._segmenter(spec)
            with threads():
                return work(segmenter)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            message = "The computer ran out of memory."
            raise OutOfDeviceMemory(message) from error

    def _warnings(self, spec: ModelSpec) -> tuple[str, ...]:
        """Return what the user should know of how the model was loaded, and of where it ran."""
        loading: tuple[str, ...] = self._loaded.warnings(spec.name)
        moved = "The device ran out of memory, so this ran on the processor, which is slower."
        return (*loading, moved) if spec.name in self._moved_to_cpu else loading

    def _segmenter(self, spec: ModelSpec) -> Any:
        if spec.weights is not None:
            from ..models.licences import check_licence

            check_licence(spec)  # also of a loaded model: what was accepted can be withdrawn
        files = self._files(spec)
        states = tuple(file_state(file) for file in files)
        segmenter = self._loaded.get(spec.name, states)
        if segmenter is None:
            build, plan = _load(spec.entry, spec.name), self._plan(spec)
            self._loaded.make_room(plan.device, sum(file.stat().st_size for file in files if file.is_file()))
            segmenter = build(spec, files[0] if files else None, plan, self._cache, *files[1:])
            self._loaded.keep(spec.name, segmenter, plan.device, states)
        return segmenter

    def _files(self, spec: ModelSpec) -> list[Path]:
        """Return the checkpoint of a model, if it has one, and that of the model that it is added to."""
        names = (spec.name, spec.base) if spec.base else (spec.name,)
        return [file for file in map(self.weights_file, names) if file is not None]

    def _plan(self, spec: ModelSpec) -> DevicePlan:
        from .device import DevicePlan, plan_device

        if spec.weights is None:  # no network: torch need not even be installed
            return DevicePlan("cpu", "float32", "The model has no network.")
        return plan_device("cpu" if spec.name in self._moved_to_cpu else self._device)

    def _move_to_cpu(self, spec: ModelSpec) -> None:
        self._loaded.drop(spec.name)
        self._cache.clear()  # its embeddings lie on the device that is full
        self._moved_to_cpu.add(spec.name)


def _check_kinds(prompts: tuple[Prompt, ...], spec: ModelSpec) -> None:
    """Raise `UnsupportedPrompt` if the model cannot use one of the prompts."""
    for prompt in prompts:
        kind = PROMPT_KIND[type(prompt)]
        if kind not in spec.capabilities.prompts:
            message = f"The model '{spec.name}' cannot use a {kind}."
            advice = f"Choose another model, or prompt it with: {', '.join(sorted(spec.capabilities.prompts))}."
            raise UnsupportedPrompt(message, advice)


def _method_of(file: Path) -> str:
    """Return the model that has learned a support model."""
    read: Callable[[Path], Any] = _load("MedSegAICore.fewshot.model_file:read_description", "few-shot")
    return str(read(file).method)


def _load(entry: str, model: str) -> Callable[..., Any]:
    """Import `module:function`."""
    module, _, function = entry.partition(":")
    try:
        loaded: Callable[..., Any] = getattr(import_module(module), function)
    except ImportError as error:
        message = f"The model '{model}' needs a Python package that cannot be loaded ({error})."
        raise PackageMissing(message) from error
    return loaded
