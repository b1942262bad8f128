"""Makes the pictures of the README and of the Extensions Index, from real runs in the test host.

    python TotalPassport/Testing/screenshots.py

writes ``Screenshots/*.png`` and the thumbnail of the sample CT. The 61-organ passport needs ``../shared``, the folder
of real scans beside the project; without it the other pictures are made all the same.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TESTING = Path(__file__).resolve().parent
REPOSITORY = TESTING.parents[1]
SCREENSHOTS = REPOSITORY / "Screenshots"
MODULE_FILE = TESTING.parent / "TotalPassport.py"
THUMBNAIL = TESTING.parent / "Resources" / "Icons" / "TotalPassportDemoCT.png"
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

SURFACE_OPACITY = 0.35
BLADDER = 21
VIEW_SIZE = (900, 900)
PANEL_WIDTH = 460

sys.path[:0] = [str(TESTING), str(TESTING.parent)]


def open_panel(host: Any) -> Any:
    """Open the module and return the panel's driver."""
    from panel_driver import Panel

    return Panel(host, host.load_module(MODULE_FILE))


def demo_pictures(host: Any, folder: Path) -> None:
    """The main job on the sample CT: panel, 3-D view with centroids and axes, slice views."""
    import SampleData
    import slicer

    panel = open_panel(host)
    volume = SampleData.downloadSample("TotalPassportDemoCT")
    panel.parameters.inputVolume = volume
    outcome = panel.apply_and_wait(900)
    assert outcome.status.value == "done", outcome.sentence
    make_thumbnail(host, volume)
    panel.click_organ("Liver")
    panel.ui.advancedCollapsibleButton.collapsed = False
    grab_panel(host, panel, folder / "panel.png", 1180)
    tidy_3d_view()
    host.render_3d_view(folder / "organs_3d.png", VIEW_SIZE, "anterior", 1.1)
    slicer.util.setSliceViewerLayers(background=volume)
    panel.nodes().centroids.GetDisplayNode().SetVisibility2D(True)
    host.render_slice_view("Green", folder / "slice.png", VIEW_SIZE)
    host.reset()


def torso_pictures(host: Any, folder: Path) -> None:
    """The passport of a real segmentation of 61 organs."""
    import slicer

    panel = open_panel(host)
    slicer.util.loadVolume(str(SHARED_DATA / "example_ct.nii.gz"))
    host.enter(panel.widget)
    segmentation = slicer.util.loadSegmentation(str(SHARED_DATA / "example_seg_fast_force_split.nii.gz"))
    panel.parameters.segmentationToDescribe = segmentation
    panel.ui.describeButton.click()
    outcome = panel.wait(300)
    assert outcome.status.value == "done", outcome.sentence
    panel.click_organ("Liver")
    panel.ui.showAllOrgansCheckBox.checked = True
    panel.ui.describeCollapsibleButton.collapsed = False
    panel.ui.segmentCollapsibleButton.collapsed = True
    panel.ui.organTableView.setMinimumHeight(320)
    panel.nodes().segmentation.GetDisplayNode().SetOpacity3D(SURFACE_OPACITY)
    tidy_3d_view()
    grab_panel(host, panel, folder / "passport_61_organs_panel.png", 950)
    view_size = (VIEW_SIZE[0], 950)
    host.render_3d_view(folder / "passport_61_organs_3d.png", view_size, "anterior", 1.35)
    rest(host)  # labels follow the camera when it stands still
    host.render_3d_view(folder / "passport_61_organs_3d.png", view_size, None)
    beside(
        folder / "passport_61_organs.png", folder / "passport_61_organs_panel.png", folder / "passport_61_organs_3d.png"
    )
    panel.logic.show(panel.nodes(), surfaces=False, centroids=False, axes=True, ellipsoids=True)
    host.render_3d_view(folder / "ellipsoids.png", VIEW_SIZE, "anterior", 1.35)
    host.reset()


def alignment_pictures(host: Any, folder: Path) -> None:
    """Two scans before and after the click on Align, and the section of the panel that does it."""
    import qt
    import slicer

    panel = open_panel(host)
    slicer.util.loadVolume(str(SHARED_DATA / "example_ct.nii.gz"))
    host.enter(panel.widget)
    first = SHARED_DATA / "example_seg_fast_force_split.nii.gz"
    with tempfile.TemporaryDirectory() as temporary:
        second = Path(temporary, "second_scan.nii.gz")
        write_second_scan(first, second)
        for path in (first, second):
            panel.parameters.segmentationToDescribe = slicer.util.loadSegmentation(str(path))
            panel.ui.describeButton.click()
            assert panel.wait(300).status.value == "done"
    show_pair(panel)
    pictures = [folder / "alignment_before.png", folder / "alignment_after.png"]
    host.render_3d_view(pictures[0], VIEW_SIZE, "anterior", 1.2)
    panel.ui.compareButton.click()
    panel.ui.alignButton.click()
    assert panel.ui.alignmentLabel.text.startswith("Good")
    host.render_3d_view(pictures[1], VIEW_SIZE, None)
    beside(folder / "alignment.png", *pictures)
    for section in (panel.ui.segmentCollapsibleButton, panel.ui.passportCollapsibleButton):
        section.collapsed = True
    panel.ui.changesTableView.setMinimumHeight(300)
    panel.ui.changesTableView.resizeColumnsToContents()
    panel.ui.changesTableView.sortByColumn(2, qt.Qt.AscendingOrder)
    grab_panel(host, panel, folder / "compare_panel.png", 865)
    host.reset()


def write_second_scan(source: Path, path: Path) -> None:
    """Write the same patient again: turned, shifted, the urinary bladder filled, the top slices not taken."""
    import nibabel
    import numpy as np
    from scipy import ndimage
    from support.pairs import motion

    image = nibabel.load(source)
    labels = np.asarray(image.dataobj).copy()
    labels[ndimage.binary_dilation(labels == BLADDER, iterations=3) & (labels == 0)] = BLADDER
    affine = motion((0.1, -0.2, 0.25), (140.0, 30.0, 50.0)) @ image.affine
    nibabel.save(nibabel.Nifti1Image(labels[:, :, :-12], affine), path)


def show_pair(panel: Any) -> None:
    """Choose both passports; the first scan is seen in the organs' colours, the second one in blue."""
    import slicer
    from TotalPassportSlicer.nodes.scan_nodes import PASSPORT_ATTRIBUTE, ScanNodes

    nodes = slicer.util.getNodesByClass("vtkMRMLTextNode")
    passports = [node for node in nodes if node.GetAttribute(PASSPORT_ATTRIBUTE)]
    panel.choose_pair(*passports)
    for number, node in enumerate(passports):
        scan = ScanNodes(node)
        panel.logic.show(scan, surfaces=True, centroids=False, axes=False, ellipsoids=False)
        scan.segmentation.GetDisplayNode().SetOpacity3D(SURFACE_OPACITY)
        segmentation = scan.segmentation.GetSegmentation()
        for identifier in segmentation.GetSegmentIDs() if number else ():
            segmentation.GetSegment(identifier).SetColor(0.1, 0.45, 1.0)
    tidy_3d_view()


def rest(host: Any) -> None:
    """Keep the window alive for a moment, as a user who looks at it does."""
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        host.process_events()


def tidy_3d_view() -> None:
    """Leave out the box around the scene and its letters."""
    import slicer

    for view in slicer.util.getNodesByClass("vtkMRMLViewNode"):
        view.SetBoxVisible(False)
        view.SetAxisLabelsVisible(False)


def make_thumbnail(host: Any, volume: Any) -> None:
    """Write the sample CT's picture for the module Sample Data."""
    import qt
    import slicer

    slicer.util.setSliceViewerLayers(background=volume)
    host.render_slice_view("Green", THUMBNAIL, (520, 560))
    qt.QImage(str(THUMBNAIL)).scaled(260, 280, qt.Qt.KeepAspectRatio, qt.Qt.SmoothTransformation).save(str(THUMBNAIL))


def grab_panel(host: Any, panel: Any, path: Path, height: int) -> None:
    """Write a picture of the panel as it is in the application's left column."""
    panel.widget.parent.resize(PANEL_WIDTH, height)
    panel.widget.parent.show()
    host.process_events()
    host.grab_widget(panel.widget.parent, path)


def beside(path: Path, left: Path, right: Path) -> None:
    """Put two pictures of the same height beside each other, and remove the two."""
    import qt

    pictures = [qt.QImage(str(part)) for part in (left, right)]
    both = qt.QImage(sum(p.width() for p in pictures), max(p.height() for p in pictures), qt.QImage.Format_RGB32)
    both.fill(qt.QColor("white"))
    painter = qt.QPainter(both)
    painter.drawImage(0, 0, pictures[0])
    painter.drawImage(pictures[0].width(), 0, pictures[1])
    painter.end()
    both.save(str(path))
    for part in (left, right):
        part.unlink()


def main() -> int:
    """Make all pictures that can be made here."""
    from host import SlicerHost, rendering_unavailable_reason

    reason = rendering_unavailable_reason()
    if reason:
        print(reason, file=sys.stderr)
        return 1
    SCREENSHOTS.mkdir(exist_ok=True)
    jobs: list[Callable[[Any, Path], None]] = [demo_pictures]
    if SHARED_DATA.is_dir():
        jobs += [torso_pictures, alignment_pictures]
    else:
        print(f"{SHARED_DATA} is not there: the 61-organ passport is left as it is.")
    host = SlicerHost.start()
    for job in jobs:
        job(host, SCREENSHOTS)
    for path in sorted(SCREENSHOTS.glob("*.png")):
        print(path.relative_to(REPOSITORY))
    return 0


if __name__ == "__main__":
    sys.exit(main())
