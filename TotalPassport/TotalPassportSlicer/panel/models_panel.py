"""The section Models: which there are, bringing them in, deleting them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _
from TotalPassportLib.base.errors import ModelError
from TotalPassportLib.base.paths import official_folders
from TotalPassportLib.models.catalogue_entry import CatalogueEntry

from ..child import tasks
from ..child.jobs import Outcome, State, Status
from ..install import package_work
from ..nodes.marks import GOOD, WARNING, Mark
from . import model_list
from .buttons import allow, why_wait
from .dialogs import Dialogs
from .install_texts import addresses_text, weights_text
from .marked_label import show_marked
from .model_list import ModelList
from .model_table import ModelTable
from .run_panel import ErrorsShown, RunPanel
from .starter import Starter


class ModelsPanel:
    """Works the section's widgets.

    Parameters
    ----------
    ui : Any
        The panel's widgets by name.
    logic : Any
        Brings in and deletes models.
    panel : RunPanel
        Says and logs what happens.
    dialogs : Dialogs
        Asks the user.
    start : Starter
        Starts work that may need packages.
    on_changed : Callable[[], None]
        Called when there are other models, or others are installed, than before.
    """

    def __init__(
        self,
        ui: Any,
        logic: Any,
        panel: RunPanel,
        dialogs: Dialogs,
        start: Starter,
        on_changed: Callable[[], None],
    ) -> None:
        self.models = ModelList()
        self._ui = ui
        self._logic = logic
        self._panel = panel
        self._dialogs = dialogs
        self._start = start
        self._on_changed = on_changed
        self._working = False
        self._afterwards: Callable[[], None] | None = None
        self._table = ModelTable(ui.modelsTableView, self.update)
        ui.downloadModelButton.connect("clicked(bool)", self._on_download)
        ui.importFileButton.connect("clicked(bool)", self._on_import_file)
        ui.importFolderButton.connect("clicked(bool)", self._on_import_folder)
        ui.totalSegmentatorButton.connect("clicked(bool)", self._on_totalsegmentator)
        ui.deleteModelButton.connect("clicked(bool)", self._on_delete)
        self._show()

    def refresh(self) -> None:
        """Look which models there are, and show them."""
        self.models.refresh()
        self._show()
        self._on_changed()

    @property
    def chosen(self) -> CatalogueEntry | None:
        """The model whose row is chosen."""
        return self.models.find(self._table.chosen)

    def choose(self, name: str) -> None:
        """Choose a model's row."""
        self._table.choose(name)

    def import_from(self, paths: list[Path]) -> None:
        """Bring in models from files and folders; none means TotalSegmentator's own folder."""
        names = ", ".join(str(path) for path in paths) or _("TotalSegmentator's own folder")
        line = _("Importing from {names}.").format(names=names)
        begin = partial(self._logic.importModels, paths)
        self._start(lambda: self._bring_in(line, begin), tasks.needs_conversion(paths))

    def when_installed(self, names: Sequence[str], run: Callable[[], None]) -> None:
        """Start ``run``, after offering to download those of the models that are not there."""
        missing = [name for name in names if (entry := self.models.find(name)) is not None and not entry.installed]
        if not missing:
            self._start(run)
            return
        entries = [entry for name in missing if (entry := self.models.find(name)) is not None]
        offer = weights_text(entries)
        self._start.with_weights(
            offer, addresses_text(entries), lambda agreed: self._offer(missing, run, offer if agreed else "")
        )

    def finished(self, outcome: Outcome) -> bool:
        """Take the end of a run; return whether it brought in models or tried to."""
        if not self._working and not isinstance(outcome.value, tasks.BroughtIn):  # a script may have started it
            return False
        afterwards, self._working, self._afterwards = self._afterwards, False, None
        self.refresh()
        if outcome.status is Status.DONE:
            self._tell(_("Installed: {names}.").format(names=self._titles(outcome.value.names)), GOOD)
            if afterwards is not None:
                # Not from within: the process that has just ended is still being dealt with.
                qt.QTimer.singleShot(0, lambda: self._start(afterwards))
        return True

    # -- what is shown --------------------------------------------------------------------------------------------

    def _show(self) -> None:
        self._table.fill(self.models.entries)
        show_marked(self._ui.catalogueLabel, self.models.problem, WARNING)
        self.update()

    def update(self) -> None:
        """Bring the buttons in line with the chosen row and with what is under way."""
        state, ui = self._logic.state, self._ui
        entry = self.chosen
        reason = why_wait(state) or self.models.problem
        if self._working:
            ui.downloadModelButton.text = _("Cancel")
            ui.downloadModelButton.enabled = state in (State.STARTING, State.RUNNING)
            ui.downloadModelButton.toolTip = _("Stop; of a download, what has come is kept.")
        else:
            ui.downloadModelButton.text = _("Download")
            allow(
                ui.downloadModelButton,
                reason or _why_not_download(entry),
                _download_tip(entry) if entry is not None else None,
            )
        allow(ui.importFileButton, reason, _("Bring in zips of TotalSegmentator's weights, or a network of yours."))
        allow(ui.importFolderButton, reason, _("Bring in a folder of weights, of such zips, or of a model of yours."))
        available = self.models.totalsegmentators
        allow(ui.totalSegmentatorButton, reason or _why_not_totalsegmentator(available), _found_tip(available))
        allow(ui.deleteModelButton, reason or _why_not_delete(entry), _("Delete the model from this computer."))

    # -- what the user does ---------------------------------------------------------------------------------------

    def _on_download(self) -> None:
        if self._working:
            self._logic.cancel()
            return
        name = self._table.chosen
        self._start(lambda: self._download([self._look_up(name)]), conversion=True)

    def _on_import_file(self) -> None:
        self._import(self._dialogs.choose_models())

    def _on_import_folder(self) -> None:
        self._import(self._dialogs.choose_folder())

    def _import(self, paths: list[Path]) -> None:
        if paths:
            self.import_from(paths)

    def _on_totalsegmentator(self) -> None:
        self.import_from([])

    def _on_delete(self) -> None:
        entry = self.chosen
        if entry is None:
            return
        question = _("Delete '{title}' ({size}) from this computer?").format(
            title=entry.title, size=model_list.size_text(entry)
        )
        if not self._dialogs.confirm(_("TotalPassport: delete a model"), question, _("Delete")):
            return
        with ErrorsShown(self._panel, self._dialogs.error):
            package_work.refuse_meanwhile()
            self._logic.removeModel(entry.name)
            self._tell(_("Deleted: {title}.").format(title=entry.title))
        self.refresh()

    def _offer(self, names: Sequence[str], run: Callable[[], None], agreed: str) -> None:
        """Ask whether to download models, unless the user has agreed to that very offer; run when they have come."""
        entries = [self._look_up(name) for name in names]
        offer = weights_text(entries)
        question = f"{offer}\n\n{_('Download now and then run?')}"
        title, button = _("TotalPassport: download a model"), _("Download")
        if offer != agreed and not self._dialogs.confirm(title, question, button, addresses_text(entries)):
            self._panel.say(_("Nothing was downloaded. Choose something else to find, or click Apply again."))
            return
        self._download(entries, run)

    def _look_up(self, name: str) -> CatalogueEntry:
        self.refresh()  # the packages that read a catalogue of one's own may have come only now
        entry = self.models.find(name)
        if self.models.problem or entry is None:
            raise ModelError(self.models.problem or _("There is no model '{name}'.").format(name=name))
        return entry

    def _download(self, entries: Sequence[CatalogueEntry], afterwards: Callable[[], None] | None = None) -> None:
        addresses = ", ".join(url for entry in entries for url in entry.urls)
        line = _("Downloading '{title}' from {addresses}.").format(
            title=model_list.titles(entries), addresses=addresses
        )
        self._bring_in(line, partial(self._logic.downloadModel, *(entry.name for entry in entries)), afterwards)

    def _bring_in(self, line: str, begin: Callable[[], None], afterwards: Callable[[], None] | None = None) -> None:
        self._panel.logged(line)
        self._working, self._afterwards = True, afterwards
        try:
            begin()
        except BaseException:
            self._working, self._afterwards = False, None
            self.update()
            raise

    def _titles(self, names: Sequence[str]) -> str:
        entries = [self.models.find(name) for name in names]
        return model_list.titles(entry for entry in entries if entry is not None)

    def _tell(self, sentence: str, mark: Mark | None = None) -> None:
        self._panel.say(sentence, mark)
        self._panel.logged(sentence)


def _why_not_download(entry: CatalogueEntry | None) -> str:
    if entry is None:
        return str(_("Choose a model in the table."))
    if entry.installed:
        return str(_("The model is here already."))
    return "" if model_list.can_download(entry) else str(_("The catalogue names no address for this model."))


def _why_not_delete(entry: CatalogueEntry | None) -> str:
    if entry is None:
        return str(_("Choose a model in the table."))
    if entry.bundled_folder is not None:
        return str(_("This model comes with TotalPassport and stays."))
    return "" if model_list.can_delete(entry) else str(_("The model is not installed."))


def _why_not_totalsegmentator(available: list[CatalogueEntry]) -> str:
    if available:
        return ""
    places = "\n".join(str(folder) for folder in official_folders())
    reason = _("TotalSegmentator keeps no weights of these models on this computer; looked in:\n{places}")
    return str(reason.format(places=places))


def _found_tip(available: list[CatalogueEntry]) -> str:
    places = "\n".join(str(folder) for folder in official_folders() if folder.is_dir())
    tip = _("Make networks of the weights that TotalSegmentator keeps in\n{places}\nThey stay there. Found: {titles}.")
    return str(tip.format(places=places, titles=model_list.titles(available)))


def _download_tip(entry: CatalogueEntry | None) -> str:
    if entry is None:
        return ""
    tip = _("Download {size} from\n{addresses}\nNothing of your scans is sent.")
    size = model_list.size_text(entry)
    return str(tip.format(size=size, addresses=model_list.addresses(entry)))
