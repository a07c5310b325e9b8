"""A mouse and a keyboard in a slice view: the events that a person's hands would cause."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

CONTROL, SHIFT = "control", "shift"
BUTTONS = {"left": "LeftButton", "right": "RightButton", "middle": "MiddleButton"}
STEPS = 5
"""Mouse moves between two corners of a drag."""


class Mouse:
    """Moves and clicks in one view; positions are world positions RAS [mm] or pixels (x, y) from the lower left."""

    def __init__(self, view):
        self._view = view

    def pixel_of(self, position: Sequence[float]) -> tuple[int, int]:
        """Return the pixel that shows a world position; a pixel is returned as it is."""
        xy = self._view.convertRASToXYZ(position)[:2] if len(position) == 3 else position
        return round(xy[0]), round(xy[1])

    def move(self, position: Sequence[float], *modifiers: str) -> None:
        """Move to a position without pressing anything."""
        self._look_at(position, modifiers)
        self._view.interactor().MouseMoveEvent()

    def press(self, position: Sequence[float], *modifiers: str, button: str = "left") -> None:
        self._look_at(position, modifiers)
        getattr(self._view.interactor(), f"{BUTTONS[button]}PressEvent")()

    def release(self, position: Sequence[float], *modifiers: str, button: str = "left") -> None:
        self._look_at(position, modifiers)
        getattr(self._view.interactor(), f"{BUTTONS[button]}ReleaseEvent")()

    def click(self, position: Sequence[float], *modifiers: str, button: str = "left") -> None:
        """Move there, press and release."""
        self._view.interactor().EnterEvent()
        self.move(position, *modifiers)
        self.press(position, *modifiers, button=button)
        self.release(position, *modifiers, button=button)

    def double_click(self, position: Sequence[float]) -> None:
        self.click(position)
        self._look_at(position, ())
        self._view.interactor().InvokeEvent("LeftButtonDoubleClickEvent")

    def drag(self, positions: Iterable[Sequence[float]], *modifiers: str, button: str = "left") -> None:
        """Press at the first position, move over the others in small steps, release at the last."""
        pixels = [self.pixel_of(position) for position in positions]
        self._view.interactor().EnterEvent()
        self.move(pixels[0], *modifiers)
        self.press(pixels[0], *modifiers, button=button)
        for start, end in pairwise(pixels):
            for step in range(1, STEPS + 1):
                self.move([a + (b - a) * step / STEPS for a, b in zip(start, end, strict=True)], *modifiers)
        self.release(pixels[-1], *modifiers, button=button)

    def key(self, symbol: str, *modifiers: str) -> None:
        """Press and release a key, named as VTK does: "a", "Escape", "Return", "plus", ..."""
        character = symbol if len(symbol) == 1 else chr(0)
        interactor = self._view.interactor()
        interactor.SetKeyEventInformation(CONTROL in modifiers, SHIFT in modifiers, character, 0, symbol)
        interactor.KeyPressEvent()
        interactor.CharEvent()
        interactor.KeyReleaseEvent()

    def _look_at(self, position: Sequence[float], modifiers: tuple[str, ...]) -> None:
        x, y = self.pixel_of(position)
        self._view.interactor().SetEventInformation(x, y, CONTROL in modifiers, SHIFT in modifiers, chr(0), 0, None)
