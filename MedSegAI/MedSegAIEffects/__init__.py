"""The Segment Editor effects; Slicer looks for their classes here, by the names of their files."""

from .AIFewShotEffect import AIFewShotEffect
from .AIInContextEffect import AIInContextEffect
from .AIPromptEffect import AIPromptEffect

__all__ = ["AIFewShotEffect", "AIInContextEffect", "AIPromptEffect"]
