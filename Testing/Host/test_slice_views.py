"""Views show what the scene holds, and a mouse in them acts where it points."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from Host.nodes import add_volume
from Host.picture import share_of_color

VIEWS = ("Red", "Green", "Yellow")
CENTER = np.array([-6.0, 4.0, 65.0])


@pytest.fixture
def volume(desktop):
    """A ball of 9 mm around the centre."""
    k, j, i = np.indices((20, 40, 50))
    ras = np.stack([11 - 0.7 * i, 22 - 0.9 * j, 33 + 3.1 * k], axis=-1)
    ball = np.linalg.norm(ras - CENTER, axis=-1) < 9
    volume = add_volume((100 * ball).astype(np.int16))
    desktop.show(volume)
    desktop.jump_to(CENTER)
    return volume


def turned(node, degrees: float):
    """Turn a slice about its position."""
    turn = vtk.vtkTransform()
    turn.Concatenate(node.GetSliceToRAS())
    turn.RotateWXYZ(degrees, 1, 1, 0)
    node.GetSliceToRAS().DeepCopy(turn.GetMatrix())
    node.UpdateMatrices()


def test_every_view_shows_the_volume(desktop, volume) -> None:
    for name in VIEWS:
        picture = desktop.picture(name)
        assert picture.shape == (400, 400, 3)
        assert 0.02 < (picture.min(axis=2) > 200).mean() < 0.5


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("degrees", [0, 25])
def test_a_pixel_and_its_world_position_belong_together(desktop, volume, name, degrees) -> None:
    turned(slicer.app.layoutManager().sliceWidget(name).mrmlSliceNode(), degrees)
    desktop.jump_to(CENTER)
    x, y = desktop.mouse(name).pixel_of(CENTER)

    assert desktop.view(name).convertXYZToRAS((x, y, 0)) == pytest.approx(CENTER, abs=0.5)
    assert (desktop.picture(name)[399 - y, x] > 200).all()


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("degrees", [0, 25])
def test_markups_are_placed_where_the_mouse_clicks(desktop, volume, name, degrees) -> None:
    turned(slicer.app.layoutManager().sliceWidget(name).mrmlSliceNode(), degrees)
    wanted = [desktop.view(name).convertXYZToRAS(xyz) for xyz in ((150, 200, 0), (260, 180, 0))]

    node = desktop.place("vtkMRMLMarkupsFiducialNode", wanted, name)

    np.testing.assert_allclose(slicer.util.arrayFromMarkupsControlPoints(node), wanted, atol=0.01)


def test_markups_are_seen_in_their_color(desktop, volume) -> None:
    node = desktop.place("vtkMRMLMarkupsFiducialNode", [CENTER])
    node.GetDisplayNode().SetSelectedColor(1, 0, 1)

    assert share_of_color(desktop.picture(), (1, 0, 1)) > 0.0005
    node.SetDisplayVisibility(False)
    assert share_of_color(desktop.picture(), (1, 0, 1)) == 0


def test_dragging_the_image_moves_it(desktop, volume) -> None:
    before = desktop.view().mrmlSliceNode().GetXYZOrigin()

    desktop.mouse().drag([(200, 200), (240, 200)], "shift", button="left")

    assert desktop.view().mrmlSliceNode().GetXYZOrigin() != before


def test_many_changes_are_drawn_in_one_frame(desktop, volume, pause) -> None:
    frames = []
    desktop.view().renderWindow().AddObserver("EndEvent", lambda *_: frames.append(1))
    for level in range(20):
        volume.GetDisplayNode().SetLevel(level)
    pause(0.2)

    assert len(frames) in (1, 2)
