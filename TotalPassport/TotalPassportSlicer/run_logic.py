"""Starting and ending work, for the panel and for scripts: the part of the module's logic that runs scans.

What cannot be done raises a `TotalPassportError`, whose text says why and what to do next.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.suggestions import did_you_mean
from TotalPassportLib.models import store
from TotalPassportLib.models.catalogue import list_models
from TotalPassportLib.options import DEFAULT_OPTIONS, RunOptions, option_names

from .child import tasks
from .child.batch_job import batch_job, skip_what_did_not_run
from .child.jobs import Finished, Outcome, RunListener, State, another_run
from .child.runner import JobRunner
from .child.scan_jobs import queued_frames, queued_volumes, table_of_all
from .child.scan_list import ScanList
from .child.scan_queue import ScanQueue
from .install import installation, package_work
from .nodes import mask_import
from .nodes.segmentations import Numbers
from .nodes.sequence_frames import has_volumes


class RunLogic:
    """Runs one thing at a time: a scan, several, a segmentation to be measured, models to be brought in.

    Parameters
    ----------
    runner : JobRunner, optional
        Owns the child process.
    """

    def __init__(self, runner: JobRunner | None = None) -> None:
        self.runner = runner or JobRunner()
        self.queue = ScanQueue(self.runner)
        self._of_folder = False

    def setListener(self, listener: RunListener) -> None:
        """Set who hears the states, the progress, the log and the end of a run."""
        self.queue.listener = listener

    @property
    def state(self) -> State:
        """Where the run stands, or that packages are being changed."""
        return State.INSTALLING if package_work.is_under_way() else self.queue.state

    @property
    def busy(self) -> bool:
        """Whether a run is under way, or packages are being changed."""
        return self.state is not State.IDLE

    @property
    def scans(self) -> ScanList:
        """The scans of the last run of several, and where each of them stands."""
        return self.queue.scans

    @property
    def runsSeveral(self) -> bool:
        """Whether several scans are under way."""
        return self.queue.active or (self._of_folder and self.runner.busy)

    # -- one scan -------------------------------------------------------------------------------------------------

    def run(self, inputVolume: Any, *, wait: bool = True, finished: Finished | None = None, **options: Any) -> Any:
        """Segment a scan and make its passport.

        Parameters
        ----------
        inputVolume : vtkMRMLScalarVolumeNode
            The scan.
        wait : bool
            Whether to return when all is done; Slicer's window stays alive meanwhile.
        finished : callable, optional
            Called with the `Outcome` at the end, whether or not it is waited for; ``outcome.result()`` returns the
            nodes, or raises why there are none.
        **options
            Of `RunOptions`: ``task="total"``, ``fast=True``, ``roi=["liver"]``, ...

        Returns
        -------
        ScanNodes, with ``passport``, ``segmentation``, ``table``, ...; None if it is not waited for.

        Raises
        ------
        TotalPassportError
            There is no such option, or, if it is waited for, the run has failed.
        """
        heard = finished or (_ignore if wait else None)
        self.process(inputVolume, options_named(**options), finished=heard)
        return self._result() if wait else None

    def process(
        self,
        inputVolume: Any,
        options: RunOptions = DEFAULT_OPTIONS,
        outputSegmentation: Any | None = None,
        finished: Finished | None = None,
    ) -> None:
        """Start to segment a scan and to make its passport; returns at once.

        Parameters
        ----------
        inputVolume : vtkMRMLScalarVolumeNode
            The scan; a CT in Hounsfield units.
        options : RunOptions
            The model, where and how it runs, what is kept; see `TotalPassportLib.options`.
        outputSegmentation : vtkMRMLSegmentationNode, optional
            Receives the organs; the one of an earlier run or a new one if None.
        finished : callable, optional
            Called with the `Outcome` at the end; the panel then opens no dialog for a failure.
        """
        self._require_idle()
        installation.require()
        _require_volume(inputVolume)
        job = tasks.segment_volume_job(inputVolume, options, outputSegmentation, self.queue.logged)
        self.runner.start(job, finished)

    def processSegmentation(
        self, segmentation: Any, numbers: Numbers = Numbers.ASSUMED, finished: Finished | None = None
    ) -> None:
        """Start to make the passport of an existing segmentation; returns at once.

        Parameters
        ----------
        segmentation : vtkMRMLSegmentationNode
            It is not changed, but for segments that are only numbered: they are named if they are known.
        numbers : Numbers
            What the numbers of segments called "Segment_5" or "5" are: TotalSegmentator's labels if that is plausible,
            as by default, or surely, or surely not.
        finished : callable, optional
            As of `process`.
        """
        self._require_idle()
        installation.require()
        job = tasks.describe_segmentation_job(segmentation, numbers, self.queue.logged)
        self.runner.start(job, finished)

    def importMasks(self, folder: str | Path) -> Any:
        """Load a folder of binary masks, which may overlap, into a new segmentation node and return that."""
        installation.require()
        return mask_import.load_masks(Path(folder), self.queue.logged)

    # -- several scans --------------------------------------------------------------------------------------------

    def runScans(self, volumes: Any, **options: Any) -> Any:
        """Segment several volumes of the scene, one after another, and return the `ScansTable` of all organs.

        A scan that fails stops no other; ``logic.scans.entries`` says how each has ended.

        Parameters
        ----------
        volumes : sequence of vtkMRMLScalarVolumeNode
            In their order; or one such node, or one vtkMRMLSequenceNode, whose frames are taken.
        **options
            As of `run`.

        Raises
        ------
        TotalPassportError
            None of them could be segmented.
        """
        self.processScans(volumes, options_named(**options), finished=_ignore)
        return self._result()

    def processScans(
        self, volumes: Any, options: RunOptions = DEFAULT_OPTIONS, finished: Finished | None = None
    ) -> None:
        """Start to segment several volumes, or the frames of a sequence, one after another; returns at once.

        The outcome's value is the `ScansTable` of all organs. See `runScans` and `process`.
        """
        self._require_idle()
        installation.require()
        if hasattr(volumes, "GetNthDataNode"):
            if not has_volumes(volumes):
                name = volumes.GetName()
                raise BadInput(_("'{name}' is no sequence of volumes.").format(name=name), _("Choose another one."))
            scans, title = queued_frames(volumes, options), volumes.GetName()
        else:
            nodes = list(volumes) if isinstance(volumes, Iterable) else [volumes]
            for node in nodes:
                _require_volume(node)
            scans, title = queued_volumes(nodes, options, self.queue.logged), ""
        if not scans:
            raise BadInput(_("There is no scan to run."), _("Choose at least one."))
        self.queue.start(scans, table_of_all(title), finished)

    def runFolder(self, inputs: Any, outputFolder: str | Path, **options: Any) -> Any:
        """Segment all scans of a folder into another one and return the `ScansTable` of all organs.

        What was finished before with these options is not done again.

        Parameters
        ----------
        inputs : str, Path, or sequence of them
            Folders, files, patterns and lists, as of ``totalpassport batch``.
        outputFolder : str or Path
            Gets the results in the layout of that command, which can continue there.
        **options
            As of `run`.

        Raises
        ------
        TotalPassportError
            There is no scan, or the folder has results of other options.
        """
        self.processFolder(inputs, outputFolder, options_named(**options), finished=_ignore)
        return self._result()

    def processFolder(
        self,
        inputs: Any,
        outputFolder: str | Path,
        options: RunOptions = DEFAULT_OPTIONS,
        finished: Finished | None = None,
    ) -> None:
        """Start to segment all scans of a folder; returns at once. See `runFolder` and `process`."""
        self._require_idle()
        installation.require()
        paths = [Path(path) for path in ([inputs] if isinstance(inputs, str | Path) else inputs)]
        scans = self.queue.scans

        def ended(outcome: Outcome) -> None:
            skip_what_did_not_run(scans, outcome)
            if finished is not None:
                finished(outcome)

        self._of_folder = True
        self.runner.start(batch_job(paths, Path(outputFolder), options, scans), ended, heard=finished is not None)

    # -- what a run needs -----------------------------------------------------------------------------------------

    def missingPackages(self, conversion: bool = False) -> list[str]:
        """Return the Python packages that are needed and not installed, such as ``nibabel>=5.2``.

        Parameters
        ----------
        conversion : bool
            Also those that `downloadModel` needs.
        """
        return [name for names in installation.missing_packages(conversion).values() for name in names]

    def installPackages(self, conversion: bool = False) -> None:
        """Install them, without asking, and without touching those that Slicer brings along.

        Raises
        ------
        TotalPassportError
            It went wrong.
        """
        with package_work.exclusively(self.queue.packages_changed):
            for file, names in installation.missing_packages(conversion).items():
                self.queue.logged(installation.install_missing(names, file))

    def missingModels(self, **options: Any) -> list[str]:
        """Return the models that a run with these options needs and that are not installed, for `downloadModel`."""
        there = {entry.name: entry.installed for entry in list_models()}
        return [name for name in options_named(**options).models() if not there.get(name, True)]

    # -- models ---------------------------------------------------------------------------------------------------

    def downloadModel(self, *names: str) -> None:
        """Start to bring models of the catalogue, with what they need, into the user's store; returns at once."""
        self._require_idle()
        installation.require(conversion=True)
        self.runner.start(tasks.download_models_job(names))

    def importModels(self, paths: Iterable[str | Path]) -> None:
        """Start to bring models from files or folders into the user's store; returns at once.

        Those are zips or folders of official weights, or one model; none means TotalSegmentator's own folder.
        """
        self._require_idle()
        sources = [Path(path) for path in paths]
        installation.require(tasks.needs_conversion(sources))
        self.runner.start(tasks.import_models_job(sources))

    def removeModel(self, name: str) -> None:
        """Delete a model from the user's store."""
        store.remove_model(name)

    # -- the end --------------------------------------------------------------------------------------------------

    def waitForFinished(self, timeoutSeconds: float = 3600.0) -> Outcome | None:
        """Keep Slicer alive until the run is over and return how it ended; None if it is not over in time."""
        return self.queue.wait(timeoutSeconds)

    def cancel(self) -> None:
        """Ask the run to stop; it is ended by force if it does not within a few seconds."""
        if self.queue.active:
            self.queue.cancel()
        else:
            self.runner.cancel()

    def shutdown(self) -> None:
        """End a run at once and leave nothing behind."""
        self.queue.shutdown()

    def _result(self) -> Any:
        outcome = self.waitForFinished(math.inf)
        assert outcome is not None  # it was waited for however long it took
        return outcome.result()

    def _require_idle(self) -> None:
        if self.queue.active:  # between two of its scans, too
            raise another_run()
        self._of_folder = self._of_folder and self.runner.busy


def options_named(**options: Any) -> RunOptions:
    """Return the options of a run by their names; where several names are wanted, one text or any sequence will do.

    Raises
    ------
    BadInput
        There is no such option.
    """
    known = option_names()
    for name in options:
        if name not in known:
            raise BadInput(_("A run has no option '{name}'.").format(name=name), did_you_mean(name, known))
    several = {name for name in known if isinstance(getattr(DEFAULT_OPTIONS, name), tuple)}
    return RunOptions.from_entries(
        {name: _names(value) if name in several else value for name, value in options.items()}
    )


def _names(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _require_volume(node: Any) -> None:
    if node is None or not hasattr(node, "GetImageData") or not node.IsA("vtkMRMLScalarVolumeNode"):
        raise BadInput(_("What was given is no volume."), _("Give a vtkMRMLScalarVolumeNode, such as getNode('CT')."))


def _ignore(_outcome: Outcome) -> None:
    """Hear of the end and do nothing: it is raised or returned."""
