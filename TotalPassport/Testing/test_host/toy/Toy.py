"""A small scripted module as a developer of Slicer modules would write it; the host's tests run it."""

import enum
import shutil
from typing import Annotated

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Default, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import *  # noqa: F403 - as Slicer's template does
from slicer.util import VTKObservationMixin


class Toy(ScriptedLoadableModule):  # noqa: F405
    """The module."""

    started = 0

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)  # noqa: F405
        parent.title = _("Toy")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        slicer.app.connect("startupCompleted()", self.onStartup)

    def onStartup(self):
        """The application has started."""
        Toy.started += 1


class Flavour(enum.Enum):
    """A choice of the panel."""

    SWEET = "sweet"
    SOUR = "sour"

    def label(self):
        """The text in the combo box."""
        return self.value.title()


@parameterNodeWrapper
class ToyParameterNode:
    """What the panel shows."""

    inputVolume: slicer.vtkMRMLScalarVolumeNode
    threshold: Annotated[float, WithinRange(-10, 200), Default(50)]
    repetitions: int = 3
    invert: bool = False
    title: str = "toy"
    flavour: Flavour = Flavour.SOUR


class ToyWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):  # noqa: F405
    """The panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)  # noqa: F405
        VTKObservationMixin.__init__(self)
        self.output = b""
        self.process = None
        self.parameters = None
        self._tag = None

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)  # noqa: F405
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/Toy.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = ToyLogic()
        self.ui.runButton.connect("clicked(bool)", self.onRun)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.closings = []

    def enter(self):
        self.setParameterNode(ToyParameterNode(self.logic.getParameterNode()))

    def exit(self):
        self.setParameterNode(None)

    def cleanup(self):
        self.setParameterNode(None)
        self.removeObservers()

    def onSceneStartClose(self, caller, event):
        self.closings.append("start")
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event):
        self.closings.append("end")
        self.enter()

    def setParameterNode(self, parameters):
        """Show a parameter node, or none."""
        if self.parameters is not None:
            self.parameters.disconnectGui(self._tag)
            self.removeObserver(self.parameters, vtk.vtkCommand.ModifiedEvent, self.onModified)
        self.parameters = parameters
        if parameters is not None:
            self._tag = parameters.connectGui(self.ui)
            self.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, self.onModified)
            self.onModified()

    def onModified(self, caller=None, event=None):
        """The parameters have changed."""
        self.ui.runButton.enabled = self.parameters.inputVolume is not None

    def onRun(self):
        """Start a child process that says how much it was given."""
        self.output = b""
        self.process = qt.QProcess()
        self.process.readyReadStandardOutput.connect(self.onOutput)
        self.process.connect("finished(int,QProcess::ExitStatus)", self.onFinished)
        environment = qt.QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONUTF8", "1")
        self.process.setProcessEnvironment(environment)
        self.process.start(shutil.which("PythonSlicer"), ["-c", "print(len(input()), 'characters')"])
        self.process.write(b"hello\n")
        self.process.closeWriteChannel()

    def onOutput(self):
        """The child says something."""
        self.output += self.process.readAllStandardOutput().data()

    def onFinished(self, exitCode, exitStatus):
        """The child has ended."""
        self.ui.statusLabel.text = f"{exitCode} {self.output.decode().strip()}"


class ToyLogic(ScriptedLoadableModuleLogic):  # noqa: F405
    """Nothing to do."""


class ToyTest(ScriptedLoadableModuleTest):  # noqa: F405
    """The module's own test."""

    runs = 0

    def runTest(self):
        slicer.mrmlScene.Clear()
        self.delayDisplay("testing")
        ToyTest.runs += 1
