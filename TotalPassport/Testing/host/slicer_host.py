"""The host itself: one Slicer-like application per process."""

from __future__ import annotations

import atexit
import gc
import importlib.util
import os
import shutil
import sys
import time
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import shiboken6

from . import (
    application,
    conversions,
    environment,
    errors,
    file_readers,
    launcher,
    packages,
    parameter_node,
    qt_module,
    scripted_module,
    signals,
    stand_ins,
)
from .dialogs import answers, install_in_slicer_util


class SlicerHost:
    """Runs scripted modules without the application. Use `start`; there is one host per process.

    Attributes
    ----------
    answers : host.dialogs.Answers
        Prepared answers to dialogs and the record of those shown.
    errors : host.errors.ErrorLog
        Exceptions and error messages that Slicer would only print.
    packaging : host.packages.Packaging
        What installing Python packages means.
    home : Path
        Private folder of this host; gone when the process ends.
    """

    _instance: SlicerHost | None = None

    @classmethod
    def start(cls) -> SlicerHost:
        """The host of this process, started if need be.

        Raises
        ------
        RuntimeError
            If the libraries it needs are missing.
        """
        if cls._instance is None:
            reason = environment.host_unavailable_reason()
            if reason:
                raise RuntimeError(reason)
            cls._instance = cls()
        return cls._instance

    def __init__(self) -> None:
        self.answers = answers
        self.errors = errors.error_log
        self.packaging = packages.Packaging()
        self.home = application.create_home()
        self._panels: list[Any] = []
        self._module_files: dict[Path, types.ModuleType] = {}
        self._views: dict[str, Any] = {}
        self._start_application()
        self._lasting_observers = scene_observer_count(self._bundle.scene)
        self.let_collector_pass_over_what_is_there()

    # Starting ---------------------------------------------------------------------------------------------------

    def _start_application(self) -> None:
        errors.install_exception_hooks()
        errors.install_vtk_error_observer()
        errors.install_qt_message_handler()
        sys.modules["qt"] = qt_module.build()
        self.app = application.SlicerApplication(self.home)
        launcher.install(self.home)
        self._fill_slicer_module()
        atexit.register(self._close)

    def _fill_slicer_module(self) -> None:
        import slicer
        import slicer.util

        from . import layout, modules, scene, subject_hierarchy, widget_registry

        _remove_leaked_names(slicer)
        self._bundle = scene.create_scene(self.home)
        self._hierarchy = subject_hierarchy.SubjectHierarchyMirror(self._bundle.scene)
        slicer.mrmlScene = self._bundle.scene
        slicer.app = self.app
        slicer.modules = modules.Modules(self._bundle.logics, scene.MODULE_LOGICS)
        slicer.modules.sampleDataSources = {}
        slicer.selfTests = {}
        slicer.qSlicerScriptedLoadableModule = modules.qSlicerScriptedLoadableModule
        slicer.qSlicerScriptedLoadableModuleWidget = modules.qSlicerScriptedLoadableModuleWidget
        conversions.install_constructors(widget_registry.widget_classes().values())
        vars(slicer).update(widget_registry.slicer_widget_classes())
        sys.modules["ctk"] = widget_registry.build_ctk()
        sys.modules["SampleData"] = stand_ins.build_sample_data()
        for module in (
            scripted_module.build(),
            parameter_node.build(),
            stand_ins.build_i18n(),
        ):
            sys.modules[module.__name__] = module
            setattr(slicer, module.__name__.split(".")[1], module)
        install_in_slicer_util(slicer.util)
        self.packaging.install_in(slicer)
        self.layout_manager = layout.LayoutManager(self._bundle)
        self.app.host_attach(self._bundle, self.layout_manager, slicer.modules)

    # Modules ----------------------------------------------------------------------------------------------------

    def load_module(self, path: str | os.PathLike[str], enter: bool = True) -> Any:
        """Load a scripted module as the application does at start-up, and open it.

        Parameters
        ----------
        path : str | os.PathLike[str]
            The module's .py file; its folder is put on ``sys.path``.
        enter : bool
            Whether the user opens the module after start-up.

        Returns
        -------
        Any
            The module's widget instance.
        """
        import slicer

        from . import modules

        file = self._import(Path(path).resolve())
        name = Path(path).stem
        module = modules.qSlicerScriptedLoadableModule(name, str(Path(path).resolve()))
        slicer.modules.add_scripted(module, getattr(file, name)(module))
        reader = file_readers.reader_of_module(name)
        if reader is not None:
            self.app.ioManager().registerIO(reader)
        self.app.startupCompleted.emit()
        self.process_events()
        panel = modules.qSlicerScriptedLoadableModuleWidget(module)
        panel.setMRMLScene(slicer.mrmlScene)
        widget = getattr(file, f"{name}Widget")(panel)
        panel._python_self = widget
        module._widget_representation = panel
        setattr(slicer.modules, f"{name}Widget", widget)
        self._panels.append(panel)
        widget.setup()
        if enter:
            self.enter(widget)
        return widget

    def _import(self, path: Path) -> types.ModuleType:
        """Import a module file once per process, as the application does."""
        if path not in self._module_files:
            if str(path.parent) not in sys.path:
                sys.path.insert(0, str(path.parent))
            spec = importlib.util.spec_from_file_location(path.stem, path)
            file = importlib.util.module_from_spec(spec)
            sys.modules[path.stem] = file
            spec.loader.exec_module(file)
            self._module_files[path] = file
        return self._module_files[path]

    def enter(self, widget: Any) -> None:
        """The user opens a module."""
        self.panel_of(widget)._is_entered = True
        _call_if_there(widget, "enter")
        self.process_events()

    def exit(self, widget: Any) -> None:
        """The user goes to another module."""
        self.panel_of(widget)._is_entered = False
        _call_if_there(widget, "exit")
        self.process_events()

    def panel_of(self, widget: Any) -> Any:
        return next(panel for panel in self._panels if panel.self() is widget)

    def run_module_test(self, path: str | os.PathLike[str]) -> None:
        """Run a module's own test class, as "Reload and Test" does."""
        file = self._import(Path(path).resolve())
        getattr(file, f"{Path(path).stem}Test")().runTest()

    def drop_files(self, *paths: str | os.PathLike[str]) -> bool:
        """Let the user drop files onto the application, or choose them in File > Add data, and click OK.

        Each is read as what is listed first for it. What was reported is shown as the application does: not at all if
        all went well, else as "warning" or "error" among what `answers` has recorded.
        """
        import slicer

        manager, messages = self.app.ioManager(), slicer.vtkMRMLMessageCollection()
        known = {os.path.abspath(path): manager.fileDescriptions(os.path.abspath(path)) for path in paths}
        files = [
            {"fileName": path, "fileType": manager.fileTypeFromDescription(readers[0])}
            for path, readers in known.items()
            if readers
        ]
        done = manager.loadNodes(files, None, messages)
        if not done or messages.GetNumberOfMessages():
            self.answers.tell("warning" if done else "error", messages.GetAllMessagesAsString())
        self.process_events()
        return done

    # Time -------------------------------------------------------------------------------------------------------

    def process_events(self) -> None:
        """Deliver everything that is pending, deferred deletions included."""
        self.app.processEvents()
        self.app.sendPostedEvents(None, 52)  # QEvent.DeferredDelete: no event loop of ours ever returns to do it
        self.app.processEvents()

    def wait_until(self, condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Process events until ``condition()`` is true.

        Raises
        ------
        TimeoutError
            If it is not within ``timeout_s`` seconds; the message has the errors collected so far.
        """
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {timeout_s} s in vain\n{self.errors.report()}")
            self.app.processEvents()
            time.sleep(0.005)

    # Pictures ---------------------------------------------------------------------------------------------------

    def render_3d_view(
        self,
        path: str | os.PathLike[str],
        size: Sequence[int] = (800, 600),
        camera: Any = "anterior",
        zoom: float = 1.0,
    ) -> None:
        """Write a PNG of the 3-D view.

        Parameters
        ----------
        camera : Any
            "anterior", "posterior", "left", "right", "superior", "inferior" or "oblique", which fit
            everything into the picture; (position, focal point, view up) in RAS mm; or None to leave the
            camera where the module put it.
        zoom : float
            Magnifies after the fitting, which leaves some room around what is shown.
        """
        from . import rendering

        self.process_events()
        view = rendering.three_d_view(self._views, self._bundle)
        if camera is not None:
            view.look(self.layout_manager.threeDWidget(0).threeDView().cameraNode(), camera, zoom)
        view.save(path, size)

    def render_slice_view(
        self, name: str, path: str | os.PathLike[str], size: Sequence[int] = (512, 512), fit: bool = True
    ) -> None:
        """Write a PNG of the slice view "Red", "Yellow" or "Green".

        Parameters
        ----------
        fit : bool
            Whether to zoom so that the background volume fills the picture; the slice shown stays the same.
        """
        from . import rendering

        self.process_events()
        view = rendering.slice_view(self._views, self._bundle, name)
        view.before_render(size)
        if fit:
            offset = view.logic.GetSliceOffset()
            view.logic.FitSliceToBackground()
            view.logic.SetSliceOffset(offset)
        view.save(path, size)

    def three_d_frames(self, count: int, size: Sequence[int] = (800, 600)) -> list[float]:
        """Return how many seconds each of some frames of the 3-D view takes, while the camera goes round."""
        from . import rendering

        view = rendering.three_d_view(self._views, self._bundle)
        view.window.SetSize(*size)
        return [view.frame_seconds() for _ in range(count)]

    def grab_widget(self, widget: Any, path: str | os.PathLike[str]) -> None:
        """Write a PNG of a widget, such as ``module_widget.parent``; its size is kept if it has been shown."""
        if not widget.visible:
            hint = widget.sizeHint
            hint = hint() if callable(hint) else hint  # a Python class that redefines it has a method
            widget.resize(420, max(600, hint.height()))
            widget.show()
        self.process_events()
        if not widget.grab().save(os.fspath(path)):
            raise OSError(f"no picture could be written to {path}")

    # Between tests ----------------------------------------------------------------------------------------------

    def set_testing(self, enabled: bool) -> None:
        """Whether ``slicer.app.testingEnabled()``, as with the command line option ``--testing``."""
        self.app.host_set_testing(enabled)

    @staticmethod
    def let_collector_pass_over_what_is_there() -> None:
        """Spare the collection after every test what lives as long as the process: libraries, the host, the module."""
        gc.collect()
        gc.freeze()

    def reset(self) -> None:
        """End a test: close modules, clear the scene, and fail for whatever was left behind.

        Raises
        ------
        host.errors.HostFailure
            For collected errors, unanswered dialogs, error displays that the test did not take, running
            timers and processes, and observers that a module did not remove.
        """
        self.process_events()
        self._close_panels()
        gc.collect()  # widgets in reference cycles, which still observe the scene
        self._check_leftovers()
        self._clear()
        self.answers.check()
        self.errors.check()

    def _close_panels(self) -> None:
        import slicer

        for panel in reversed(self._panels):
            widget = panel.self()
            if panel.isEntered:
                self.exit(widget)
            widget.cleanup()
            for observation in getattr(widget, "Observations", ()):
                self.errors.add("leftover", f"after cleanup() the panel still observes: {observation[:2]}")
            slicer.modules.remove_scripted(panel.module().name)
            shiboken6.delete(panel)
        self._panels.clear()
        self.app.ioManager().host_unregister()
        signals.disconnect_everything(self.app, "startupCompleted")

    def _check_leftovers(self) -> None:
        for process in qt_module.running_processes():
            self.errors.add("leftover", f"a QProcess is still running: {process.program()} {process.arguments()}")
        for timer in qt_module.active_timers():
            self.errors.add("leftover", f"a timer is still ticking ({timer.interval} ms)")
        qt_module.stop_everything()
        for pid, command in environment.remaining_processes().items():
            self.errors.add("leftover", f"process {pid} is still running: {command}")
        self.close_views()
        more = scene_observer_count(self._bundle.scene) - self._lasting_observers
        if more > 0:
            self.errors.add("leftover", f"{more} observers of the scene were not removed")
            self._lasting_observers += more
        if self.app.isRenderPaused:
            self.errors.add("leftover", "rendering is still paused")
            while self.app.isRenderPaused:
                self.app.resumeRender()

    def _clear(self) -> None:
        import slicer

        slicer.mrmlScene.Clear(False)
        for node in slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode"):
            slicer.mrmlScene.RemoveNode(node)  # singletons, which Clear() keeps
        self.layout_manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        self.app.setTemporaryPath(str(self.home / "tmp"))
        slicer.modules.sampleDataSources.clear()
        self.packaging.reset()
        self.set_testing(False)
        self.app.settings().clear()
        self.process_events()

    def close_views(self) -> None:
        """Release the off-screen views, if pictures were made."""
        for view in self._views.values():
            view.close()
        self._views.clear()

    def _close(self) -> None:
        """The process ends."""
        self.close_views()
        shutil.rmtree(self.home, ignore_errors=True)


def _call_if_there(widget: Any, name: str) -> None:
    """Call a method that a module's panel may have, and its base class has not."""
    method = getattr(widget, name, None)
    if method is not None:
        method()


def scene_observer_count(scene: Any) -> int:
    """How many observers the scene has. VTK does not count them, but its description lists them."""
    return str(scene).count("vtkObserver (")


def _remove_leaked_names(slicer_module: types.ModuleType) -> None:
    """slicer-core puts everything in ``slicer.util`` into ``slicer`` as well; the application does not."""
    for name in list(vars(slicer_module)):
        if name in vars(slicer_module.util) and not name.startswith("__"):
            delattr(slicer_module, name)
