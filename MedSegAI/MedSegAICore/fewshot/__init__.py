"""Few-shot segmentation: a few labelled images show what to segment in the next ones."""
