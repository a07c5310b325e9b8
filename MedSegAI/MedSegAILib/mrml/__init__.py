"""Slicer's nodes to the core's values and back; needs Slicer and VTK, but no user interface."""
