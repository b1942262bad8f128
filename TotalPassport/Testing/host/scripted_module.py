"""A thin stand-in for the module ``slicer.ScriptedLoadableModule``, written from the developer documentation."""

from __future__ import annotations

import logging
import os
import sys
import types
import unittest
from typing import Any


def _name_without(instance: Any, ending: str) -> str:
    """Return a module's name from that of one of its classes: TotalPassportWidget -> TotalPassport."""
    return type(instance).__name__.removesuffix(ending)


class ScriptedLoadableModule:
    """Describes a module: title, categories, help, icon."""

    def __init__(self, parent: Any) -> None:
        import slicer

        self.parent = parent
        self.moduleName = type(self).__name__
        parent.title = ""
        parent.categories = []
        parent.dependencies = []
        parent.contributors = ["the authors of the template"]
        parent.helpText = "This module was created from a template and the help section has not yet been updated."
        parent.acknowledgementText = "This work is supported by those who support the template."
        self._set_default_icon()
        slicer.selfTests[self.moduleName] = self.runTest

    def _set_default_icon(self) -> None:
        import qt

        paths = [self.resourcePath(os.path.join("Icons", self.moduleName + ending)) for ending in (".svg", ".png")]
        for path in [path for path in paths if os.path.isfile(path)][:1]:
            self.parent.icon = qt.QIcon(path)

    def resourcePath(self, filename: str) -> str:
        """Return the path of a file in the module's folder ``Resources``."""
        return os.path.join(os.path.dirname(self.parent.path), "Resources", filename)

    def getDefaultModuleDocumentationLink(self, docPage: str | None = None) -> str:
        """Return a link to the module's page."""
        return f'<p>For more information see the <a href="#">{docPage or self.moduleName}</a> module documentation.</p>'

    def runTest(self, msec: int = 100, **kwargs: Any) -> None:
        """Run the module's own test class."""
        name = f"{self.moduleName}Test"
        test_class = getattr(sys.modules[type(self).__module__], name, None)
        if test_class is None:
            raise AssertionError(f"Test case class not found: {type(self).__module__}.{name}")
        test = test_class()
        test.messageDelay = msec
        test.runTest(**kwargs)


class ScriptedLoadableModuleWidget:
    """A module's panel. A module may have ``enter()`` and ``exit()``; they are not in this class."""

    def __init__(self, parent: Any = None) -> None:
        import qt
        import slicer

        self.moduleName = _name_without(self, "Widget")
        self.developerMode = False
        self.parent = parent or slicer.qMRMLWidget()
        if parent is None:
            self.parent.setLayout(qt.QVBoxLayout())
            self.parent.setMRMLScene(slicer.mrmlScene)
        self.layout = self.parent.layout()
        if parent is None:
            self.setup()
            self.parent.show()

    def resourcePath(self, filename: str) -> str:
        """Return the path of a file in the module's folder ``Resources``."""
        import slicer

        return os.path.join(os.path.dirname(slicer.util.modulePath(self.moduleName)), "Resources", filename)

    def setup(self) -> None:
        """Build the panel; modules extend this. The developer's section does not exist here."""

    def cleanup(self) -> None:
        """Called when the panel is about to be destroyed."""

    def onReload(self) -> None:
        """Called by a button of the developer's section."""
        raise NotImplementedError("the host does not reload modules; load them again instead")


class ScriptedLoadableModuleLogic:
    """What a module does, without its panel."""

    def __init__(self, parent: Any = None) -> None:
        self.moduleName = _name_without(self, "Logic")
        self.isSingletonParameterNode = True

    def getParameterNode(self) -> Any:
        """Return the module's parameter node, created if there is none in the scene."""
        import slicer

        if self.isSingletonParameterNode:
            node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
            if node is not None and node.GetAttribute("ModuleName") != self.moduleName:
                node.SetAttribute("ModuleName", self.moduleName)  # closing the scene takes it away
        else:
            node = next(iter(self.getAllParameterNodes()), None)
        return node or slicer.mrmlScene.AddNode(self.createParameterNode())

    def getAllParameterNodes(self) -> list[Any]:
        """Return all parameter nodes of this module in the scene."""
        import slicer

        nodes = slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")
        return [node for node in nodes if node.GetAttribute("ModuleName") == self.moduleName]

    def createParameterNode(self) -> Any:
        """Return a new parameter node, which is not in the scene yet."""
        import slicer

        node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
        node.UnRegister(None)  # CreateNodeByClass gives its reference away
        if self.isSingletonParameterNode:
            node.SetSingletonTag(self.moduleName)
        node.SetAttribute("ModuleName", self.moduleName)
        node.SetName(slicer.mrmlScene.GenerateUniqueName(self.moduleName))
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    """A module's own test; ``runTest`` runs it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.enableScreenshots = False
        self.screenshotScaleFactor = 1.0
        self.moduleTestNames = [name for name in dir(self) if "test" in name and callable(getattr(self, name))]

    def delayDisplay(self, message: str, requestedDelay: int | None = None, msec: int | None = None) -> None:
        """Say what the test is doing."""
        import slicer

        slicer.util.delayDisplay(message, getattr(self, "messageDelay", msec or requestedDelay or 100))

    def takeScreenshot(self, name: str, description: str, type: int = -1) -> None:
        """Say what a picture would show; none is taken."""
        self.delayDisplay(description)
        if self.enableScreenshots:
            raise NotImplementedError("the host takes no screenshots for a module's own test")

    def runTest(self) -> None:
        """Run all tests, each with its preparation; modules may replace this."""
        self.setUpClass()
        for name in self.moduleTestNames:
            self.setUp()
            logging.info("Running %s", name)
            getattr(self, name)()
            self.tearDown()
        self.tearDownClass()


def build() -> types.ModuleType:
    """Make the module ``slicer.ScriptedLoadableModule``."""
    module = types.ModuleType("slicer.ScriptedLoadableModule", __doc__)
    classes = (
        ScriptedLoadableModule,
        ScriptedLoadableModuleWidget,
        ScriptedLoadableModuleLogic,
        ScriptedLoadableModuleTest,
    )
    for cls in classes:
        setattr(module, cls.__name__, cls)
    module.__all__ = [cls.__name__ for cls in classes]
    return module
