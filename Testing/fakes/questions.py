"""A protocol whose questions are numbers, methods that answer them, and a run of both as a program of its own."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

TESTING = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[:0] = [str(TESTING), str(TESTING.parent / "MedSegAI")]

from MedSegAICore.engine.run import Run  # noqa: E402
from MedSegAICore.errors import InvalidImage  # noqa: E402
from MedSegAICore.evaluation.records import RecordFile  # noqa: E402
from MedSegAICore.evaluation.runner import run_evaluation  # noqa: E402
from MedSegAICore.evaluation.work import CaseRecord, Quantity, WorkItem  # noqa: E402

SCORE = Quantity("dice", "Dice", "", True, "2 |A and B| / (|A| + |B|)", failure_value=0.0)
DISTANCE = Quantity("hd95", "HD95", "mm", False, "95th percentile")
SETTINGS = {"protocol": "numbers", "seed": 0, "methods": ["exact", "late"], "datasets": ["drawn"]}


@dataclass(frozen=True)
class Numbers:
    """Asks for numbers: the nearer, the better."""

    count: int = 6
    name: str = "numbers"

    def quantities(self):
        return (SCORE, DISTANCE)

    def items(self):
        return [WorkItem("drawn", f"s{number // 2}", "left" if number % 2 else "right") for number in range(self.count)]

    def evaluate(self, item, method, run: Run):
        run.step(0.5, "asking")
        if item.subject == "unreadable":
            message = "There is no image."
            raise InvalidImage(message)
        wanted = len(item.label) + int(item.subject[1:])
        off = abs(method(wanted) - wanted)
        return {"dice": 1 / (1 + off), "hd95": float(off)}

    def failed_values(self, item):
        assert item in self.items()
        return {"dice": 0.0, "hd95": 100.0}


def exact(wanted):
    return wanted


def late(wanted):
    time.sleep(0.03)
    return wanted + 1


def refuses_five(wanted):
    if wanted == 5:
        message = "no answer to five\nsecond line"
        raise ArithmeticError(message)
    return wanted + 0.5


def a_record(subject="s0", label="liver", method="m", dice=0.9, failure="", **fields) -> CaseRecord:
    values = {"dice": dice, "hd95": 10 * (1 - dice)} | fields.pop("values", {})
    return CaseRecord(WorkItem("drawn", subject, label, fields.pop("variant", "")), method, values, 1.0, 100.0, failure)


if __name__ == "__main__":
    run_evaluation(Numbers(40), {"exact": exact, "late": late}, RecordFile(Path(sys.argv[1]), SETTINGS), Run())
