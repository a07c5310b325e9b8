"""Segment a sample, or an image of the user's: `python -m MedSegAICore.demo --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..engine.engine import Engine
from ..errors import InvalidRequest, MedSegAIError
from ..images import read_image
from ..models.prompt_default import default_prompt_model
from ..prompts import BoxPrompt, PointPrompt, Prompt
from ..recipe import Recipe, recipes_to_json
from ..request import PromptTask
from ..segmentation_file import RECIPE_TAG, NamedMask, tag_text, write_segmentation
from .job import Scan, Segmented, labelled, samples, segment_by_hand, segment_by_rule
from .table import Row, markdown, row_of, write_csv


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="dev.py demo", description="Segment a sample, or an image of yours.")
    parser.add_argument("--image", type=Path, help="volume to segment (.nii.gz, .nrrd, ...); default: drawn CT and MR")
    parser.add_argument("--labels", type=Path, help="its true label map: places the prompts and gives the scores")
    parser.add_argument("--point", type=float, nargs=3, action="append", default=[], metavar=("R", "A", "S"),
                        help="a position inside the structure [mm]; can be repeated")  # fmt: skip
    parser.add_argument("--outside", type=float, nargs=3, action="append", default=[], metavar=("R", "A", "S"),
                        help="a position outside the structure [mm]; can be repeated")  # fmt: skip
    parser.add_argument("--box", type=float, nargs=6, metavar=("R", "A", "S", "R2", "A2", "S2"),
                        help="two opposite corners of a box around the structure [mm]")  # fmt: skip
    parser.add_argument("--recipe", type=Path, help="prompts and settings that an earlier run wrote")
    parser.add_argument("--output", type=Path, default=Path("output"), help="folder for the results")
    parser.add_argument("--model", default=default_prompt_model(), help="name in the catalogue of models")
    parser.add_argument("--weights", type=Path, help="checkpoint of the model, where it needs one")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--clicks", type=int, default=5, help="clicks per structure after the box")
    parser.add_argument("--seed", type=int, default=0, help="draws another sample")
    return parser.parse_args(arguments)


def scans_of(options: argparse.Namespace) -> Iterator[Scan]:
    """Yield what is to be segmented, one scan at a time.

    Raises
    ------
    InvalidRequest
        The options do not say what to segment.
    """
    by_hand = bool(options.point or options.box or options.recipe)
    if options.image is None:
        if options.labels or by_hand:
            message = "Labels and prompts need an image."
            raise InvalidRequest(message, "Add --image FILE.")
        yield from samples(options.seed)
        return
    name = options.image.name.partition(".")[0]
    image = read_image(options.image)
    if options.labels is not None:
        yield labelled(name, image, read_image(options.labels))
    elif by_hand:
        yield Scan(name, image, {})
    else:
        message = "The image comes without prompts."
        advice = "Add --point R A S, --box R A S R2 A2 S2 (in mm), --recipe FILE, or --labels FILE."
        raise InvalidRequest(message, advice)


def task_of(options: argparse.Namespace) -> PromptTask:
    """Return the task that the user's prompts describe."""
    if options.recipe is not None:
        task = Recipe.from_json(options.recipe.read_text(encoding="utf-8")).task
        if not isinstance(task, PromptTask):
            message = "The recipe is not one of prompts."
            raise InvalidRequest(message, "Choose a recipe that the demo or AI Prompt has written.")
        return task
    prompts: list[Prompt] = [PointPrompt(np.array(position)) for position in options.point]
    prompts += [PointPrompt(np.array(position), positive=False) for position in options.outside]
    if options.box is not None:
        prompts.append(BoxPrompt.from_corners(options.box[:3], options.box[3:]))
    return PromptTask(tuple(prompts), model=options.model)


def segment(engine: Engine, scan: Scan, options: argparse.Namespace) -> list[Segmented]:
    """Segment one scan; say what comes out while it goes on."""
    if scan.structures:
        answers = segment_by_rule(engine, scan, options.model, options.clicks)
    else:
        answers = iter([segment_by_hand(engine, scan, task_of(options))])
    done = []
    for one in answers:
        score = f"Dice {one.dice[-1]:.3f} after {len(one.dice) - 1} clicks, " if one.dice else ""
        print(f"  {scan.name}: {one.name}: {score}{sum(one.seconds):.1f} s", flush=True)
        for warning in one.result.warnings:
            print(f"    {warning}", flush=True)
        done.append(one)
    return done


def save(folder: Path, scan: Scan, segments: Sequence[Segmented]) -> None:
    """Write the segments of one scan, and the recipe of each."""
    masks = []
    for one in segments:
        recipe = one.recipe.to_json()
        (folder / f"{scan.name}_{one.name.replace(' ', '_')}.recipe.json").write_text(recipe, encoding="utf-8")
        tags = {RECIPE_TAG: tag_text(recipes_to_json([one.recipe]))}
        masks.append(NamedMask(one.name, one.result.mask, one.color, tags))
    write_segmentation(folder / f"{scan.name}.seg.nrrd", masks)


def save_summary(folder: Path, done: Sequence[tuple[Scan, Sequence[Segmented]]]) -> None:
    """Write the table and, where matplotlib is installed, the picture."""
    rows: list[Row] = [row_of(scan.name, one) for scan, segments in done for one in segments]
    (folder / "table.md").write_text(markdown(rows), encoding="utf-8")
    write_csv(folder / "table.csv", rows)
    print(f"\n{markdown(rows)}")
    try:
        from .picture import draw  # matplotlib is no part of the product
    except ImportError:
        print("No picture: the package matplotlib is not installed.")
        return
    draw(folder / "segments.png", done)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return its exit status."""
    options = options_of(arguments)
    try:
        engine = Engine(options.device, {options.model: options.weights} if options.weights else None)
        done = []
        for scan in scans_of(options):
            options.output.mkdir(parents=True, exist_ok=True)
            done.append((scan, segment(engine, scan, options)))
            save(options.output, *done[-1])
        save_summary(options.output, done)
    except (MedSegAIError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The results are in {options.output.resolve()}. Not a medical device.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
