"""The lower part of the section Compare and align: one patient's organs over three and more scans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.outputs import atomic_write

from ..child.jobs import State
from ..nodes.columns import Column
from ..nodes.follow_up_nodes import FollowUp
from ..nodes.marks import WARNING
from ..nodes.organs import sort_name, structure_title
from ..nodes.scan_nodes import ScanNodes, is_passport
from ..nodes.scan_times import acquired, in_time
from .buttons import allow, why_wait
from .dialogs import Dialogs
from .run_panel import ErrorsShown, RunPanel
from .table_view import TableView

if TYPE_CHECKING:
    from TotalPassportLib.comparison.over_time import TimePoint

FEWEST_SHOWN = 3
"""Two scans are compared above; from three on there is something to follow."""
_CURVES_AT_FIRST = 4
"""So many organs have curves where none was chosen."""


@dataclass(frozen=True)
class _Trend:
    """An organ over the scans: the point of its biggest change, and the last one."""

    organ: str
    biggest: TimePoint
    last: TimePoint

    @classmethod
    def of(cls, organ: str, points: Sequence[TimePoint]) -> _Trend:
        """Return the trend of an organ's points."""

        def size(point: TimePoint) -> float:
            return -1.0 if point.change_percent is None else abs(point.change_percent)

        return cls(organ, max(points, key=size), points[-1])


class FollowUpPanel:
    """Works the widgets.

    Parameters
    ----------
    ui : Any
        The panel's widgets by name.
    logic : Any
        Follows scans.
    panel : RunPanel
        Says and logs what happens.
    dialogs : Dialogs
        Asks the user.
    """

    def __init__(self, ui: Any, logic: Any, panel: RunPanel, dialogs: Dialogs) -> None:
        self._ui, self._logic, self._panel, self._dialogs = ui, logic, panel, dialogs
        self._parameters: Any = None
        self._documents: list[Any] = []
        self._unchecked: set[str] = set()
        self._known: tuple[Any, ...] = ()
        self._followed: FollowUp | None = None
        self._scans = TableView(
            ui.followedScansTableView, _scan_columns(), checked=self._is_checked, on_checked=self._on_checked
        )
        self._trends = TableView(ui.trendsTableView, _trend_columns())
        ui.followUpButton.connect("clicked(bool)", lambda _checked=False: self._on_follow())
        ui.earlierButton.connect("clicked(bool)", lambda _checked=False: self._move(-1))
        ui.laterButton.connect("clicked(bool)", lambda _checked=False: self._move(1))
        ui.volumeCurvesButton.connect("clicked(bool)", lambda _checked=False: self._on_curves(0))
        ui.unitCurvesButton.connect("clicked(bool)", lambda _checked=False: self._on_curves(1))
        ui.exportFollowUpButton.connect("clicked(bool)", lambda _checked=False: self._on_export())
        self.show_again()

    # -- what is shown --------------------------------------------------------------------------------------------

    def follow(self, parameters: Any | None) -> None:
        """Bring the list in line with the scene; None while that closes."""
        self._parameters = parameters
        if parameters is None:
            self._followed = None
            self._unchecked.clear()
        self.look_at_scene()

    def look_at_scene(self) -> None:
        """List the passports that the scene has now; new ones come behind, or where their dates put them."""
        nodes = slicer.util.getNodesByClass("vtkMRMLTextNode") if self._parameters is not None else []
        present = [node for node in nodes if is_passport(node)]
        known = tuple((node.GetID(), _name(node)) for node in present)
        if known != self._known:
            self._known = known
            kept = [node for node in self._documents if node in present]
            self._documents = in_time([*kept, *(node for node in present if node not in kept)])
            self.forget()

    def forget(self) -> None:
        """Show no follow-up: it is of other scans, or of what the scans were before."""
        self._followed = None
        self.show_again()

    def show_again(self) -> None:
        """Hide what is empty: a section that opens shows all that it holds."""
        selected = self._scans.selected()
        self._scans.fill(list(self._documents))  # of its own, for the order changes
        if selected and selected[0] in self._documents:
            self._ui.followedScansTableView.selectRow(self._documents.index(selected[0]))
        self._fill_trends()
        self.update()

    def update(self) -> None:
        """Bring the buttons in line with what is checked and with what is under way."""
        ui, followed = self._ui, self._followed
        shown, ordered = len(self._documents) >= FEWEST_SHOWN, not all(map(acquired, self._documents))
        for widget in (ui.followUpLabel, ui.followedScansTableView, ui.followUpButton):
            widget.visible = shown
        for button in (ui.earlierButton, ui.laterButton):
            button.visible = shown and ordered
        for widget in (ui.trendsTableView, ui.volumeCurvesButton, ui.exportFollowUpButton):
            widget.visible = shown and followed is not None
        ui.unitCurvesButton.visible = shown and followed is not None and _has_units(followed)
        # It imports packages, which may be the very ones that are being exchanged.
        reason = why_wait(self._logic.state) if self._logic.state is State.INSTALLING else ""
        few = _("Check at least three scans.") if len(self._chosen()) < FEWEST_SHOWN else ""
        tip = _("List every organ's change over these scans, the biggest first.")
        allow(ui.followUpButton, reason or few, tip)
        curves = _("Show the curves of the selected organs, or of those that have changed most, as a plot.")
        allow(ui.volumeCurvesButton, reason, curves)
        allow(ui.unitCurvesButton, reason, curves)
        allow(ui.exportFollowUpButton, reason, _("Write every organ in every scan to a CSV file."))

    def _fill_trends(self) -> None:
        organs = self._followed.organs if self._followed is not None else {}
        self._trends.fill([_Trend.of(organ, points) for organ, points in organs.items()])

    def _chosen(self) -> list[Any]:
        return [node for node in self._documents if node.GetID() not in self._unchecked]

    def _is_checked(self, node: Any) -> bool:
        return node.GetID() not in self._unchecked

    # -- what the user does ---------------------------------------------------------------------------------------

    def _on_checked(self, node: Any, checked: bool) -> None:
        (self._unchecked.discard if checked else self._unchecked.add)(node.GetID())
        self.update()

    def _move(self, by: int) -> None:
        selected = self._scans.selected()
        if not selected:
            self._panel.say(_("Choose a scan in the list first."))
            return
        place = self._documents.index(selected[0])
        other = place + by
        if 0 <= other < len(self._documents):
            order = self._documents
            order[place], order[other] = order[other], order[place]
            self.forget()

    def _on_follow(self) -> None:
        self.forget()
        with ErrorsShown(self._panel, self._dialogs.error), slicer.util.WaitCursor():
            self._followed = self._logic.followUp(self._chosen())
        self.show_again()

    def _on_curves(self, which: int) -> None:
        assert self._followed is not None  # the button is hidden without it
        with ErrorsShown(self._panel, self._dialogs.error):
            charts = self._followed.plot(self._organs_to_plot())
            if which >= len(charts):
                raise BadInput(
                    _("None of these organs has mean Hounsfield units in a scan that holds all of it."),
                    _("Choose other organs."),
                )
            slicer.modules.plots.logic().ShowChartInLayout(charts[which])

    def _organs_to_plot(self) -> list[str]:
        """Return what is selected here, or in the organ table, or what has changed most."""
        assert self._followed is not None
        chosen = [trend.organ for trend in self._trends.selected()]
        if not chosen:
            titles = {structure_title(organ)[0]: organ for organ in self._followed.organs}
            selected = (index.data() for index in self._ui.organTableView.selectionModel().selectedRows())
            chosen = [titles[title] for title in selected if title in titles]
        return chosen or list(self._followed.organs)[:_CURVES_AT_FIRST]

    def _on_export(self) -> None:
        path = self._dialogs.choose_table(_("Follow-up.csv"))
        if path is not None and self._followed is not None:
            with ErrorsShown(self._panel, self._dialogs.error):
                with atomic_write(path) as temporary:
                    temporary.write_text(self._followed.text(), encoding="utf-8", newline="")
                self._panel.say(_("Exported to {path}.").format(path=path))


def _has_units(followed: FollowUp) -> bool:
    return any(point.measured.mean_hu is not None for point in followed.points)


def _name(document: Any) -> str:
    return str((ScanNodes(document).source or document).GetName())


def _scan_columns() -> tuple[Column, ...]:
    def day(document: Any) -> str:
        moment = acquired(document)
        return moment.date().isoformat() if moment is not None else ""

    return (
        Column(title=_("Scan"), value=_name, tip=_name),
        Column(title=_("Date"), value=day, tip=lambda _document: _("Of the study, as the module DICOM has noted it")),
    )


def _trend_columns() -> tuple[Column, ...]:
    return (
        Column(
            title=_("Organ"),
            value=lambda trend: structure_title(trend.organ)[0],
            sort_key=lambda trend: sort_name(structure_title(trend.organ)[0]),
            swatch=lambda trend: structure_title(trend.organ)[1],
        ),
        Column(
            title=_("Change"),
            meaning=_("The biggest change of the volume in any scan, against the first one"),
            value=lambda trend: trend.biggest.change_percent,
            text=lambda trend: _percent(trend.biggest.change_percent),
            tip=lambda trend: _("In {scan}").format(scan=trend.biggest.measured.scan),
            color=lambda trend: WARNING.color_rgb if trend.biggest.beyond_floor else None,
            bold=lambda trend: bool(trend.biggest.beyond_floor),
            is_number=True,
        ),
        Column(
            title=_("Changed"),
            meaning=_("Whether that is more than the voxel grid alone can do, or why nothing can be said of it"),
            value=lambda trend: _("volume") if trend.biggest.beyond_floor else trend.biggest.remark,
            tip=lambda trend: trend.biggest.remark,
        ),
        _of_percent(
            _("Last"),
            _("Change of the volume in the last scan, against the first one"),
            lambda trend: trend.last.change_percent,
        ),
        _of_percent(
            _("Grid"),
            _("What the voxel grid alone may do to the volume, either way"),
            lambda trend: trend.biggest.floor_percent,
        ),
    )


def _of_percent(title: str, meaning: str, value: Callable[[_Trend], float | None]) -> Column:
    return Column(title=title, meaning=meaning, value=value, text=lambda trend: _percent(value(trend)), is_number=True)


def _percent(value: float | None) -> str:
    # Adding 0 turns the negative zeros that rounding leaves into plain ones.
    return "–" if value is None else f"{round(value, 1) + 0.0:+.1f} %"
