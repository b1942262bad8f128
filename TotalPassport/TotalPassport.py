"""TotalPassport: organs and an anatomical passport from a CT. The module file: wiring only.

What is done lives in ``TotalPassportSlicer`` (everything that needs Slicer) and ``TotalPassportLib`` (everything else).
Nothing is installed, and no package that Slicer does not bring is imported, when this file is read.
"""

# No "from __future__ import annotations" here: the parameter node wrapper needs the types themselves.
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin
from TotalPassportLib.options import RunOptions
from TotalPassportSlicer.child.jobs import Outcome, Status
from TotalPassportSlicer.child.runner import JobRunner
from TotalPassportSlicer.child.workspace import remove_stale
from TotalPassportSlicer.nodes.sample_data import register_sample_data
from TotalPassportSlicer.nodes.scan_nodes import ScanNodes, latest_passport
from TotalPassportSlicer.panel.buttons import update_buttons
from TotalPassportSlicer.panel.compare_panel import ComparePanel
from TotalPassportSlicer.panel.confidence_layer import ConfidenceLayer
from TotalPassportSlicer.panel.describe_panel import DescribePanel
from TotalPassportSlicer.panel.dialogs import Dialogs
from TotalPassportSlicer.panel.engine_panel import EnginePanel
from TotalPassportSlicer.panel.follow_up_panel import FollowUpPanel
from TotalPassportSlicer.panel.model_choice import ModelChoice
from TotalPassportSlicer.panel.models_panel import ModelsPanel
from TotalPassportSlicer.panel.parameters import TotalPassportParameterNode, run_options
from TotalPassportSlicer.panel.passport_panel import PassportPanel
from TotalPassportSlicer.panel.passport_reader import PassportFileReader
from TotalPassportSlicer.panel.run_panel import RunPanel
from TotalPassportSlicer.panel.scans_panel import ScansPanel
from TotalPassportSlicer.panel.setup_panel import SetupPanel
from TotalPassportSlicer.panel.starter import Starter
from TotalPassportSlicer.panel.support_panel import SupportPanel
from TotalPassportSlicer.panel.what_to_find import WhatToFind
from TotalPassportSlicer.run_logic import RunLogic
from TotalPassportSlicer.scene_logic import SceneLogic
from TotalPassportSlicer.self_tests.all_tests import SelfTests, run_each


class TotalPassport(ScriptedLoadableModule):
    """What Slicer's module list says about the module."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("TotalPassport")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = []
        self.parent.contributors = ["TotalPassport contributors"]
        self.parent.helpText = _(
            "Finds the organs in a CT and makes their anatomical passport: place, size, shape and main axes of each "
            "organ, as nodes in the scene and as a JSON file. It works on the CPU, and nothing leaves this computer. "
            'See the <a href="https://github.com/totalpassport/SlicerTotalPassport">documentation</a>.'
        )
        self.parent.acknowledgementText = _(
            "The way a CT is processed follows TotalSegmentator and nnU-Net; their authors are gratefully acknowledged."
        )
        slicer.app.connect("startupCompleted()", register_sample_data)


class TotalPassportWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: Any = None
        self._parameterNode: Any = None
        self._parameterNodeGuiTag: Any = None

    def setup(self) -> None:
        """Build the panel."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/TotalPassport.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = TotalPassportLogic()
        self.panel = RunPanel(self.ui, self._updateButtons, self._onFinished)
        self.logic.setListener(self.panel)
        self.dialogs = Dialogs()
        self.start = Starter(self.panel, self.dialogs)
        self.models = ModelsPanel(self.ui, self.logic, self.panel, self.dialogs, self.start, self._onParametersChanged)
        self.modelChoice = ModelChoice(self.models.models)
        self.target = WhatToFind(self.ui, self.models.models, self.logic.runner.temporary_root)
        self.support = SupportPanel(self.ui, self.logic, self.panel, self.dialogs, self.models)
        self.describe = DescribePanel(self.ui, self.logic, self.panel, self.dialogs, self.start, self.showPassport)
        self.compare = ComparePanel(self.ui, self.logic, self.panel, self.dialogs)
        self.followUp = FollowUpPanel(self.ui, self.logic, self.panel, self.dialogs)
        self.engine = EnginePanel(self.ui, self.logic, self.panel, self.dialogs, self._updateButtons)
        self.parts = SetupPanel(
            self.ui, self.logic, self.panel, self.dialogs, self.models, self.start, self.engine.refresh
        )
        self.passport = PassportPanel(self.ui, self.logic, self.panel, self.dialogs)
        self.scans = ScansPanel(self.ui, self.logic, self.panel, self.dialogs, self.models)
        self.confidence = ConfidenceLayer()
        self.ui.applyButton.connect("clicked(bool)", self.onApplyButton)
        for name in ("segment", "compare", "scans", "describe"):
            section = getattr(self.ui, f"{name}CollapsibleButton")
            section.connect("contentsCollapsed(bool)", self._onSectionOpened)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        for event in (slicer.mrmlScene.EndCloseEvent, slicer.mrmlScene.EndImportEvent):
            self.addObserver(slicer.mrmlScene, event, self.onSceneChanged)
        for event in (slicer.mrmlScene.NodeAddedEvent, slicer.mrmlScene.NodeRemovedEvent):
            self.addObserver(slicer.mrmlScene, event, self.onNodesChanged)
        self.initializeParameterNode()
        remove_stale(self.logic.runner.temporary_root)  # what a Slicer which crashed has left

    def cleanup(self) -> None:
        """The module is unloaded or Slicer quits."""
        self.logic.shutdown()
        self.passport.release()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self) -> None:
        """The user opens the module."""
        self.initializeParameterNode()
        self.models.refresh()  # a shell may have brought in others meanwhile
        self.engine.refresh()

    def onSceneStartClose(self, caller: Any, event: Any) -> None:
        """The run is ended by its own observer; forget the scene's nodes."""
        self.modelChoice.forget_scene()
        self.passport.release()
        self.setParameterNode(None)

    def onSceneChanged(self, caller: Any, event: Any) -> None:
        """Start afresh in the empty scene, or with what a loaded one has brought."""
        self.modelChoice.follow(None)  # what a loaded scene has kept is nobody's choice of a scan
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onNodesChanged(self, caller: Any, event: Any) -> None:
        """Scans came or went."""
        if not slicer.mrmlScene.IsBatchProcessing():  # its end is heard of
            self.passport.look_at_scene()
            self.scans.look_at_scene()
            self.followUp.look_at_scene()
            self.compare.update()

    def initializeParameterNode(self) -> None:
        """Show the parameters of the present scene, with its first CT as the default input."""
        parameters = self.logic.getParameterNode()
        with slicer.util.NodeModify(parameters):  # each that is read for the first time is set, and would be heard of
            self.setParameterNode(parameters)
            if parameters.inputVolume is None:
                self.modelChoice.restore(parameters)
                volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
                scans = [node for node in volumes if node.GetClassName() == "vtkMRMLScalarVolumeNode"]
                parameters.inputVolume = scans[0] if scans else None
            if parameters.passport is None:  # one may have been opened before the panel was there
                parameters.passport = latest_passport()

    def setParameterNode(self, parameterNode: Any | None) -> None:
        """Connect the panel to a parameter node, or to none."""
        if parameterNode is self._parameterNode:
            return
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._onParametersChanged)
        self._parameterNode = parameterNode
        if parameterNode is not None:
            self._parameterNodeGuiTag = parameterNode.connectGui(self.ui)
            self.addObserver(parameterNode, vtk.vtkCommand.ModifiedEvent, self._onParametersChanged)
        self._onParametersChanged()

    def onApplyButton(self) -> None:
        """Start a run, or cancel the one under way."""
        if self.logic.busy:
            self.logic.cancel()
            return
        volume, options = self._parameterNode.inputVolume, run_options(self._parameterNode)
        segmentation = self._parameterNode.outputSegmentation
        self.modelChoice.remember(options)
        self.models.when_installed(options.models(), lambda: self._segment(volume, options, segmentation))

    def _segment(self, volume: Any, options: RunOptions, segmentation: Any | None) -> None:
        """Segment a CT, unless it went while its model was coming."""
        if volume.GetScene() is not None:
            self.logic.process(volume, options, segmentation)
        else:
            self.panel.say(_("'{name}' is no longer in the scene. Choose a CT.").format(name=volume.GetName()))

    def _onFinished(self, outcome: Outcome) -> None:
        """Show what a run has found, or why it failed."""
        if outcome.status is Status.FAILED and not outcome.heard:
            self.dialogs.error(outcome.sentence)
        self.engine.refresh()
        ofModels, ofScans = self.models.finished(outcome), self.scans.finished(outcome)
        if ofModels or ofScans or outcome.status is not Status.DONE or self._parameterNode is None:
            return
        nodes = outcome.value
        firstTime = self._parameterNode.passport is not nodes.document
        self.showPassport(nodes, nodes.segmentation if nodes.source.IsA("vtkMRMLScalarVolumeNode") else None)
        if firstTime:  # later runs leave the views as the user has set them
            self.logic.showSource(nodes)

    def showPassport(self, nodes: ScanNodes, outputSegmentation: Any | None = None) -> None:
        """Show a passport that was made or opened, and let later runs put their organs where this one's are."""
        self.initializeParameterNode()  # a file may be opened while another module is shown
        for section in (self.passport, self.confidence, self.compare, self.followUp):
            section.forget()
        with slicer.util.NodeModify(self._parameterNode):
            self._parameterNode.passport = nodes.document
            if outputSegmentation is not None:
                self._parameterNode.outputSegmentation = outputSegmentation
        self._onParametersChanged()
        self.panel.show_found(self.passport.found)

    def _onSectionOpened(self, _collapsed: bool) -> None:
        """Hide again what is empty: a section that opens shows all that it holds."""
        for each in (self.target, self.compare, self.followUp, self.scans, self.describe):
            each.show_again()

    def _onParametersChanged(self, caller: Any = None, event: Any = None) -> None:
        """Bring the panel and the views in line with the parameters."""
        parameters = self._parameterNode
        self.modelChoice.follow(parameters)
        self.target.follow(parameters)
        self.models.choose(self.target.first_model)
        sections = (self.passport, self.confidence, self.describe, self.compare, self.followUp, self.scans, self.engine)
        for section in sections:
            section.follow(parameters)
        self._updateButtons()

    def _updateButtons(self) -> None:
        update_buttons(self.ui, self.target.update(), self.logic.state, self.passport.organ_count)
        self.describe.update(self.logic.state)
        self.scans.update(self.target.why_not)
        for section in (self.compare, self.followUp, self.models, self.engine, self.parts, self.support):
            section.update()


class TotalPassportLogic(ScriptedLoadableModuleLogic, RunLogic, SceneLogic):
    """What the module can do, for the panel and for scripts; it opens no dialogs.

    What cannot be done raises a TotalPassportError, whose text says why and what to do.

    A script runs it like this (docs/scripting.md)::

        logic = slicer.util.getModuleLogic("TotalPassport")
        result = logic.run(volumeNode, task="total", fast=True)
        print(result.passport["liver"].volume_ml)
    """

    def __init__(self, runner: JobRunner | None = None) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        RunLogic.__init__(self, runner)
        self._parameters: Any = None

    def getParameterNode(self) -> Any:
        """Return the typed parameter node of the scene.

        There is one wrapper for each node: Slicer ties every wrapper to its node, and none is ever freed. A wrapper
        keeps values beside the node; that the node was modified makes it read them anew, as after loading a scene.
        """
        node = super().getParameterNode()
        if self._parameters is None or self._parameters.parameterNode is not node:
            self._parameters = TotalPassportParameterNode(node)  # type: ignore[call-arg]  # made by its decorator
        else:
            for _reading in range(2):  # VTK calls the observer of the first value last, after the panel's
                self._parameters.Modified()
        return self._parameters


class TotalPassportFileReader(PassportFileReader):
    """Opens passports that are dropped onto Slicer or added as data; Slicer finds it by its name."""


class TotalPassportTest(SelfTests, ScriptedLoadableModuleTest):
    """The module's own tests, in Slicer and in the test host; their methods are in `TotalPassportSlicer.self_tests`."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """Run all tests, as "Reload and Test" does."""
        run_each(self)

    def makeLogic(self) -> TotalPassportLogic:
        """Return the logic that is tested."""
        return TotalPassportLogic()
