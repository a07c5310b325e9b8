"""The Segment Editor effects; Slicer looks for their classes here, by the names of their files."""

from .AIDiffusionEffect import AIDiffusionEffect
from .AIFewShotEffect import AIFewShotEffect
from .AIInContextEffect import AIInContextEffect
from .AIPromptEffect import AIPromptEffect

__all__ = ["AIDiffusionEffect", "AIFewShotEffect", "AIInContextEffect", "AIPromptEffect"]
