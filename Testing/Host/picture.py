"""What is seen in a view, as pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import vtk
from vtk.util.numpy_support import vtk_to_numpy


def picture_of(view) -> np.ndarray:
    """Draw a view now and return its pixels, uint8 (rows from the top, columns, RGB)."""
    grabber = _grabber(view)
    columns, rows, _ = grabber.GetOutput().GetDimensions()
    pixels = vtk_to_numpy(grabber.GetOutput().GetPointData().GetScalars())
    return pixels.reshape(rows, columns, -1)[::-1, :, :3].copy()


def save_picture(view, file: Path) -> None:
    """Write what a view shows as a PNG file."""
    grabber, writer = _grabber(view), vtk.vtkPNGWriter()
    writer.SetFileName(str(file))
    writer.SetInputData(grabber.GetOutput())
    writer.Write()


def share_of_color(picture: np.ndarray, color, region=None, tolerance: float = 0.15) -> float:
    """Return the share of pixels whose hue is near that of `color`, whatever their brightness.

    Parameters
    ----------
    picture
        uint8 (rows, columns, RGB).
    color
        RGB, 0 to 1; not grey.
    region
        Slices of rows and columns; None takes the whole picture.
    tolerance
        Largest distance between the colours' deviations from grey, scaled to length 1.
    """
    return float(has_color(picture if region is None else picture[region], color, tolerance).mean())


def has_color(picture: np.ndarray, color, tolerance: float = 0.15) -> np.ndarray:
    """Tell of each pixel (rows, columns) whether its hue is near that of `color`; arguments as for `share_of_color`."""
    pixels = picture.reshape(-1, 3) / 255
    wanted = np.asarray(color, dtype=float) - np.mean(color)
    deviation = pixels - pixels.mean(axis=1, keepdims=True)
    length = np.linalg.norm(deviation, axis=1)
    direction = deviation / np.maximum(length, 1e-9)[:, None]
    difference = np.linalg.norm(direction - wanted / np.linalg.norm(wanted), axis=1)
    return ((length > 0.05) & (difference < tolerance)).reshape(picture.shape[:2])


def _grabber(view) -> vtk.vtkWindowToImageFilter:
    view.forceRender()
    grabber = vtk.vtkWindowToImageFilter()
    grabber.SetInput(view.renderWindow())
    grabber.ReadFrontBufferOff()
    grabber.Update()
    return grabber
