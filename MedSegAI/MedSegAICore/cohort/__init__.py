"""Many images, one recipe: what is missing or changed is segmented, whatever happens in between."""
