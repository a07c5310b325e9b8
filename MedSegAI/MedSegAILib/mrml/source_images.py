"""The image of the volume that is being segmented, as long as that volume stays what it is."""

from __future__ import annotations

from .volumes import imageVolume, volumeGeometry


class SourceImage:
    """Keeps the `ImageVolume` of the volume last asked for: hashing and checking a large one takes a while."""

    def __init__(self):
        self._state, self._image = None, None

    def of(self, volumeNode):
        """Return the volume's image: the same object until voxels or position change.

        Raises
        ------
        InvalidImage, NonLinearTransform, ShearedGeometry, GeometryMismatch
            As for `imageVolume`.
        """
        state = _stateOf(volumeNode)
        if state is None or state != self._state:
            self._state, self._image = None, imageVolume(volumeNode)
            self._state = _stateOf(volumeNode)
        return self._image

    def isCurrent(self, volumeNode, image):
        """Tell whether `image` still is what the volume shows."""
        return image is self._image and self._state is not None and _stateOf(volumeNode) == self._state


def _stateOf(volumeNode):
    """Return what changes with the voxels and their place in the world; None if there is no image."""
    image = volumeNode.GetImageData() if volumeNode is not None and volumeNode.IsA("vtkMRMLScalarVolumeNode") else None
    scalars = image.GetPointData().GetScalars() if image is not None else None
    if scalars is None or volumeNode.GetScene() is None:
        return None
    return image, image.GetMTime(), scalars.GetMTime(), volumeGeometry(volumeNode).ijk_to_ras.tobytes()
