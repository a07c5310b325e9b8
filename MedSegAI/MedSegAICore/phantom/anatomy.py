"""What lies where in the abdomen, varied by a seed.

Positions are RAS in mm with the origin in front of the spine, at the height of the kidneys' upper halves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .shapes import Capsule, Ellipsoid, Joined, Shape, Waves, tube

LABELS = {
    1: "liver",
    2: "spleen",
    3: "right kidney",
    4: "left kidney",
    5: "aorta",
    6: "inferior vena cava",
    7: "stomach",
}
LIVER, SPLEEN, RIGHT_KIDNEY, LEFT_KIDNEY, AORTA, CAVA, STOMACH = LABELS
UNLABELLED = 0


@dataclass(frozen=True, eq=False)
class Layer:
    """What a solid is made of from `depth_mm` [mm] below its surface inwards.

    Parameters
    ----------
    tissue
        Name of the tissue.
    label
        Label of those voxels; None keeps the label of what is painted over.
    depth_mm
        Where the layer begins, counted inwards from the surface [mm].
    """

    tissue: str
    label: int | None = UNLABELLED
    depth_mm: float = 0.0


@dataclass(frozen=True, eq=False)
class Structure:
    """A solid and its layers, outermost first; it covers what was painted before."""

    shape: Shape
    layers: tuple[Layer, ...]


def abdomen(seed: int) -> Iterator[Structure]:
    """Yield the structures of one abdomen in the order of painting."""
    rng = np.random.default_rng(seed)
    body = Ellipsoid((0, 4, 0), (163, 115, 2000), exponent=2.3, waves=Waves.random(rng, 5, 240))
    wall = (Layer("skin"), Layer("fat", depth_mm=2), Layer("muscle", depth_mm=17), Layer("fat", depth_mm=29))
    yield Structure(body, wall)
    cavity = Ellipsoid((0, 4, 0), (133, 85, 2000), exponent=2.3, waves=body.waves)
    yield from _back(rng)
    for side in (1, -1):
        lung = Ellipsoid((side * 72, -8, 128), (58, 66, 72), waves=Waves.random(rng, 3, 120))
        yield Structure(Joined((lung,), 1, inside=cavity), (Layer("muscle"), Layer("lung", depth_mm=2)))
    yield from _ribs(rng)
    yield from _bowel(rng, cavity)
    yield from _stomach(rng, cavity)
    yield from _spleen(rng, cavity)
    yield from _liver(rng, cavity)
    yield from _kidneys(rng)
    yield from _pancreas(rng)
    yield from _great_vessels(rng)


def _jitter(rng: np.random.Generator, place: tuple[float, float, float], by_mm: float = 4.0) -> NDArray[np.float64]:
    return np.asarray(place, dtype=np.float64) + rng.uniform(-by_mm, by_mm, size=3)


def _bones(shapes: list[Shape], cortex_mm: float) -> Iterator[Structure]:
    """Yield cortex first and marrow after it, so that bones that touch share their marrow."""
    yield from (Structure(shape, (Layer("cortex"),)) for shape in shapes)
    yield from (Structure(shape, (Layer("marrow", depth_mm=cortex_mm),)) for shape in shapes)


def _back(rng: np.random.Generator) -> Iterator[Structure]:
    """Spine and the muscles along it."""
    for side in (1, -1):
        erector = Ellipsoid((side * 32, -76, 0), (30, 18, 2000), waves=Waves.random(rng, 2, 90))
        psoas = Ellipsoid((side * 42, -48, -95), (19, 19, 78), (0, side * 8, 0), waves=Waves.random(rng, 2, 80))
        yield from (Structure(muscle, (Layer("muscle"),)) for muscle in (erector, psoas))
    heights = np.arange(-140, 141, 33) + rng.uniform(-6, 6)
    for height in heights:
        disc = Ellipsoid((0, -52, height + 16.5), (23, 18, 6), exponent=4)
        yield Structure(disc, (Layer("disc"),))
    bones: list[Shape] = []
    for height in heights:
        bones.append(Ellipsoid((0, -52, height), (24, 19, 13), exponent=4))
        bones.append(Ellipsoid((0, -92, height - 8), (4, 12, 9), (12, 0, 0)))
        for side in (1, -1):
            bones.append(Capsule((side * 10, -68, height), (side * 15, -84, height), 6, 6))
            bones.append(Capsule((side * 15, -84, height), (0, -92, height - 4), 6, 5))
            bones.append(Capsule((side * 15, -84, height), (side * 42, -86, height + 3), 6, 4))
    yield from _bones(bones, 2.0)
    canal = Ellipsoid((0, -79, 0), (9, 8, 2000))
    yield Structure(canal, (Layer("fluid"), Layer("nerve", depth_mm=3)))


def _ribs(rng: np.random.Generator) -> Iterator[Structure]:
    """Rods that leave the spine, follow the body wall and descend to the front."""
    ribs: list[Shape] = []
    angles = np.radians(np.linspace(-68, 62, 14))
    for number, height in enumerate(np.arange(-40, 150, 27) + rng.uniform(-5, 5)):
        reach = angles[: 8 + 2 * number]  # the lower ones end at the side
        for side in (1, -1):
            descent = 46 * (reach - reach[0]) / (angles[-1] - angles[0])
            path = np.stack([side * 140 * np.cos(reach), 5 + 90 * np.sin(reach), height - descent], axis=1)
            ribs.extend(tube(path, 5.5))
    yield from _bones(ribs, 2.2)


def _bowel(rng: np.random.Generator, cavity: Shape) -> Iterator[Structure]:
    """Loops below the stomach, some with gas: nothing to segment, much to confuse."""
    for _ in range(26):
        place = (rng.uniform(-95, 95), rng.uniform(-5, 62), rng.uniform(-115, -30))
        turns = (float(rng.uniform(-40, 40)), float(rng.uniform(-40, 40)), float(rng.uniform(0, 180)))
        loop = Ellipsoid(place, (rng.uniform(18, 34), 12, 13), turns, waves=Waves.random(rng, 4, 45))
        inner = Layer("gas" if rng.uniform() < 0.25 else "bowel content", depth_mm=3)
        yield Structure(Joined((loop,), 1, inside=cavity), (Layer("bowel wall"), inner))


def _stomach(rng: np.random.Generator, cavity: Shape) -> Iterator[Structure]:
    fundus = Ellipsoid(_jitter(rng, (-62, 10, 58)), (38, 36, 34), waves=Waves.random(rng, 4, 70))
    middle = Ellipsoid(_jitter(rng, (-48, 42, 22)), (32, 26, 38), (20, 20, 0), waves=Waves.random(rng, 4, 70))
    outlet = Ellipsoid(_jitter(rng, (-8, 50, -8)), (38, 18, 19), waves=Waves.random(rng, 3, 60))
    whole = Joined((fundus, middle, outlet), 16, inside=cavity)
    yield Structure(whole, (Layer("stomach wall", STOMACH), Layer("stomach content", STOMACH, 4)))
    bubble = Ellipsoid(_jitter(rng, (-58, 33, 44), 2), (22, 10, 24), (20, 10, 0))  # gas rises to the front
    yield Structure(bubble, (Layer("gas", STOMACH),))


def _spleen(rng: np.random.Generator, cavity: Shape) -> Iterator[Structure]:
    body = Ellipsoid(_jitter(rng, (-101, -34, 42)), (25, 48, 50), (14, 0, -30), waves=Waves.random(rng, 6, 90))
    yield Structure(Joined((body,), 1, inside=cavity), (Layer("spleen", SPLEEN),))


def _kidneys(rng: np.random.Generator) -> Iterator[Structure]:
    for side, height, label in ((1, -38, RIGHT_KIDNEY), (-1, -26, LEFT_KIDNEY)):
        place = _jitter(rng, (side * 64, -42, height), 3)
        capsule = Ellipsoid(place, (31, 32, 58), (-8, side * 9, side * 28), waves=Waves.random(rng, 4, 75))
        # its own fat keeps it apart from its neighbours
        layers = (Layer("fat"), Layer("renal cortex", label, 5), Layer("renal medulla", label, 13))
        yield Structure(capsule, layers)
        hilum = place + np.array((-side * 20, 6, 0))
        sinus = Ellipsoid(hilum, (17, 10, 21), (0, 0, side * 28), waves=Waves.random(rng, 3, 40))
        yield Structure(sinus, (Layer("fat"), Layer("fluid", depth_mm=7)))


def _liver(rng: np.random.Generator, cavity: Shape) -> Iterator[Structure]:
    right = Ellipsoid(_jitter(rng, (74, 4, 26)), (58, 76, 72), (0, 18, 0), waves=Waves.random(rng, 12, 110))
    left = Ellipsoid(_jitter(rng, (4, 48, 38)), (66, 30, 32), (0, 8, -14), waves=Waves.random(rng, 6, 90))
    yield Structure(Joined((right, left), 22, inside=cavity), (Layer("liver", LIVER),))
    gallbladder = Ellipsoid(_jitter(rng, (52, 44, -34)), (15, 17, 27), (30, 0, 0), waves=Waves.random(rng, 2, 50))
    yield Structure(gallbladder, (Layer("bowel wall"), Layer("bile", depth_mm=1.5)))
    hilum = np.array((38.0, 8.0, 8.0))
    branches = ((88, 0, 18), (70, 30, 38), (10, 38, 40), (75, -28, 40))
    for tip in branches:
        bend = (hilum + tip) / 2 + rng.uniform(-8, 8, size=3)
        path = _curve(np.stack([hilum, bend, _jitter(rng, tip, 6)]), 7)
        for rod in tube(path, np.linspace(5.5, 2.5, 7)):
            yield Structure(rod, (Layer("portal vein", None),))


def _pancreas(rng: np.random.Generator) -> Iterator[Structure]:
    path = _curve(np.stack([_jitter(rng, place) for place in ((34, 12, -22), (-6, 10, 4), (-66, -18, 24))]), 10)
    for rod in tube(path, np.linspace(11, 7, 10)):
        yield Structure(rod, (Layer("pancreas"),))


def _great_vessels(rng: np.random.Generator) -> Iterator[Structure]:
    """Aorta and inferior vena cava in front of the spine, from top to bottom."""
    courses = (
        (((-16, -20, 150), (-8, -20, 0), (-4, -18, -150)), (12.5, 10.5, 9.0), "arterial blood", AORTA),
        (((26, 2, 150), (22, -14, 20), (20, -18, -150)), (13.0, 12.0, 10.5), "venous blood", CAVA),
    )
    for path, radii, blood, label in courses:
        points = _curve(np.stack([_jitter(rng, place, 3) for place in path]), 15)
        widths = np.interp(np.linspace(0, 2, 15), (0, 1, 2), radii) + rng.uniform(-0.4, 0.4, size=15)
        for rod in tube(points, widths):
            yield Structure(rod, (Layer(blood, label),))


def _curve(points: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return `count` points on the parabola through three points (3, 3) [mm]."""
    t = np.linspace(0, 1, count)[:, None]
    start, middle, end = points
    control = 2 * middle - (start + end) / 2
    return np.asarray((1 - t) ** 2 * start + 2 * t * (1 - t) * control + t**2 * end)
