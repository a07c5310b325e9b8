"""Measure how soon the default model of in-context tasks answers about one slice, and what the hurry costs.

    python Testing/Benchmarks/slice_seconds.py mr_hippocampus --people 2

Each slice is asked about twice, with nothing kept from before: as it is done, and with examples that are registered
to each other as for a volume. Both in one run, in turn; time is that of the processor on one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk
import torch
from accepted_slices import COMMITTED_SEED, people_of
from MedSegAICore.engine.cache import GIBIBYTE, ByteBoundedCache
from MedSegAICore.engine.run import Run
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.fewshot.registered.learner import RegisteredLearner
from MedSegAICore.fewshot.registered.registrations import Registrations
from MedSegAICore.incontext import learned
from MedSegAICore.incontext.context_example import ContextExample
from MedSegAICore.incontext.question import Question
from MedSegAICore.prompts import SlicePlane
from MedSegAICore.request import SliceScope

TEACHERS, PLACES, FEWEST_PIXELS = 2, (0.35, 0.5, 0.65), 50


class PatientModel(learned.LearnedModel):
    """Takes the time that a volume takes also for a slice."""

    def _models(self, question, teachers, run, *, in_a_hurry=False):  # noqa: ARG002  it never is
        return super()._models(question, teachers, run)


def asked(kind: type[learned.LearnedModel], query: Example, contexts: Sequence[ContextExample], place: int):
    """Return the seconds of the processor, and the Dice of every structure that the slice shows."""
    cache = ByteBoundedCache(GIBIBYTE)
    model = kind("", RegisteredLearner("registered", registrations=Registrations(cache)), cache)
    scope = SliceScope(SlicePlane.of_slice(query.image.geometry, 0, place))
    began = time.process_time()
    answer = model.answer(Question(query.image, tuple(contexts), tuple(query.masks), "", scope), Run())
    seconds, scores = time.process_time() - began, []
    for label, patch in answer.probabilities.items():
        one, other = patch.full()[place] >= 0.5, query.masks[label].full()[place]
        if np.count_nonzero(other) >= FEWEST_PIXELS:
            scores.append(float(2 * (one & other).sum() / (one.sum() + other.sum())))
    return seconds, scores


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--labels", nargs="+", default=[], help="structures (all)")
    parser.add_argument("--people", type=int, default=2)
    parser.add_argument("--seed", type=int, default=COMMITTED_SEED)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    people = people_of(chosen.dataset, chosen.labels, chosen.people, chosen.seed)
    contexts = [ContextExample(teacher) for teacher in people[:TEACHERS]]
    hurried, patient, usual = [], [], learned.TEACHERS_OF_ONE
    for query in people[TEACHERS:]:
        for share in PLACES:
            place = int(share * query.image.geometry.shape[0])
            hurried.append(asked(learned.LearnedModel, query, contexts, place))
            learned.TEACHERS_OF_ONE = learned.MOST_TEACHERS
            patient.append(asked(PatientModel, query, contexts, place))
            learned.TEACHERS_OF_ONE = usual
            print(query.name, place, hurried[-1], patient[-1], flush=True)
    for name, found in (("as it is", hurried), ("as for a volume", patient)):
        seconds, scores = [one[0] for one in found], [score for one in found for score in one[1]]
        print(f"{name}: {np.mean(seconds):.1f} s, Dice {np.mean(scores):.3f}, n = {len(scores)}")
    print(f"ratio of times {sum(one[0] for one in patient) / sum(one[0] for one in hurried):.1f}")


if __name__ == "__main__":
    main()
