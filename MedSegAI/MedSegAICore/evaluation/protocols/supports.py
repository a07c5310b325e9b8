"""Who serves as an example: drawn by seed, from people other than the query's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from ...errors import InvalidRequest
from ...support import Support
from ...volume import ImageVolume, VolumePatch
from ..datasets.dataset import Case, Dataset
from ..datasets.split import drawn_order
from .fitting import fitted

LARGEST_MOVE = 1 / 6
"""How far `unmatched` moves an example at most, as a share of its rows or columns."""


def support_cases(
    dataset: Dataset, label: str, query_subject: str, count: int, seed: int, candidates: Collection[str] = ()
) -> tuple[Case, ...]:
    """Return the images of `count` people that show a structure, one of each, never of the query's person.

    The draw for few is the beginning of the draw for more, and it is the same for all queries but for the query's
    own person, who is passed over.

    Parameters
    ----------
    dataset
        Where examples come from.
    label
        The structure.
    query_subject
        Whose image is asked about.
    count
        Number of examples, which is the number of people.
    seed
        Draws them.
    candidates
        Who may serve; empty stands for everyone.

    Raises
    ------
    InvalidRequest
        There are not enough other people whose images show the structure.
    """
    images: dict[str, dict[str, Case]] = {}
    for case in dataset.cases:
        allowed = case.subject != query_subject and (not candidates or case.subject in candidates)
        if allowed and label in case.present_labels:
            images.setdefault(case.subject, {})[case.name] = case
    chosen = drawn_order(images, seed, label)[:count]
    if len(chosen) < count:
        message = f"The set '{dataset.name}' shows '{label}' in {len(chosen)} people other than '{query_subject}'."
        raise InvalidRequest(message, f"Choose fewer than {count} examples; each is of another person.")
    return tuple(images[subject][drawn_order(images[subject], seed, subject)[0]] for subject in chosen)


def support_from(case: Case, label: str) -> Support:
    """Return an image with one structure as an example, its axes (k, j, i) towards (superior, posterior, left)."""
    image = case.image()
    # on the image's own grid: of two grids that differ by rounding, each could have its own canonical view
    mask = VolumePatch.whole(case.mask(label).array, image.geometry)
    return Support(image.canonical(), mask.canonical(), " ".join(part for part in (case.subject, case.name) if part))


def slice_of(support: Support, index: int) -> Support:
    """Return slice `index` (k) of an example as an example."""
    grid = support.image.geometry.crop((index, 0, 0), (1, *support.image.geometry.shape[1:]))
    image = ImageVolume(support.image.array[index : index + 1], grid)
    mask = VolumePatch.whole(support.mask.full()[index : index + 1], grid)
    return Support(image, mask, f"{support.name} slice {index}")


def deranged(supports: Sequence[Support], seed: int) -> tuple[Support, ...]:
    """Return the examples with their masks exchanged so that none keeps its own.

    What a method loses by it is what it took from the masks' match with the images. A mask that comes from an image
    of another size is stretched to the new one.

    Raises
    ------
    InvalidRequest
        There are fewer than two examples.
    """
    if len(supports) < 2:
        message = "One example cannot exchange its mask with another."
        raise InvalidRequest(message, "Choose at least two examples.")
    places = {str(number): number for number in range(len(supports))}
    ring = [places[name] for name in drawn_order(places, seed, "derangement")]
    exchanged = list(supports)
    for place, donor in zip(ring, [*ring[1:], ring[0]], strict=True):  # a ring has no fixed point
        geometry = supports[place].image.geometry
        mask = fitted(supports[donor].mask.full(), geometry.shape)
        name = f"{supports[place].name} with the mask of {supports[donor].name}"
        exchanged[place] = replace(supports[place], mask=VolumePatch.whole(mask, geometry), name=name)
    return tuple(exchanged)


def unmatched(supports: Sequence[Support], seed: int) -> tuple[Support, ...]:
    """Return the examples mirrored and moved within their slices, image and mask together.

    What a method loses by it is what it took from where the masks are: they still match their images, but lie where
    the query's structure does not.
    """
    return tuple(_elsewhere(support, np.random.default_rng((seed, number))) for number, support in enumerate(supports))


def _elsewhere(support: Support, draw: np.random.Generator) -> Support:
    flipped = ((1,), (2,), (1, 2))[int(draw.integers(3))]
    image, mask = (np.flip(array, flipped) for array in (support.image.array, support.mask.full()))
    for axis in (1, 2):
        used = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        length = mask.shape[axis]
        most = int(LARGEST_MOVE * length)
        steps = int(draw.integers(max(-most, -int(used[0])), min(most, length - 1 - int(used[-1])) + 1))
        image, mask = (np.roll(array, steps, axis) for array in (image, mask))
        emptied = [slice(None)] * 3
        emptied[axis] = slice(0, steps) if steps >= 0 else slice(length + steps, length)
        image[tuple(emptied)] = support.image.array.min()
    geometry = support.image.geometry
    name = f"{support.name}, mirrored and moved".lstrip(", ")
    return Support(ImageVolume(image, geometry), VolumePatch.whole(mask, geometry), name)
