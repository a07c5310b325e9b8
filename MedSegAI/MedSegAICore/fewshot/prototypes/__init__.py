"""Learn from examples by comparing the features of an encoder."""
