"""The shared inference core: device, loaded models, cache, progress and cancel."""
