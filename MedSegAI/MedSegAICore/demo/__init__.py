"""The main job from end to end: an image, prompts, segments, their scores and a picture."""
