"""One try at a case, with whatever happens as plain data that travels between computers."""

from __future__ import annotations

from dataclasses import dataclass

from ..engine.engine import Engine
from ..engine.run import Run
from ..errors import Cancelled, InvalidManifest, MedSegAIError, NoRoom, WeightsAltered, error_to_message
from ..evaluation.runner import NOT_READY
from .case_inputs import without_names
from .case_record import CaseRecord
from .case_work import CaseJob, do_case

ENDS_THE_RUN = (*NOT_READY, InvalidManifest, NoRoom, WeightsAltered)
"""What is not the fault of a case: every other one would meet it too."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of one try.

    Parameters
    ----------
    job
        What was tried.
    record
        Provenance of the results; None if there are none.
    error
        Why there are none, as `error_to_message` gives it.
    ends_the_run
        Whether the others need not be tried.
    is_final
        Whether the case need not be tried again.
    """

    job: CaseJob
    record: CaseRecord | None = None
    error: dict[str, str] | None = None
    ends_the_run: bool = False
    is_final: bool = False


def attempt(job: CaseJob, engine: Engine, run: Run) -> Outcome:
    """Try a case; raise nothing but `Cancelled`."""
    try:
        return Outcome(job, do_case(job, engine, run))
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001  the next case may well go
        return Outcome(job, error=_in_words(error, job), ends_the_run=isinstance(error, ENDS_THE_RUN))


def failed(job: CaseJob, error: MedSegAIError, *, ends_the_run: bool = False) -> Outcome:
    """Return the outcome of a case that is not tried again."""
    return Outcome(job, error=_in_words(error, job), ends_the_run=ends_the_run, is_final=True)


def _in_words(error: Exception, job: CaseJob) -> dict[str, str]:
    """Return an error as plain data that does not name the files of the case, which may bear names of people."""
    return {name: without_names(text, job.case) for name, text in error_to_message(error).items()}
