"""The images of the volumes that are being segmented, as long as those stay what they are."""

from __future__ import annotations

from .volumes import imageVolume, volumeGeometry


class SourceImages:
    """Keeps the `ImageVolume` of each volume that was asked for: hashing and checking a large one takes a while."""

    def __init__(self):
        self._known = {}

    def of(self, volumeNode):
        """Return the volume's image: the same object until voxels or position change.

        Raises
        ------
        InvalidImage, NonLinearTransform, ShearedGeometry, GeometryMismatch
            As for `imageVolume`.
        """
        self._known = {node: known for node, known in self._known.items() if node.GetScene() is not None}
        state, (knownState, image) = _stateOf(volumeNode), self._known.get(volumeNode, (None, None))
        if state is None or state != knownState:
            image = imageVolume(volumeNode)
            self._known[volumeNode] = (_stateOf(volumeNode), image)
        return image

    def isCurrent(self, volumeNode, image):
        """Tell whether `image` still is what the volume shows."""
        state, known = self._known.get(volumeNode, (None, None))
        return image is not None and image is known and _stateOf(volumeNode) == state


def _stateOf(volumeNode):
    """Return what changes with the voxels and their place in the world; None if there is no image."""
    image = volumeNode.GetImageData() if volumeNode is not None and volumeNode.IsA("vtkMRMLScalarVolumeNode") else None
    scalars = image.GetPointData().GetScalars() if image is not None else None
    if scalars is None or volumeNode.GetScene() is None:
        return None
    address = image.GetAddressAsString("")  # not the object: newer VTK compares images voxel by voxel
    return address, image.GetMTime(), scalars.GetMTime(), volumeGeometry(volumeNode).ijk_to_ras.tobytes()
