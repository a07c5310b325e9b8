"""Universal in-context segmentation: examples say what to segment, and every accepted slice makes it better."""
