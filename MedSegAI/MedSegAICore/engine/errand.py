"""One function run in a process of its own: what needs torch, takes seconds or may crash, apart from the engine.

The application starts it as `python -c START PACKAGES MODULE:FUNCTION ARGUMENTS`, with the arguments as a JSON
object, and reads one JSON object from its standard output.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib import import_module
from typing import Any

from ..errors import EngineFault, MedSegAIError, error_from_message, error_to_message
from .child import take_pipes

START = (
    "import sys; sys.path[0] = sys.argv[1]; from MedSegAICore.engine.errand import main; main(sys.argv[2], sys.argv[3])"
)
"""What the interpreter runs; the first entry of its path would otherwise be the current folder."""


def main(function: str, arguments: str) -> None:
    """Call `module:function` with the JSON object `arguments` and write what it returns, or its error."""
    _, output = take_pipes()  # before anything else is imported: libraries print
    with os.fdopen(output, "w", encoding="utf-8") as answer:
        json.dump(run_errand(function, json.loads(arguments)), answer)


def run_errand(function: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return `{"result": ...}` of `module:function`, or `{"error": ...}` as plain text fields."""
    module, _, name = function.partition(":")
    try:
        return {"result": getattr(import_module(module), name)(**arguments)}
    except MedSegAIError as error:
        return {"error": error_to_message(error)}
    except Exception as error:  # noqa: BLE001  whatever goes wrong has to be told; the log keeps the trace
        traceback.print_exc(file=sys.stderr)
        return {"error": error_to_message(error)}


def read_answer(data: bytes) -> Any:
    """Return what the function has returned.

    Raises
    ------
    MedSegAIError
        What the function has raised, or `EngineFault` if the process has not answered.
    """
    try:
        answer = json.loads(data)
    except ValueError as error:
        message = "A helper process has ended without an answer."
        raise EngineFault(message) from error
    if "error" in answer:
        raise error_from_message(answer["error"])
    return answer["result"]
