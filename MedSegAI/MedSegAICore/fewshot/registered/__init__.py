"""Few-shot segmentation without weights: registered examples give a prior, a voxel classifier decides."""
