"""Hidden module: registers the Segment Editor effects of MedSegAI."""

from pathlib import Path

import slicer
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModule


class SegmentEditorMedSegAI(ScriptedLoadableModule):
    """Brings the effects to the Segment Editor."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("Segment Editor effects of MedSegAI")
        parent.categories = ["Segmentation"]
        parent.dependencies = ["Segmentations"]
        parent.contributors = ["The MedSegAI developers"]
        parent.hidden = True
        slicer.app.connect("startupCompleted()", registerEffects)


def registerEffects():
    """Register every effect of the package; doing it again changes nothing."""
    import MedSegAIEffects  # before registering: otherwise Slicer loads each file in place of the package

    factory = slicer.qSlicerSegmentEditorEffectFactory().instance()  # of an object: Slicer 5.10 knows no other way
    folder = Path(MedSegAIEffects.__file__).parent
    for name in MedSegAIEffects.__all__:
        effect = slicer.qSlicerSegmentEditorScriptedEffect(None)
        effect.setPythonSource((folder / f"{name}.py").as_posix())
        factory.registerEffect(effect)
