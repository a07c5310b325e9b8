"""The default way to learn from examples: registration gives a prior, a voxel classifier decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...engine.cache import ByteBoundedCache
from ...engine.device import DevicePlan
from ...engine.run import Run
from ...errors import InvalidSupportModel
from ...models.catalogue import ModelSpec
from ...volume import ImageVolume
from ..examples import Example
from ..learner import Answer, Scores, StoredModel
from .adaptation import classified_knowing
from .fitting import fitted, fitted_apart
from .known_slices import KnownSlice
from .lessons import LessonTable
from .quality import reverse_dice
from .query import classified, patches_of, register_query
from .registrations import Registrations
from .slice_lessons import slice_tables
from .slice_opinions import PLANE, SliceLook, with_opinions
from .stored import described, support_model, tensors_of
from .support_model import SupportModel

REGISTERING = 0.8
"""Share of the time for registration."""

ASKING = 0.8
"""Share of the time for the answer, where its quality must be estimated afterwards."""


def build(spec: ModelSpec, weights: Path | None, plan: DevicePlan, cache: ByteBoundedCache) -> RegisteredLearner:  # noqa: ARG001  every learner is built like this
    """Return the learner of a catalogue entry; it needs no weights and no device."""
    return RegisteredLearner(spec.name, registrations=Registrations(cache))


@dataclass(frozen=True)
class RegisteredLearner:
    """Learns from registered examples; see `fitted`.

    Parameters
    ----------
    name
        Its name in the catalogue.
    weights_hash, device
        Of what looks: sha256 of its weights, "" if nothing does, and where it runs, in words.
    registrations
        What was registered before.
    look
        Is asked about what was found on slices; None asks nobody.
    """

    name: str
    weights_hash: str = ""
    device: str = "cpu, float32"
    registrations: Registrations = field(default_factory=Registrations)
    look: SliceLook | None = None

    def fit(self, examples: Sequence[Example], run: Run, seed: int = 0) -> RegisteredModel:
        """Learn the structures that all examples show."""
        found = fitted(examples, run, seed, self.registrations)
        return self._model(found.model, found.scores, found.tables, seed)

    def fit_apart(self, examples: Sequence[Example], run: Run, seed: int = 0) -> RegisteredModel:
        """Learn as `fit` does, sooner and a little less; see `fitted_apart`."""
        found = fitted_apart(examples, run, seed)
        return self._model(found.model, {}, found.tables, seed, tells_quality=False)

    def restore(self, stored: StoredModel) -> RegisteredModel:
        """Return the model that was stored."""
        model = support_model(stored)
        if not model.classifiers:
            message = "The support model has no classifier."
            raise InvalidSupportModel(message)
        return self._model(model, stored.leave_one_out)

    def _model(
        self,
        model: SupportModel,
        scores: Scores,
        tables: tuple[LessonTable, ...] = (),
        seed: int = 0,
        *,
        tells_quality: bool = True,
    ) -> RegisteredModel:
        return RegisteredModel(
            model, scores, self.name, self.registrations, tables, seed, tells_quality, self.weights_hash, self.look
        )


@dataclass(frozen=True, eq=False)
class RegisteredModel:
    """What registered examples have taught.

    Parameters
    ----------
    model
        What a query needs.
    leave_one_out
        How well each example is segmented by what the others teach, without a second opinion.
    name, weights_hash, registrations, look
        Of the learner.
    tables, seed
        What was learned from, and the seed of that.
    tells_quality
        Whether a single example is asked back how good the answer is.
    """

    model: SupportModel
    leave_one_out: Scores = field(default_factory=dict)
    name: str = ""
    registrations: Registrations = field(default_factory=Registrations)
    tables: tuple[LessonTable, ...] = ()
    seed: int = 0
    tells_quality: bool = True
    weights_hash: str = ""
    look: SliceLook | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the names of the structures."""
        return self.model.labels

    @property
    def warnings(self) -> tuple[str, ...]:
        """Say which structures are too small."""
        return self.model.warnings

    @property
    def size_bytes(self) -> int:
        """Memory that it takes [bytes]."""
        learned = sum(table.features.nbytes + table.prior.nbytes for table in self.tables)
        return learned + sum(tensor.nbytes for tensor in tensors_of(self.model).values())

    def segment(
        self, query: ImageVolume, run: Run, known: Sequence[KnownSlice] = (), slices: Sequence[Example] = ()
    ) -> Answer:
        """Segment an image; with a single example, also ask back what the answer would teach about that example.

        That is left out where nobody wants to know the quality. Slices of the image itself on which the structures are
        known, and slices of other images, are learned from besides the examples.
        """
        asks_back = self.tells_quality and not self.leave_one_out
        asked = run.part(0.0, ASKING) if asks_back else run
        registered = register_query(self.model, query, asked.part(0.0, REGISTERING), self.registrations, known)
        deciding = asked.part(REGISTERING, 1.0)
        more = slice_tables(slices, self.model, self.tables, self.seed, deciding)
        if known or more:
            tables = [*self.tables, *more]
            probabilities = classified_knowing(self.model, registered, known, tables, self.seed, deciding)
        else:
            probabilities = classified(self.model, registered, deciding)
        if self.look is not None and registered.fine.GetDimension() == PLANE:
            probabilities = with_opinions(registered, self.model.scans, probabilities, self.look, deciding)
        quality: Mapping[str, float] = {}
        if asks_back:
            quality = reverse_dice(self.model, registered, probabilities, run.part(ASKING, 1.0))
        return Answer(patches_of(self.labels, registered, probabilities, run), quality)

    def stored(self) -> StoredModel:
        """Return the model as a file keeps it."""
        return StoredModel(
            self.name, self.weights_hash, self.labels, self.leave_one_out, described(self.model), tensors_of(self.model)
        )
