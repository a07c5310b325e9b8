"""Picture of what networks are trained on, to be looked at before any training.

PYTHONPATH=MedSegAI python Testing/Benchmarks/training_picture.py synthetic examples.png
PYTHONPATH=MedSegAI python Testing/Benchmarks/training_picture.py ct examples.png --data-folder ../shared/data

Forty examples with the border of the mask (green), box (yellow), and what first prompts and one correction of the
empty result or of the filled box say is inside (blue) and outside (red).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args

import numpy as np
import SimpleITK as sitk
from MedSegAICore.prompt.network_question import maps_in_view
from MedSegAICore.prompt.prompt_maps import PromptMaps
from MedSegAICore.prompt.slice_view import SliceView
from MedSegAICore.training.augmentation import spread
from MedSegAICore.training.chance import step_generator
from MedSegAICore.training.example import Example, ExampleSource
from MedSegAICore.training.labelled import LabelledSource
from MedSegAICore.training.simulated_prompts import first_prompts, next_prompts
from MedSegAICore.training.superpixels import SuperpixelSource, read_pictures
from MedSegAICore.training.synthetic.source import SyntheticSource
from MedSegAICore.training.training_sets import Group
from numpy.typing import NDArray
from scipy import ndimage

ROWS, COLUMNS = 5, 8


def main() -> None:
    asked = _parser().parse_args()
    source = _source(asked.source, asked.data_folder)
    tiles = []
    for number in range(ROWS * COLUMNS):
        chance = step_generator(asked.seed, number)
        example = source.draw(asked.size, chance)
        whole = SliceView((0, 0), (asked.size, asked.size))
        first = maps_in_view(first_prompts(example.mask, chance), whole, asked.size)
        tiles.append(_tile(example, next_prompts(first, example.mask, first.box > 0, chance)))
    rows = [np.concatenate(tiles[start : start + COLUMNS], axis=1) for start in range(0, len(tiles), COLUMNS)]
    picture = np.repeat(np.repeat(np.concatenate(rows), asked.zoom, 0), asked.zoom, 1)
    sitk.WriteImage(sitk.GetImageFromArray(picture, isVector=True), str(asked.picture))


def _source(name: str, data_folder: Path) -> ExampleSource:
    if name == "synthetic":
        return SyntheticSource()
    if name == "superpixels":
        return SuperpixelSource(read_pictures(get_args(Group), data_folder))
    group: Any = name
    return LabelledSource(group, data_folder)


def _tile(example: Example, prompts: PromptMaps) -> NDArray[np.uint8]:
    """Return the plain picture above the one with mask and prompts."""
    plain = np.repeat(spread(example.image)[..., None], 3, axis=2)
    drawn = plain.copy()
    drawn[example.mask & ~ndimage.binary_erosion(example.mask)] = (0, 0.8, 0)
    box = prompts.box > 0
    drawn[box & ~ndimage.binary_erosion(box)] = (1, 1, 0)
    drawn[prompts.positive > 0] = (0.2, 0.5, 1)
    drawn[prompts.negative > 0] = (1, 0.1, 0.1)
    tile = np.concatenate([plain, drawn])
    tile[-1] = tile[:, -1] = 0.3
    return np.rint(tile * 255).astype(np.uint8)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", choices=("synthetic", "superpixels", *get_args(Group)))
    parser.add_argument("picture", type=Path, help="PNG file to write")
    parser.add_argument("--data-folder", type=Path, default=Path(), help="folder that holds the labelled sets")
    parser.add_argument("--size", type=int, default=128, help="side of the examples [pixels]")
    parser.add_argument("--zoom", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    return parser


if __name__ == "__main__":
    main()
