"""What the module's logic does with the scene: passports opened, shown, compared, aligned and written; no runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from .child.runner import JobRunner
from .nodes import alignment_nodes, comparison_nodes, presentation, segment_export
from .nodes.documents import save_passport, stored_passport
from .nodes.follow_up_nodes import FollowUp, follow_scans
from .nodes.passport_opening import OpenedPassport, open_passport
from .nodes.scan_nodes import ScanNodes
from .nodes.sequence_frames import show_frame
from .nodes.surfaces import show_in_3d


class SceneLogic:
    """Part of the module's logic: it asks nobody, and raises a TotalPassportError where it cannot."""

    runner: JobRunner

    def openPassport(self, path: str | Path) -> OpenedPassport:
        """Open a passport's file, with the segmentation and the scan beside it that are proven to be its own."""
        return open_passport(Path(path))

    def passportOf(self, textNode: Any) -> Any:
        """Return the TotalPassportLib.passport.Passport that a text node holds."""
        return stored_passport(textNode)

    def exportPassport(self, textNode: Any, path: str | Path) -> None:
        """Write a stored passport to a file, whole or not at all: JSON, or what its ending says (.csv, .mrk.json)."""
        save_passport(textNode, Path(path))

    def exportSegments(
        self,
        textNode: Any,
        folder: str | Path,
        kind: str = "STL",
        labels: Collection[int] | None = None,
        mayReplace: Callable[[Sequence[str]], bool] = lambda _names: False,
    ) -> list[Path]:
        """Write the segments of a passport's organs into a folder: STL, OBJ or NIfTI; return the files.

        Without ``labels`` all are written. Files that are there are replaced only if ``mayReplace`` says so of their
        names; otherwise nothing is written.
        """
        nodes = ScanNodes(textNode)
        return segment_export.export_segments(nodes, stored_passport(textNode), Path(folder), kind, labels, mayReplace)

    def exportToDicom(self, textNode: Any) -> None:
        """Open Slicer's own dialog that exports to DICOM, for the segmentation of a passport's text node."""
        segment_export.open_dicom_export(ScanNodes(textNode))

    def show(self, nodes: ScanNodes, surfaces: bool, centroids: bool, axes: bool, ellipsoids: bool = False) -> None:
        """Show or hide the parts of a scan's passport; of a frame of a sequence, that is shown, too."""
        show_frame(nodes.document)
        if nodes.segmentation is not None:
            show_in_3d(nodes.segmentation, surfaces, self.runner.listener.surfaces_made)
        presentation.show(nodes, centroids, axes, ellipsoids)

    def showSource(self, nodes: ScanNodes) -> None:
        """Show the scan in the slice views, and all of it in the 3D view."""
        presentation.show_source(nodes.source)

    def showOrgan(self, nodes: ScanNodes, organ: Any | None, close: bool = False) -> None:
        """Center the views on an organ, if asked for from near in 3D, and show its principal axes; None hides them."""
        presentation.show_organ(nodes, organ)
        if organ is not None:
            presentation.center_slices(nodes, organ)
            presentation.aim_cameras(nodes, organ, close)

    def showParts(self, nodes: ScanNodes, passport: Any, labels: Collection[int]) -> None:
        """Let centroids, axes and ellipsoids be those of some organs, by their label values."""
        presentation.show_parts_of(nodes, passport, labels)

    def compare(self, first: Any, second: Any) -> Any:
        """Compare two passports' text nodes and make a table and a plot of the changes; return the Comparison."""
        return comparison_nodes.compare_scans(first, second)

    def showPlot(self, first: Any, second: Any) -> None:
        """Show the plot of a comparison in the views; the layout changes if it has none for plots."""
        comparison_nodes.show_plot(first, second)

    def followUp(self, scans: Sequence[Any]) -> FollowUp:
        """Follow the organs of one patient over scans: passports' text nodes, volumes, or paths of passport files.

        They are put in the order of time where that is known. Returns a FollowUp: its ``table``, ``organs``, ``text()``
        and ``plot(organs)``.
        """
        return follow_scans(scans)

    def align(self, fixed: Any, moving: Any, kind: str = "rigid", surfaces: bool = True) -> Any:
        """Lay the scan of one passport's text node onto that of another; return the Alignment."""
        return alignment_nodes.align_scans(ScanNodes(fixed), ScanNodes(moving), kind, surfaces)

    def undoAlignment(self, moving: Any) -> bool:
        """Put a scan that was laid onto another one back to where it was; return whether it was."""
        return alignment_nodes.undo(ScanNodes(moving))

    def alignmentVerdict(self, moving: Any) -> str:
        """Return how well a scan lies on the one it was laid onto; an empty text if it is not aligned."""
        return alignment_nodes.verdict(ScanNodes(moving))
