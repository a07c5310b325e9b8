"""Measure how much the adaptive model's accuracy hangs on its settings: each one halved and doubled.

    python Testing/Benchmarks/sensitivity_table.py
    python Testing/Benchmarks/sensitivity_table.py --settings inclination trust --structures hippocampus

Prompts are placed as in the accuracy table. A single mean swings by about .02, since one different click
changes all that follow; what counts is a setting whose halves and doubles both fall behind by more.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "MedSegAI"), str(ROOT / "Testing")]

from Benchmarks.accuracy_sets import Structure, others, promised  # noqa: E402  after the path
from Benchmarks.accuracy_table import CLICKS, DATA, Row, adaptive, markdown, score  # noqa: E402
from MedSegAICore.prompt.adaptive.settings import AdaptiveSettings  # noqa: E402

SHOWN = (0, 5, 10)

SETTINGS = (
    "rounds",
    "growth_blocks",
    "farthest_odds",
    "enclosure_odds",
    "inclination",
    "lesson",
    "trust",
    "contrast",
    "reach_across_mm",
    "reach_in_plane_mm",
    "reach_click_mm",
    "lowest_reach_odds",
    "click_odds",
    "depth_share",
    "touched_depths",
    "far_confidence",
    "click_inside",
    "click_outside",
    "background_share",
    "appearance.largest",
    "appearance.sharpness",
    "appearance.ridge",
)
"""The main settings."""

STRUCTURES = (
    "ct_abdomen_volume aorta",
    "ct_abdomen_volume left kidney",
    "mr_abdomen_t2 subject33 left kidney",
    "mr_abdomen_t2 subject38 right kidney",
    "mr_hippocampus 003 hippocampus",
    "mr_lesions breast1 lesion",
    "mr_spinal_cord T2* cord",
)
"""Structures that take seconds each, of many kinds."""


def variants(names: Sequence[str]) -> Iterator[tuple[str, AdaptiveSettings]]:
    """Return the settings as they are, then each with one of them halved and doubled."""
    standard = AdaptiveSettings()
    yield "as they are", standard
    for name in names:
        for factor in (0.5, 2.0):
            value, changed = _scaled(standard, name, factor)
            yield f"{name} {value:g}", changed


def _scaled(settings: AdaptiveSettings, name: str, factor: float) -> tuple[float, AdaptiveSettings]:
    group, _, inner = name.rpartition(".")
    owner = getattr(settings, group) if group else settings
    before = getattr(owner, inner)
    value = type(before)(before * factor)
    changed = replace(owner, **{inner: value})
    return value, replace(settings, **{group: changed}) if group else changed


def row_of(name: str, settings: AdaptiveSettings, structures: Sequence[Structure], seed: int | None) -> Row:
    """Return a variant's mean Dice after the box, five and ten clicks."""
    scores = [score(one, "adaptive", adaptive(settings), CLICKS, seed) for one in structures]
    row = (name, *(f"{mean(one.after(clicks) for one in scores):.3f}" for clicks in SHOWN))
    print("  ".join(row), file=sys.stderr)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", nargs="+", default=SETTINGS, help="settings to change")
    parser.add_argument("--structures", nargs="+", default=STRUCTURES, help="names of structures, or parts of them")
    parser.add_argument("--seed", type=int, help="draw among equally deep places; the middle one without it")
    arguments = parser.parse_args()
    found = [
        one for one in chain(promised(DATA), others(DATA)) if any(part in one.name for part in arguments.structures)
    ]
    if not found:
        parser.error("No structure has such a name.")
    rows = [row_of(name, settings, found, arguments.seed) for name, settings in variants(arguments.settings)]
    print(f"mean Dice of {len(found)} structures: {', '.join(one.name for one in found)}\n")
    print(markdown([("setting", "box", "5 clicks", "10 clicks"), *rows]))


if __name__ == "__main__":
    main()
