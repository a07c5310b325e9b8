"""Comparing values to the last bit."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np
from MedSegAICore.result import SegmentationResult


def assert_same(left: object, right: object) -> None:
    """Compare values to the last bit, whatever they are made of."""
    assert type(left) is type(right)
    if isinstance(left, np.ndarray):
        assert left.dtype == right.dtype
        assert left.shape == right.shape
        assert left.tobytes() == right.tobytes()
    elif dataclasses.is_dataclass(left):
        for field in dataclasses.fields(left):
            assert_same(getattr(left, field.name), getattr(right, field.name))
    elif isinstance(left, tuple | list):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same(one, other)
    else:
        assert left == right


def assert_same_apart_from_versions(left: SegmentationResult, right: SegmentationResult) -> None:
    """Compare results to the last bit; another process may have loaded other libraries."""
    assert_same(*(replace(result, provenance=replace(result.provenance, versions={})) for result in (left, right)))
