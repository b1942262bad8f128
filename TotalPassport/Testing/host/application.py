"""``slicer.app``: the application object, with what scripted modules ask it for."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from PySide6 import QtCore, QtWidgets
from PySide6.QtCore import Property, Signal

from .node_io import CoreIOManager

#: The Slicer version that the host claims to be; slicer-core is built from it.
MAJOR_VERSION, MINOR_VERSION, PATCH_VERSION = 5, 13, 0


class _CommandOptions:
    """Command line options of the application that modules look at."""

    noMainWindow = True
    runPythonAndExit = False
    testingEnabled = False


class _FactoryManager:
    def __init__(self, modules: Any) -> None:
        self._modules = modules

    def loadedModuleNames(self) -> list[str]:
        return self._modules.names()


class _ModuleManager:
    """``slicer.app.moduleManager()``."""

    def __init__(self, modules: Any) -> None:
        self._modules = modules

    def module(self, name: str) -> Any:
        return self._modules.find(name)

    def factoryManager(self) -> _FactoryManager:
        return _FactoryManager(self._modules)


class SlicerApplication(QtWidgets.QApplication):
    """Stands for qSlicerApplication."""

    host_strict = True
    host_signals: ClassVar = {
        "startupCompleted()": "startupCompleted",
        "mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged",
    }
    startupCompleted = Signal()
    mrmlSceneChanged = Signal(object)

    def __init__(self, home: Path) -> None:
        super().__init__(["Slicer"])
        self._home = home
        self._startup_environment = QtCore.QProcessEnvironment.systemEnvironment()
        self._testing = False
        self._bundle = None
        self._layout_manager = None
        self._io_manager = None
        self._modules = None
        self._render_paused = 0
        self.setApplicationName("Slicer")
        self.setOrganizationName("TotalPassportTestHost")
        self.setApplicationVersion(f"{MAJOR_VERSION}.{MINOR_VERSION}.{PATCH_VERSION}")
        self._use_private_settings()
        temporary = home / "tmp"
        temporary.mkdir(exist_ok=True)
        self._temporary_path = str(temporary)

    def _use_private_settings(self) -> None:
        """Keep ``qt.QSettings`` out of the developer's home folder."""
        settings_folder = self._home / "settings"
        settings_folder.mkdir(exist_ok=True)
        QtCore.QSettings.setDefaultFormat(QtCore.QSettings.IniFormat)
        for scope in (QtCore.QSettings.UserScope, QtCore.QSettings.SystemScope):
            QtCore.QSettings.setPath(QtCore.QSettings.IniFormat, scope, str(settings_folder))

    def host_attach(self, bundle: Any, layout_manager: Any, modules: Any) -> None:
        """Give the application its scene, views and modules."""
        self._bundle = bundle
        self._layout_manager = layout_manager
        self._modules = modules
        self._io_manager = CoreIOManager(bundle)
        self.mrmlSceneChanged.emit(bundle.scene)

    def host_set_testing(self, enabled: bool) -> None:
        """What ``testingEnabled()`` answers."""
        self._testing = enabled

    # The scene and its surroundings -------------------------------------------------------------------------------

    def mrmlScene(self):
        return self._bundle.scene

    def applicationLogic(self):
        return self._bundle.application_logic

    def layoutManager(self):
        return self._layout_manager

    def coreIOManager(self) -> CoreIOManager:
        return self._io_manager

    def ioManager(self) -> CoreIOManager:
        return self._io_manager

    def moduleManager(self) -> _ModuleManager:
        return _ModuleManager(self._modules)

    def moduleLogic(self, name: str):
        return self._modules.find(name).logic()

    def pauseRender(self) -> None:
        self._render_paused += 1

    def resumeRender(self) -> None:
        if self._render_paused == 0:
            raise RuntimeError("resumeRender() without pauseRender()")
        self._render_paused -= 1

    def _is_render_paused(self) -> bool:
        return self._render_paused > 0

    isRenderPaused = Property(bool, _is_render_paused)

    # Facts about the application ------------------------------------------------------------------------------------

    def testingEnabled(self) -> bool:
        return self._testing

    def commandOptions(self) -> _CommandOptions:
        return _CommandOptions()

    def isInstalled(self) -> bool:
        return True

    def startupEnvironment(self) -> QtCore.QProcessEnvironment:
        return self._startup_environment

    def userSettings(self) -> QtCore.QSettings:
        return QtCore.QSettings()

    def settings(self) -> QtCore.QSettings:
        return QtCore.QSettings()

    def revisionUserSettings(self) -> QtCore.QSettings:
        return QtCore.QSettings(self.organizationName, self.applicationName + "-revision")

    def restart(self) -> None:
        raise RuntimeError("a module asked the application to restart")

    def _get_temporary_path(self) -> str:
        return self._temporary_path

    def setTemporaryPath(self, path: str) -> None:
        self._temporary_path = str(path)

    temporaryPath = Property(str, _get_temporary_path, setTemporaryPath)
    slicerHome = Property(str, lambda self: str(self._home))
    extensionsInstallPath = Property(str, lambda self: str(self._home / "extensions"))
    cachePath = Property(str, lambda self: str(self._home / "cache"))
    majorVersion = Property(int, lambda self: MAJOR_VERSION)
    minorVersion = Property(int, lambda self: MINOR_VERSION)
    repositoryRevision = Property(str, lambda self: "host")
    revision = Property(str, lambda self: "host")
    mainApplicationName = Property(str, lambda self: "Slicer")
    os = Property(str, lambda self: {"nt": "win"}.get(os.name, "linux"))
    launcherExecutableFilePath = Property(str, lambda self: str(self._home / "bin" / "Slicer"))


def create_home() -> Path:
    """A private folder for everything that the application would keep in its installation or the user's home."""
    return Path(tempfile.mkdtemp(prefix="slicer-test-host-"))
