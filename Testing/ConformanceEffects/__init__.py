"""Effects that only test the host."""

from .DotEffect import DotEffect as DotEffect
