"""Labelled images, each set described in one small file and read only where it is needed."""
