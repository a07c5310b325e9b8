"""Tasks for networks that segment by examples: one structure on several pictures, as registered examples show it.

What is drawn is bent anew for each member, what is real is another person, another slice, or the same one once more.
Half of the tasks show all members alike, as examples are after they were registered; the others show them as they are
where registration has failed: elsewhere, turned, larger or smaller, some mirrored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidDataset
from .augmentation import degraded, relit, windowed
from .example import MOST_TRIES, BoolArray, Float32, is_usable
from .labelled import LabelledSource
from .superpixels import SuperpixelSource
from .synthetic.anatomy import draw_template
from .synthetic.appearance import draw_contrast, scanned, shadow
from .synthetic.canvas import Template
from .synthetic.fields import displacement
from .synthetic.targets import draw_target
from .synthetic.warp import taken
from .views import Picture, View, seen

MEMBERS = 6
"""Pictures of a task: any of them is asked about, and any others are its examples."""

SHARES = (0.25, 0.6)
"""How long a structure is in its pictures, as a share of their side: drawn evenly on a logarithmic scale."""

_CANVAS = 200
"""Side of the canvas that a body is painted on [pixels]."""

_SMALLEST, _LARGEST = 8, 0.6
"""A painted structure is longer than so many pixels, and fills no more than this share of its canvas."""

_SEEN_THROUGH = 0.12
"""Share of the painted tasks that show another body behind each, as radiographs do."""

_WINDOWED = 0.4
"""Share of the real tasks whose window suits the structure."""

_ALIKE_DEGRADED = 0.7
"""Share of the tasks all of whose members have the same artefacts."""

_ALIKE = 0.5
"""Share of the tasks whose members are seen alike, as registered examples are."""

_ANYHOW = 0.12
"""Share of the others whose members are turned by more, and mirrored each by itself."""

_TRIES = 20
"""Structures of one body until another is drawn."""

_VIEW_TRIES = 4

Members = list[tuple[Float32, BoolArray]]


@dataclass(frozen=True, eq=False)
class ContextTask:
    """One structure on several pictures.

    Parameters
    ----------
    images
        (members, size, size) float32 from 0 to 1.
    masks
        (members, size, size) bool, none of them empty.
    """

    images: Float32
    masks: BoolArray


class TaskSource(Protocol):
    """Where tasks come from."""

    def draw(self, size: int, chance: np.random.Generator) -> Members | None:
        """Return image and mask (size, size) of each member, or None if these cannot be seen."""
        ...


@dataclass(frozen=True, eq=False)
class TaskAsker:
    """Draws tasks of a source.

    Parameters
    ----------
    source
        Where they come from.
    size
        Side of their pictures [pixels].
    """

    source: TaskSource
    size: int

    def ask(self, chance: np.random.Generator) -> ContextTask:
        """Return a task that depends on `chance` alone.

        Raises
        ------
        InvalidDataset
            Nothing can be seen.
        """
        for _ in range(MOST_TRIES):
            members = self.source.draw(self.size, chance)
            if members is not None:
                return _lit(members, chance)
        message = "Nothing can be seen on the images."
        raise InvalidDataset(message, "Look whether the images are blank.")


@dataclass(frozen=True, eq=False)
class TaskPose:
    """How the members of a task are seen.

    Parameters
    ----------
    angle, mirrors
        Of all: turn [radians], and from what each takes its mirror: 1, -1 or both.
    turned, stretched, sheared, grown
        Deviations of members: of the turn [radians], and of the logarithms of their scales, shear and size.
    moved
        Deviation of the place, as a share of the structure.
    anywhere
        Deviation of the place, as a share of the room that the structure leaves.
    bent
        Deviation of the bend, as a share of a side.
    share, offset
        How long the structure is, as a share of the side, and where in the remaining room (row, column), -1 to 1.
    """

    angle: float
    mirrors: tuple[int, ...]
    turned: float
    stretched: float
    sheared: float
    grown: float
    moved: float
    anywhere: float
    bent: float
    share: float
    offset: NDArray[np.float64]

    @classmethod
    def draw(cls, chance: np.random.Generator) -> TaskPose:
        """Draw one."""
        is_alike, is_anyhow = chance.random() < _ALIKE, chance.random() < _ANYHOW
        mirror = int(chance.choice([-1, 1]))
        turned = float(chance.uniform(0, 0.05) if is_alike else 0.35 if is_anyhow else chance.uniform(0.02, 0.2))
        return cls(
            angle=float(chance.normal(0, 0.15) if chance.random() < 0.6 else chance.uniform(0, 2 * np.pi)),
            mirrors=(-1, 1) if is_anyhow and not is_alike else (mirror,),
            turned=turned,
            stretched=0.04 if is_alike else 0.08,
            sheared=0.03 if is_alike else 0.07,
            grown=0.05 if is_alike else 0.15,
            moved=0.03 if is_alike else 0.0,
            anywhere=0.0 if is_alike else 0.25,
            bent=float(chance.uniform(0, 0.06)),
            share=float(np.exp(chance.uniform(*np.log(SHARES)))),
            offset=chance.normal(0, 0.2, 2).clip(-0.7, 0.7) if is_alike else np.zeros(2),
        )

    def turn(self, chance: np.random.Generator) -> Float32:
        """Return the matrix (2, 2) of one member."""
        angle = self.angle + chance.normal(0, self.turned)
        cosine, sine = np.cos(angle), np.sin(angle)
        shear = np.array([[1, chance.normal(0, self.sheared)], [0, 1]])
        scale = np.diag(np.exp(chance.normal(0, self.stretched, 2)) * [1, chance.choice(self.mirrors)])
        return np.asarray(np.array([[cosine, -sine], [sine, cosine]]) @ shear @ scale, dtype=np.float32)

    def frame(
        self, low: NDArray[np.float64], high: NDArray[np.float64], size: int, chance: np.random.Generator
    ) -> tuple[NDArray[np.float64], float]:
        """Return the middle (row, column) of a member's view of a box, and the distance of its pixels."""
        length = float((high - low).max()) + 1
        step = length / (np.clip(self.share * np.exp(chance.normal(0, self.grown)), 0.15, 0.75) * size)
        room = max(size * step - length, 0) / 2
        place = (self.offset + chance.normal(0, self.anywhere, 2)).clip(-0.8, 0.8) * room
        return (low + high) / 2 + place + chance.normal(0, self.moved, 2) * length, float(step)

    def bend(self, size: int, chance: np.random.Generator) -> Float32:
        """Return the displacement (2, size, size) of a member's pixels [pixels]."""
        return displacement(size, size / chance.uniform(2, 6), abs(chance.normal(0, self.bent)) * size, chance)


class PaintedTasks:
    """Bodies that are bent and painted anew for each member.

    Parameters
    ----------
    templates
        Bodies that are shown; without any they are drawn.
    """

    def __init__(self, templates: Sequence[Template] = ()) -> None:
        self._templates = tuple(templates)

    def draw(self, size: int, chance: np.random.Generator) -> Members | None:
        """See `TaskSource`."""
        if self._templates:
            template = self._templates[int(chance.integers(len(self._templates)))]
        else:
            template = draw_template(_CANVAS, chance)
        areas = np.bincount(template.labels.ravel(), minlength=2)
        visible = np.flatnonzero(areas >= 40)
        visible = visible[visible > 0]
        for _ in range(_TRIES if len(visible) else 0):
            target = draw_target(template, visible, chance)
            whole = target.mask(template.labels)
            if whole.any() and whole.mean() <= _LARGEST and (_box(whole)[1] - _box(whole)[0]).max() >= _SMALLEST:
                members = _painted(template, target.mask, size, chance)
                if members is not None:
                    return members
        return None


def _painted(
    template: Template,
    mask_of: Callable[[NDArray[np.uint8]], BoolArray],
    size: int,
    chance: np.random.Generator,
) -> Members | None:
    pose, contrast = TaskPose.draw(chance), draw_contrast(template, chance)
    low, high = _box(mask_of(template.labels))
    places = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
    grid = np.stack(np.broadcast_arrays(places[:, None], places[None])).reshape(2, -1)
    is_seen_through = chance.random() < _SEEN_THROUGH
    members: Members = []
    for _ in range(MEMBERS):
        middle, step = pose.frame(low, high, size, chance)
        turned = (pose.turn(chance) @ grid).reshape(2, size, size) + pose.bend(size, chance)
        labels = taken(template.labels, middle[:, None, None].astype(np.float32) + np.float32(step) * turned)
        mask = mask_of(labels)
        if not is_usable(mask):
            return None
        behind = shadow(draw_template(size, chance), chance) if is_seen_through else None
        members.append((scanned(labels, contrast.jittered(chance), chance, behind), mask))
    return members


class RegionTasks:
    """A region of a picture that looks alike, again and again on the same picture.

    Parameters
    ----------
    source
        Draws pictures with regions.
    """

    def __init__(self, source: SuperpixelSource) -> None:
        self._source = source

    def draw(self, size: int, chance: np.random.Generator) -> Members | None:
        """See `TaskSource`."""
        drawn = self._source.draw_region(chance)
        return None if drawn is None else _viewed([drawn] * MEMBERS, size, chance)


class LabelledTasks:
    """A labelled structure on pictures of several people, as far as there are several.

    Parameters
    ----------
    source
        Draws labelled slices.
    """

    def __init__(self, source: LabelledSource) -> None:
        self._source = source

    def draw(self, size: int, chance: np.random.Generator) -> Members | None:
        """See `TaskSource`."""
        return _viewed(self._source.draw_slices(MEMBERS, chance), size, chance)


def _viewed(slices: Sequence[tuple[Picture, BoolArray]], size: int, chance: np.random.Generator) -> Members | None:
    pose, members = TaskPose.draw(chance), list[tuple[Float32, BoolArray]]()
    for picture, mask in slices:
        view = _view(picture, mask, pose, size, chance)
        if view is None:
            return None
        members.append(view)
    if chance.random() < _WINDOWED:
        seed = int(chance.integers(1 << 30))
        members = [(windowed(image, mask, np.random.default_rng(seed)), mask) for image, mask in members]
    return members


def _view(
    picture: Picture, mask: BoolArray, pose: TaskPose, size: int, chance: np.random.Generator
) -> tuple[Float32, BoolArray] | None:
    spacing = np.array(picture.spacing)
    low, high = (end * spacing for end in _box(mask))
    for _ in range(_VIEW_TRIES):
        middle, step = pose.frame(low, high, size, chance)
        places, steps = middle / spacing, max(step, float(spacing.min()) / 5) / spacing
        view = View(
            (float(places[0]), float(places[1])),
            (float(steps[0]), float(steps[1])),
            pose.turn(chance),
            pose.bend(size, chance),
        )
        grey, inside = seen(picture.image, mask, view)
        if is_usable(inside) and np.ptp(grey) > 0:
            return grey, inside
    return None


def _box(mask: BoolArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return first and last (row, column) of a mask that is not empty."""
    places = np.argwhere(mask).astype(np.float64)
    return places.min(axis=0), places.max(axis=0)


def _lit(members: Members, chance: np.random.Generator) -> ContextTask:
    """Return a task whose pictures were made by one scanner, or nearly."""
    light, damage = (int(seed) for seed in chance.integers(1 << 30, size=2))
    is_alike = chance.random() < _ALIKE_DEGRADED
    images = []
    for image, _ in members:
        damaged = degraded(image, np.random.default_rng(damage) if is_alike else chance)
        shown = relit(damaged, np.random.default_rng(light))
        images.append(np.clip(shown, 0, 1) ** np.float32(np.exp(chance.normal(0, 0.12))))
    return ContextTask(np.stack(images).astype(np.float32), np.stack([mask for _, mask in members]))
