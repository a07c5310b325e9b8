"""The examples that a user has chosen, from the scene or from files, and the structures on them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from MedSegAICore.errors import InvalidSupport
from slicer.i18n import tr as _

from ..mrml.examples import commonLabels, exampleFromNodes, looksFromNodes, sharedLabels, withLabels


@dataclass(frozen=True, eq=False)
class NodeExample:
    """A volume of the scene with a segmentation.

    Parameters
    ----------
    volumeNode, segmentationNode
        The nodes.
    labels
        Names of the segments that are drawn on it.
    """

    volumeNode: object
    segmentationNode: object
    labels: tuple[str, ...] = ()

    @property
    def title(self):
        return self.volumeNode.GetName()

    @property
    def source(self):
        return self.segmentationNode.GetName()

    @property
    def isAlive(self):
        """Whether both still are in the scene."""
        return self.volumeNode.GetScene() is not None and self.segmentationNode.GetScene() is not None

    @property
    def looks(self):
        """Name of a structure -> `SegmentLook`."""
        return looksFromNodes(self.segmentationNode)

    def isLike(self, other):
        """Tell whether this is the same example."""
        nodes = (self.volumeNode, self.segmentationNode)
        return isinstance(other, NodeExample) and nodes == (other.volumeNode, other.segmentationNode)

    def read(self, images):
        """Return the `Example` with everything that is drawn; `images` are the `SourceImages`."""
        if not self.isAlive:
            message = _("'{volume}' or what was drawn on it was removed from the scene.").format(volume=self.title)
            raise InvalidSupport(message, _("Remove the example."))
        return exampleFromNodes(self.volumeNode, self.segmentationNode, None, images.of(self.volumeNode))


@dataclass(frozen=True, eq=False)
class FileExample:
    """An image file with its labels.

    Parameters
    ----------
    files
        The `ExampleFiles`.
    wanted
        Names and values of the structures; empty takes all.
    labels
        Names of the structures that it shows.
    """

    files: object
    wanted: dict
    labels: tuple[str, ...] = ()
    isAlive: bool = True
    looks: dict = field(default_factory=dict)

    @property
    def title(self):
        return self.files.name

    @property
    def source(self):
        return self.files.labels.name

    def isLike(self, other):
        """Tell whether this is the same example."""
        return isinstance(other, FileExample) and self.files == other.files

    def read(self, _images):
        """Return the `Example` with everything that is drawn."""
        from MedSegAICore.fewshot.example_files import read_examples  # opens SimpleITK and scipy: only where needed

        return read_examples([self.files], self.wanted)[0]


class ExampleList:
    """The chosen examples; what all of them show is learned, but for what the user leaves out."""

    def __init__(self):
        self.items, self._leftOut = [], set()

    @property
    def shared(self):
        """Names of the structures that all examples show."""
        return commonLabels([item.labels for item in self.items])

    @property
    def chosen(self):
        """Names of the structures to learn."""
        return tuple(label for label in self.shared if label not in self._leftOut)

    @property
    def looks(self):
        """Name of a structure -> `SegmentLook`, of the first example that has one."""
        found = {}
        for item in reversed(self.items):
            found |= item.looks
        return found

    def leaveOut(self, label, isLeftOut):
        """Learn a structure or not."""
        (self._leftOut.add if isLeftOut else self._leftOut.discard)(label)

    def add(self, item, example):
        """Keep an example that was read; one that is there already is brought up to date."""
        known = replace(item, labels=tuple(example.masks))
        self.items = [other for other in self.items if not other.isLike(known)] + [known]

    def remove(self, index):
        """Forget the example with a number."""
        del self.items[index]

    def removeDead(self):
        """Forget examples whose nodes are gone."""
        self.items = [item for item in self.items if item.isAlive]

    def learnable(self, examples):
        """Return examples that were read now with the structures to learn.

        Raises
        ------
        InvalidSupport
            There is nothing that all of them show, or all of it is left out.
        """
        labels = [label for label in sharedLabels([example.masks for example in examples]) if label in self.chosen]
        if not labels:
            message = _("No structure is chosen.")
            raise InvalidSupport(message, _("Tick at least one."))
        return tuple(withLabels(example, labels) for example in examples)


def filesAt(path):
    """Return the examples of a folder or of a manifest as `FileExample`s, not yet read.

    Raises
    ------
    InvalidSupportSet
        There is none, or the manifest is damaged.
    """
    from MedSegAICore.fewshot.support_set import supports_at  # opens SimpleITK and scipy: only where needed
    from MedSegAICore.label_files import file_stem

    files, wanted = supports_at(path)
    return [FileExample(replace(pair, name=pair.name or file_stem(pair.image)), wanted) for pair in files]
