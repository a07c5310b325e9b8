"""What a segmentation is worth, in numbers that keep every failure."""
