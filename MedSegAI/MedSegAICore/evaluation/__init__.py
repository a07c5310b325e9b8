"""How good a segmentation is, and how a rule instead of a hand places the prompts."""
