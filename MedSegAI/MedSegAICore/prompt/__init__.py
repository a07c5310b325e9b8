"""Promptable segmentation: points, boxes, scribbles, lassos and masks."""
