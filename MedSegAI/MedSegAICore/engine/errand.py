"""One function run in a process of its own: what needs torch, takes seconds or may crash, apart from the engine.

The application starts it as `python -c START PACKAGES MODULE:FUNCTION ARGUMENTS`, with the arguments as a JSON
object, and reads JSON objects from its standard output, one a line: progress, and at last the answer. It closes the
standard input to cancel; that also happens when the application ends in whatever way.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import IO, Any

from ..errors import EngineFault, MedSegAIError, error_from_message, error_to_message
from .child import take_pipes
from .run import CancelToken, ProgressCallback, Run

START = (
    "import sys; sys.path[0] = sys.argv[1]; from MedSegAICore.engine.errand import main; main(sys.argv[2], sys.argv[3])"
)
"""What the interpreter runs; the first entry of its path would otherwise be the current folder."""

TELL_INTERVAL = 0.1
"""How often progress is told at most [s]."""


def main(function: str, arguments: str) -> None:
    """Call `module:function` with the JSON object `arguments` and write what it returns, or its error."""
    orders, output = take_pipes()  # before anything else is imported: libraries print
    with os.fdopen(output, "w", encoding="utf-8") as answers:
        run = Run(_teller(answers), _cancelled_at_end_of(orders))
        _tell(answers, run_errand(function, json.loads(arguments), run))


def run_errand(function: str, arguments: dict[str, Any], run: Run | None = None) -> dict[str, Any]:
    """Return `{"result": ...}` of `module:function`, or `{"error": ...}` as plain text fields.

    A function that has a parameter `run` is given the one that tells progress and hears of a cancel.
    """
    module, _, name = function.partition(":")
    try:
        call: Callable[..., Any] = getattr(import_module(module), name)
        more = {"run": run or Run()} if "run" in inspect.signature(call).parameters else {}
        return {"result": call(**arguments, **more)}
    except MedSegAIError as error:
        return {"error": error_to_message(error)}
    except Exception as error:  # noqa: BLE001  whatever goes wrong has to be told; the log keeps the trace
        traceback.print_exc(file=sys.stderr)
        return {"error": error_to_message(error)}


def read_progress(line: bytes) -> tuple[float, str] | None:
    """Return the fraction [0, 1] and the words that a line tells; None if it is something else."""
    try:
        fraction, words = json.loads(line)["progress"]
        return float(fraction), str(words)
    except (ValueError, KeyError, TypeError):
        return None


def read_answer(data: bytes) -> Any:
    """Return what the function has returned, from the last line that its process has written.

    Raises
    ------
    MedSegAIError
        What the function has raised, or `EngineFault` if the process has not answered.
    """
    try:
        answer = json.loads(data.splitlines()[-1])
    except (ValueError, IndexError) as error:
        raise _unanswered() from error
    if "error" in answer:
        raise error_from_message(answer["error"])
    if "result" not in answer:
        raise _unanswered()
    return answer["result"]


def _unanswered() -> EngineFault:
    return EngineFault("A helper process has ended without an answer.")


def _teller(answers: IO[str]) -> ProgressCallback:
    told = [-TELL_INTERVAL]

    def tell(fraction: float, words: str) -> None:
        now = time.monotonic()
        if now - told[0] >= TELL_INTERVAL:
            told[0] = now
            _tell(answers, {"progress": [fraction, words]})

    return tell


def _tell(answers: IO[str], values: dict[str, Any]) -> None:
    answers.write(f"{json.dumps(values)}\n")
    answers.flush()


def _cancelled_at_end_of(orders: int) -> CancelToken:
    cancel = CancelToken()

    def listen() -> None:
        while os.read(orders, 1):
            pass
        cancel.cancel()

    threading.Thread(target=listen, daemon=True).start()
    return cancel
