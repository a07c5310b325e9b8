"""Diffusion: several plausible masks of one structure, drawn by taking noise off an image of noise."""
