"""MedSegAI's core: pure Python, importable anywhere, without Slicer, Qt or VTK.

Opening it costs numpy alone; networks are imported when a model is first used.
"""

__version__ = "0.1.0"
