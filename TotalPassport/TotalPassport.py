"""TotalPassport: organs and an anatomical passport from a CT. The module file: wiring only.

What is done lives in ``TotalPassportSlicer`` (everything that needs Slicer) and ``TotalPassportLib`` (everything else).
Nothing is installed, and no package that Slicer does not bring is imported, when this file is read.
"""

# No "from __future__ import annotations" here: the parameter node wrapper needs the types themselves.
from pathlib import Path

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
from TotalPassportLib.models import store
from TotalPassportLib.options import DEFAULT_OPTIONS, RunOptions
from TotalPassportSlicer.child import tasks
from TotalPassportSlicer.child.jobs import Outcome, RunListener, State, Status
from TotalPassportSlicer.child.runner import JobRunner
from TotalPassportSlicer.child.workspace import remove_stale
from TotalPassportSlicer.install import installation
from TotalPassportSlicer.nodes import alignment_nodes, comparison_nodes, presentation, segmentations
from TotalPassportSlicer.nodes.documents import export_passport, stored_passport
from TotalPassportSlicer.nodes.organs import organ_rows, scan_note
from TotalPassportSlicer.nodes.sample_data import register_sample_data
from TotalPassportSlicer.nodes.scan_nodes import PASSPORT_ATTRIBUTE, ScanNodes
from TotalPassportSlicer.panel.buttons import update_buttons
from TotalPassportSlicer.panel.compare_panel import ComparePanel
from TotalPassportSlicer.panel.dialogs import Dialogs
from TotalPassportSlicer.panel.engine_panel import EnginePanel
from TotalPassportSlicer.panel.models_panel import ModelsPanel
from TotalPassportSlicer.panel.organ_table import OrganTable
from TotalPassportSlicer.panel.parameters import TotalPassportParameterNode, run_options
from TotalPassportSlicer.panel.run_panel import ErrorsShown, RunPanel
from TotalPassportSlicer.panel.starter import Starter
from TotalPassportSlicer.self_test import run_story


class TotalPassport(ScriptedLoadableModule):
    """What Slicer's module list says about the module."""

    def __init__(self, parent):
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

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        self._passport = None
        self._shown = None

    def setup(self):
        """Build the panel."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/TotalPassport.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.ui.passportSelector.addAttribute("vtkMRMLTextNode", PASSPORT_ATTRIBUTE, "1")
        self.logic = TotalPassportLogic()
        self.panel = RunPanel(self.ui, self._updateButtons, self._onFinished)
        self.logic.setListener(self.panel)
        self.dialogs = Dialogs()
        self.start = Starter(self.panel, self.dialogs)
        self.models = ModelsPanel(self.ui, self.logic, self.panel, self.dialogs, self.start, self._onParametersChanged)
        self.compare = ComparePanel(self.ui, self.logic, self.panel, self.dialogs)
        self.engine = EnginePanel(self.ui, self.logic, self.panel, self.dialogs, self._updateButtons)
        self.organTable = OrganTable(self.ui, self._onOrganSelected)
        self.ui.modelComboBox.connect("currentIndexChanged(int)", self._onModelChosen)
        self.ui.applyButton.connect("clicked(bool)", self.onApplyButton)
        self.ui.describeButton.connect("clicked(bool)", self.onDescribeButton)
        self.ui.exportButton.connect("clicked(bool)", self.onExportButton)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.initializeParameterNode()
        remove_stale(self.logic.runner.temporary_root)  # what a Slicer which crashed has left

    def cleanup(self):
        """The module is unloaded or Slicer quits."""
        self.logic.shutdown()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self):
        """The user opens the module."""
        self.initializeParameterNode()
        self.models.refresh()  # a shell may have brought in others meanwhile
        self.engine.refresh()

    def onSceneStartClose(self, caller, event):
        """The run is ended by its own observer; forget the scene's nodes."""
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event):
        """Start afresh in the empty scene."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        """Show the parameters of the present scene, with its first CT as the default input."""
        self.setParameterNode(self.logic.getParameterNode())
        if self._parameterNode.inputVolume is None:
            volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
            scans = [node for node in volumes if node.GetClassName() == "vtkMRMLScalarVolumeNode"]
            self._parameterNode.inputVolume = scans[0] if scans else None

    def setParameterNode(self, parameterNode):
        """Connect the panel to a parameter node, or to none."""
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._onParametersChanged)
        self._parameterNode = parameterNode
        if parameterNode is not None:
            self._parameterNodeGuiTag = parameterNode.connectGui(self.ui)
            self.addObserver(parameterNode, vtk.vtkCommand.ModifiedEvent, self._onParametersChanged)
        self._onParametersChanged()

    def onApplyButton(self):
        """Start a run, or cancel the one under way."""
        if self.logic.busy:
            self.logic.cancel()
            return
        volume, options = self._parameterNode.inputVolume, run_options(self._parameterNode)
        segmentation = self._parameterNode.outputSegmentation
        self.models.when_installed(options.model, lambda: self._segment(volume, options, segmentation))

    def onDescribeButton(self):
        """Make the passport of an existing segmentation."""
        what = self._parameterNode.segmentationToDescribe, self._parameterNode.numberedSegments
        self.start(lambda: self.logic.processSegmentation(*what))

    def onExportButton(self):
        """Ask for a file and write the passport to it."""
        node = self._parameterNode.passport
        path = self.dialogs.choose_export(f"{node.GetName()}.json")
        if path is None:
            return
        with ErrorsShown(self.panel, self.dialogs.error):
            self.logic.exportPassport(node, path)
            self.panel.say(_("Exported to {path}.").format(path=path))

    def _segment(self, volume, options, segmentation):
        """Segment a CT, unless it went while its model was coming."""
        if volume.GetScene() is not None:
            self.logic.process(volume, options, segmentation)
        else:
            self.panel.say(_("'{name}' is no longer in the scene. Choose a CT.").format(name=volume.GetName()))

    def _onFinished(self, outcome):
        """Show what a run has found, or why it failed."""
        if outcome.status is Status.FAILED:
            self.dialogs.error(outcome.sentence)
        self.engine.refresh()
        ofModels = self.models.finished(outcome)
        if ofModels or outcome.status is not Status.DONE or self._parameterNode is None:
            return
        nodes = outcome.value
        firstTime = self._parameterNode.passport is not nodes.document
        self._shown = None  # the same nodes may hold another passport now
        self.compare.forget()
        with slicer.util.NodeModify(self._parameterNode):
            self._parameterNode.passport = nodes.document
            if nodes.source.IsA("vtkMRMLScalarVolumeNode"):
                self._parameterNode.outputSegmentation = nodes.segmentation
        if self._shown is None:
            self._onParametersChanged()
        if firstTime:  # later runs leave the views as the user has set them
            self.logic.showSource(nodes)

    def _onModelChosen(self, index):
        if self._parameterNode is not None and index >= 0:
            self._parameterNode.model = self.ui.modelComboBox.itemData(index)
            self.models.choose(self._parameterNode.model)

    def _onOrganSelected(self, label):
        """Show an organ in the views."""
        if self._passport is not None:
            self.logic.showOrgan(ScanNodes(self._parameterNode.passport), self._passport.organs[label])

    def _onParametersChanged(self, caller=None, event=None):
        """Bring the panel and the views in line with the parameters."""
        parameters = self._parameterNode
        shown = None
        if parameters is not None:
            self.ui.modelComboBox.currentIndex = self.ui.modelComboBox.findData(parameters.model)
            shown = (parameters.passport, parameters.show3D, parameters.showCentroids)
            shown += (parameters.showAxes, parameters.showEllipsoids)
        if shown != self._shown:
            previous, self._shown = self._shown, shown
            if shown is None or previous is None or previous[0] is not shown[0]:
                self._readPassport(parameters and parameters.passport)
            if shown is not None and parameters.passport is not None:
                with slicer.util.WaitCursor():  # surfaces may have to be made
                    self.logic.show(ScanNodes(parameters.passport), *shown[1:])
        self.compare.follow(parameters)
        self.engine.follow(parameters)
        self._updateButtons()

    def _readPassport(self, node):
        """Fill the table from the passport that a text node holds, or empty it."""
        self._passport = None
        if node is not None:
            with ErrorsShown(self.panel, self.dialogs.error):
                self._passport = self.logic.passportOf(node)
        if self._passport is None:
            self.organTable.fill([], None)
        else:
            colors = segmentations.organ_colors(ScanNodes(node).segmentation, self._passport)
            self.organTable.fill(organ_rows(self._passport, colors), scan_note(self._passport))

    def _updateButtons(self):
        count = len(self._passport.organs) if self._passport else 0
        update_buttons(self.ui, self._parameterNode, self.logic.state, count, self.models.models)
        self.models.update()
        self.engine.update()


class TotalPassportLogic(ScriptedLoadableModuleLogic):
    """What the module can do, for the panel and for scripts; it opens no dialogs.

    A script runs it like this::

        logic = TotalPassportLogic()
        logic.process(volumeNode, RunOptions(model="demo"))
        outcome = logic.waitForFinished()
        print(outcome.sentence, outcome.value.table)
    """

    def __init__(self, runner=None):
        ScriptedLoadableModuleLogic.__init__(self)
        self.runner = runner or JobRunner()

    def getParameterNode(self):
        """Return the typed parameter node of the scene."""
        return TotalPassportParameterNode(super().getParameterNode())

    def setListener(self, listener: RunListener):
        """Set who hears the states, the progress, the log and the end of a run."""
        self.runner.listener = listener

    @property
    def state(self) -> State:
        """Where the run stands."""
        return self.runner.state

    @property
    def busy(self) -> bool:
        """Whether a run is under way."""
        return self.runner.busy

    def process(self, inputVolume, options: RunOptions = DEFAULT_OPTIONS, outputSegmentation=None):
        """Start to segment a CT and to make its passport; returns at once.

        :param inputVolume: the CT, a vtkMRMLScalarVolumeNode in Hounsfield units.
        :param options: the model, where and how it runs, what is kept; see TotalPassportLib.options.RunOptions.
        :param outputSegmentation: receives the organs; the one of an earlier run or a new one if None.
        :raises TotalPassportError: it cannot start; the text says why and what to do.
        """
        installation.require()
        log = self.runner.listener.logged
        self.runner.start(tasks.segment_volume_job(inputVolume, options, outputSegmentation, log))

    def processSegmentation(self, segmentation, numberedSegments: bool = False):
        """Start to make the passport of an existing segmentation; returns at once.

        :param segmentation: a vtkMRMLSegmentationNode; it is not changed.
        :param numberedSegments: segments called "Segment_5" are TotalSegmentator's label 5.
        :raises TotalPassportError: it cannot start; the text says why and what to do.
        """
        installation.require()
        self.runner.start(tasks.describe_segmentation_job(segmentation, numberedSegments, self.runner.listener.logged))

    def downloadModel(self, name: str):
        """Start to bring a model of the catalogue into the user's store; returns at once.

        :raises TotalPassportError: it cannot start; the text says why and what to do.
        """
        installation.require(conversion=True)
        self.runner.start(tasks.download_model_job(name))

    def importModels(self, paths):
        """Start to bring models from files or folders into the user's store; returns at once.

        :param paths: zips or folders of official weights, or one model; none means TotalSegmentator's own folder.
        :raises TotalPassportError: it cannot start; the text says why and what to do.
        """
        paths = [Path(path) for path in paths]
        installation.require(tasks.needs_conversion(paths))
        self.runner.start(tasks.import_models_job(paths))

    def removeModel(self, name: str):
        """Delete a model from the user's store.

        :raises TotalPassportError: it is not there, or cannot be deleted.
        """
        store.remove(name)

    def waitForFinished(self, timeoutSeconds: float = 3600.0) -> Outcome | None:
        """Keep Slicer alive until the run is over and return how it ended; None if it is not over in time."""
        return self.runner.wait(timeoutSeconds)

    def cancel(self):
        """Ask the run to stop; it is ended by force if it does not within a few seconds."""
        self.runner.cancel()

    def shutdown(self):
        """End a run at once and leave nothing behind."""
        self.runner.shutdown()

    def passportOf(self, textNode):
        """Return the TotalPassportLib.passport.Passport that a text node holds."""
        return stored_passport(textNode)

    def exportPassport(self, textNode, path):
        """Write a stored passport to a JSON file, whole or not at all."""
        export_passport(textNode, Path(path))

    def show(self, nodes: ScanNodes, surfaces: bool, centroids: bool, axes: bool, ellipsoids: bool = False):
        """Show or hide the parts of a scan's passport."""
        if nodes.segmentation is not None:
            segmentations.show_in_3d(nodes.segmentation, surfaces)
        presentation.show(nodes, centroids, axes, ellipsoids)

    def showSource(self, nodes: ScanNodes):
        """Show the scan in the slice views, and all of it in the 3D view."""
        presentation.show_source(nodes.source)

    def showOrgan(self, nodes: ScanNodes, organ):
        """Center the slice views on an organ and show its principal axes."""
        presentation.show_organ(nodes, organ)
        presentation.center_slices(nodes, organ)

    def compare(self, first, second):
        """Compare two passports' text nodes and make a table and a plot of the changes; return the Comparison.

        :raises TotalPassportError: they cannot be compared; the text says why.
        """
        return comparison_nodes.compare(first, second)

    def showPlot(self, first, second):
        """Show the plot of a comparison in the views; the layout changes if it has none for plots."""
        comparison_nodes.show_plot(first, second)

    def align(self, fixed, moving, kind: str = "rigid", surfaces: bool = True):
        """Lay the scan of one passport's text node onto that of another; return the Alignment.

        :raises TotalPassportError: the passports cannot tell how the scans lie; the text says why.
        """
        return alignment_nodes.align(ScanNodes(fixed), ScanNodes(moving), kind, surfaces)

    def undoAlignment(self, moving):
        """Put a scan that was laid onto another one back to where it was; return whether it was."""
        return alignment_nodes.undo(ScanNodes(moving))

    def alignmentVerdict(self, moving):
        """Return how well a scan lies on the one it was laid onto; an empty text if it is not aligned."""
        return alignment_nodes.verdict(ScanNodes(moving))


class TotalPassportTest(ScriptedLoadableModuleTest):
    """The whole story with the demo model; runs in Slicer and in the test host."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        """Run all tests."""
        self.setUp()
        self.test_story()

    def test_story(self):
        """The sample CT gives organs, a passport, and all their nodes."""
        run_story(TotalPassportLogic(), self.delayDisplay)
