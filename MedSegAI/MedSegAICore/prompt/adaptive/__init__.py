"""The promptable model that needs no weights: it learns what the structure looks like from the prompts alone."""
