"""A thin stand-in for the module ``slicer.ScriptedLoadableModule``, written from the developer documentation."""

from __future__ import annotations

import os
import sys
import types
import unittest
from typing import Any


def _folder_of(instance: Any) -> str:
    """The folder of the file that defines the class of ``instance``."""
    return os.path.dirname(os.path.abspath(sys.modules[type(instance).__module__].__file__))


def _module_name(instance: Any, ending: str) -> str:
    """TotalPassportWidget -> TotalPassport."""
    return type(instance).__name__.removesuffix(ending)


class ScriptedLoadableModule:
    """Describes a module: title, categories, help, icon."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent
        self.moduleName = type(self).__name__
        parent.title = ""
        parent.categories = []
        parent.dependencies = []
        parent.contributors = []
        parent.helpText = ""
        parent.acknowledgementText = ""
        self._set_default_icon()

    def _set_default_icon(self) -> None:
        import qt

        path = self.resourcePath(os.path.join("Icons", f"{self.moduleName}.png"))
        if os.path.isfile(path):
            self.parent.icon = qt.QIcon(path)

    def resourcePath(self, filename: str) -> str:
        """The path of a file in the module's folder ``Resources``."""
        return os.path.join(_folder_of(self), "Resources", filename)

    def getDefaultModuleDocumentationLink(self, docPage: str | None = None) -> str:
        """A link to the module's page."""
        return f'<p>For more information see the <a href="#">{docPage or self.moduleName}</a> module documentation.</p>'

    def runTest(self, msec: int = 100, **kwargs) -> None:
        """Run the module's own test class."""
        test_class = getattr(sys.modules[type(self).__module__], f"{self.moduleName}Test")
        test = test_class()
        test.messageDelay = msec
        test.runTest(**kwargs)


class ScriptedLoadableModuleWidget:
    """A module's panel."""

    def __init__(self, parent: Any = None) -> None:
        import qt
        import slicer

        self.moduleName = _module_name(self, "Widget")
        self.developerMode = False
        if parent is None:
            parent = slicer.qMRMLWidget()
            parent.setLayout(qt.QVBoxLayout())
            parent.setMRMLScene(slicer.mrmlScene)
        self.parent = parent
        self.layout = parent.layout()

    def resourcePath(self, filename: str) -> str:
        """The path of a file in the module's folder ``Resources``."""
        return os.path.join(_folder_of(self), "Resources", filename)

    def setup(self) -> None:
        """Build the panel; modules extend this."""

    def cleanup(self) -> None:
        """Called when the panel is about to be destroyed."""

    def onReload(self) -> None:
        raise NotImplementedError("the host does not reload modules; load them again instead")


class ScriptedLoadableModuleLogic:
    """What a module does, without its panel."""

    def __init__(self, parent: Any = None) -> None:
        self.moduleName = _module_name(self, "Logic")
        self.isSingletonParameterNode = True

    def getParameterNode(self) -> Any:
        """The module's parameter node, created if there is none in the scene."""
        return next(iter(self.getAllParameterNodes()), None) or self.createParameterNode()

    def getAllParameterNodes(self) -> list[Any]:
        """All parameter nodes of this module in the scene."""
        import slicer

        nodes = slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")
        return [node for node in nodes if node.GetModuleName() == self.moduleName]

    def createParameterNode(self) -> Any:
        """A new parameter node; a singleton unless ``isSingletonParameterNode`` is False."""
        import slicer

        node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
        node.UnRegister(None)  # CreateNodeByClass gives its reference away
        if self.isSingletonParameterNode:
            node.SetSingletonTag(self.moduleName)
        node.SetModuleName(self.moduleName)
        node.SetName(slicer.mrmlScene.GenerateUniqueName(self.moduleName))
        return slicer.mrmlScene.AddNode(node)


class ScriptedLoadableModuleTest(unittest.TestCase):
    """A module's own test; ``runTest`` runs it."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.messageDelay = 0

    def delayDisplay(self, message: str, requestedDelay: int | None = None, msec: int | None = None) -> None:
        """Say what the test is doing."""
        import slicer

        slicer.util.delayDisplay(message, msec or requestedDelay or self.messageDelay)

    def runTest(self) -> None:
        """Modules replace this."""


def build() -> types.ModuleType:
    """The module ``slicer.ScriptedLoadableModule``."""
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
