"""The panel of the module MedSegAI: its parts, and how they hear of each other."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from .application_engine import applicationEngine
from .cohort_panel import CohortPanel
from .doctor import Repair, examine, summary
from .doctor_panel import DoctorPanel
from .engine_panel import EnginePanel
from .installation import Installation
from .model_jobs import modelJobs
from .models_panel import ModelsPanel, showWeightsFolder
from .packages_panel import PackagesPanel
from .resources import resourcePath
from .sample_data import openSample


class ModulePanel:
    """Everything that the module shows; `widget` is for the module's layout."""

    def __init__(self) -> None:
        self.widget = slicer.util.loadUI(resourcePath("UI/MedSegAI.ui"))
        self.ui = ui = slicer.util.childWidgetVariables(self.widget)
        engine = applicationEngine()
        self.installation = Installation(engine, self._show)
        self.models = ModelsPanel(ui, modelJobs(), self._show)
        self.cohort = CohortPanel(ui)
        self.engine = EnginePanel(ui, engine, self.installation.look)
        self.packages = PackagesPanel(ui, self.engine.restart)
        self.doctor = DoctorPanel(ui, self._repairs())
        ui.checkAgainButton.connect("clicked()", self.installation.look)
        ui.tryHeadButton.connect("clicked()", lambda: openSample("MRHead"))
        ui.tryHeartButton.connect("clicked()", lambda: openSample("CTACardio"))

    def enter(self) -> None:
        """Look at the installation: the module was opened."""
        self.engine.enter()
        self.installation.look()

    def exit(self) -> None:
        """Rest: the module was left. A file that is being imported goes on, and so does a cohort."""
        self.engine.exit()
        self.cohort.exit()

    def close(self) -> None:
        """Stop everything: the module is about to be removed."""
        self.exit()
        self.models.close()
        self.cohort.close()
        self.installation.stop()

    def _show(self) -> None:
        findings = examine(self.installation.facts)
        self.doctor.show(findings, summary(findings))
        self.models.show(self.installation.packages)
        self.packages.show(self.installation.packages)
        self.engine.showDevices(self.installation.inspection)
        self.engine.refresh()

    def _repairs(self):
        return {
            Repair.INSTALL_PACKAGES: self.packages.install,
            Repair.GET_PYTORCH_EXTENSION: openExtensionsManager,
            Repair.OPEN_PYTORCH_MODULE: lambda: slicer.util.selectModule("PyTorchUtils"),
            Repair.RESTART_ENGINE: self.engine.restart,
            Repair.SHOW_WEIGHTS_FOLDER: showWeightsFolder,
        }


def openExtensionsManager() -> None:
    """Open Slicer's Extensions Manager, or say where it is: builds of one's own may lack it."""
    actions = slicer.util.findChildren(slicer.util.mainWindow(), "ViewExtensionsManagerAction")
    offered = [action for action in actions if action.visible]
    if offered:
        offered[0].trigger()
        return
    slicer.util.infoDisplay(_("Open View > Extensions Manager, install PyTorch, and restart Slicer."))
