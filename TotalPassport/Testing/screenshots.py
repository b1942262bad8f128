"""Makes the pictures of the README and of the Extensions Index, from real runs in the test host.

    python TotalPassport/Testing/screenshots.py

writes ``Screenshots/*`` and the thumbnail of the sample CT. The pictures of a real CT need ``../shared``, the folder of
real scans beside the project; without it the others are made all the same. Nothing is staged: what is clicked is what a
user would click, and names and colours are those that come with the results.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

TESTING = Path(__file__).resolve().parent
REPOSITORY = TESTING.parents[1]
SCREENSHOTS = REPOSITORY / "Screenshots"
MODULE_FILE = TESTING.parent / "TotalPassport.py"
THUMBNAIL = TESTING.parent / "Resources" / "Icons" / "TotalPassportDemoCT.png"
SHARED_DATA = REPOSITORY.parent / "shared" / "data"
REAL_CT = "example_ct.nii.gz"
REAL_LABELS = "example_seg_fast_force_split.nii.gz"
"""What TotalSegmentator has published of that CT."""

CT_ABDOMEN_HU = (-135.0, 215.0)
"""The preset *CT-abdomen* of the module Volumes."""
BLADDER = 21
BLUE = (26, 115, 255)
VIEW_SIZE = (900, 900)
IN_THE_WAY = ("gluteus", "autochthon", "Iliopsoas", "iliopsoas", "Colon", "bowel", "lung")
"""In the names of organs that lie before the others, or are mostly outside of the scan."""

sys.path[:0] = [str(TESTING), str(TESTING.parent)]


def open_panel(host: Any) -> Any:
    """Open the module and return the panel's driver."""
    from panel_driver import Panel

    return Panel(host, host.load_module(MODULE_FILE))


def demo_pictures(host: Any, folder: Path) -> None:
    """A run on the sample CT: a film of it, and the panel at its end."""
    import SampleData
    import slicer
    from picture_window import film_of_a_run, panel_picture, save_film, views_picture, window_picture

    panel = open_panel(host)
    volume = SampleData.downloadSample("TotalPassportDemoCT")
    panel.parameters.inputVolume = volume
    make_thumbnail(host, volume)
    slicer.util.setSliceViewerLayers(background=volume)
    views_px, height = (340, 500), 2 * (500 + 8)
    before = views_picture(host, views_px)

    def take() -> Any:
        return window_picture(panel_picture(host, panel.widget, height), before)

    first = take()
    panel.apply()
    run = film_of_a_run(host, lambda: not panel.logic.busy, take)
    assert panel.ui.statusLabel.text.startswith("✔ Finished"), panel.ui.statusLabel.text

    def seen(camera: Any = None) -> Any:
        return window_picture(panel_picture(host, panel.widget, height), views_picture(host, views_px, 1.5, camera))

    after = [seen("anterior")]
    for organ in ("Liver", "Left kidney"):
        panel.click_organ(organ)
        after.append(seen())
    pace = [(picture, 350) for picture in run]
    save_film(folder / "run.gif", [(first, 1200), *pace, *((picture, 2200) for picture in after)], 900)
    panel_picture(host, panel.widget).save(folder / "panel.png")
    host.reset()


def describe_real_ct(host: Any, panel: Any) -> None:
    """Load TotalSegmentator's example and the labels that it has published of it, and make their passport."""
    import slicer

    volume = slicer.util.loadVolume(str(SHARED_DATA / REAL_CT))
    volume.GetDisplayNode().SetAutoWindowLevel(False)
    volume.GetDisplayNode().SetWindowLevelMinMax(*CT_ABDOMEN_HU)
    slicer.util.setSliceViewerLayers(background=volume)
    host.enter(panel.widget)
    describe(panel, slicer.util.loadSegmentation(str(SHARED_DATA / REAL_LABELS)))


def describe(panel: Any, segmentation: Any) -> None:
    """Click *Make passport* for a segmentation."""
    panel.parameters.segmentationToDescribe = segmentation
    panel.ui.describeButton.click()
    outcome = panel.wait(300)
    assert outcome.status.value == "done", outcome.sentence


def show_only_what_is_not_in_the_way(panel: Any) -> None:
    """Select the organs and skeleton of the abdomen, and click *Show only these*."""
    panel.ui.organTableView.clearSelection()
    for organ in panel.table_texts(0):
        if not any(part in organ for part in IN_THE_WAY):
            panel.click_organ(organ, add=True)
    panel.ui.onlyTheseButton.click()
    panel.ui.organTableView.clearSelection()


def torso_pictures(host: Any, folder: Path) -> None:
    """The passport of a real CT with 61 organs: the whole window, a slice, the organs and ellipsoids in 3D."""
    from picture_window import panel_picture, rest, views_picture, window_picture

    panel = open_panel(host)
    describe_real_ct(host, panel)
    host.render_slice_view("Green", folder / "slice.png", VIEW_SIZE)
    show_only_what_is_not_in_the_way(panel)
    host.render_3d_view(folder / "organs_3d.png", VIEW_SIZE, "oblique", 1.5)
    panel.click_organ("Left kidney")
    panel.ui.segmentCollapsibleButton.collapsed = True
    whole_panel = panel_picture(host, panel.widget)
    views = views_picture(host, (480, whole_panel.height // 2 - 8), 1.7, "anterior")
    window_picture(whole_panel, views).save(folder / "window.png")
    panel.ui.organTableView.clearSelection()
    panel.ui.showCentroidsCheckBox.checked = False
    panel.ui.show3DCheckBox.checked = False
    panel.ui.showEllipsoidsCheckBox.checked = panel.ui.showAllOrgansCheckBox.checked = True
    host.render_3d_view(folder / "ellipsoids.png", VIEW_SIZE, "anterior", 1.45)
    panel.ui.showAxesCheckBox.checked = False
    panel.ui.showCentroidsCheckBox.checked = panel.ui.show3DCheckBox.checked = True
    panel.ui.showEllipsoidsCheckBox.checked = False
    host.render_3d_view(folder / "labels.png", VIEW_SIZE, "anterior", 1.45)
    rest(host)
    host.render_3d_view(folder / "labels.png", VIEW_SIZE, None)
    host.reset()


def alignment_pictures(host: Any, folder: Path) -> None:
    """Two scans before and after the click on Align, and the section of the panel that does it."""
    import qt
    import slicer
    from picture_window import panel_picture
    from TotalPassportSlicer.nodes.scan_nodes import PASSPORT_ATTRIBUTE

    panel = open_panel(host)
    describe_real_ct(host, panel)
    with tempfile.TemporaryDirectory() as temporary:
        show_only_what_is_not_in_the_way(panel)
        second = Path(temporary, "second_scan.nii.gz")
        write_second_scan(SHARED_DATA / REAL_LABELS, second)
        describe(panel, slicer.util.loadSegmentation(str(second)))
    show_only_what_is_not_in_the_way(panel)
    paint_all_blue(panel)
    nodes = slicer.util.getNodesByClass("vtkMRMLTextNode")
    panel.choose_pair(*(node for node in nodes if node.GetAttribute(PASSPORT_ATTRIBUTE)))
    pictures = [folder / "alignment_before.png", folder / "alignment_after.png"]
    host.render_3d_view(pictures[0], VIEW_SIZE, "anterior", 1.6)
    panel.ui.compareButton.click()
    panel.ui.alignButton.click()
    assert panel.ui.alignmentLabel.text.startswith("Good")
    host.render_3d_view(pictures[1], VIEW_SIZE, None)
    beside(folder / "alignment.png", *pictures)
    for section in (panel.ui.segmentCollapsibleButton, panel.ui.passportCollapsibleButton):
        section.collapsed = True
    panel.ui.changesTableView.sortByColumn(2, qt.Qt.AscendingOrder)
    panel_picture(host, panel.widget).save(folder / "compare_panel.png")
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


def paint_all_blue(panel: Any) -> None:
    """Select all organs of the passport that is shown, click *Colour…* and choose blue."""
    panel.widget.dialogs.choose_color = lambda _present: BLUE
    panel.ui.organTableView.selectAll()
    panel.ui.colorButton.click()
    panel.ui.organTableView.clearSelection()


def make_thumbnail(host: Any, volume: Any) -> None:
    """Write the sample CT's picture for the module Sample Data."""
    import qt
    import slicer

    slicer.util.setSliceViewerLayers(background=volume)
    host.render_slice_view("Green", THUMBNAIL, (520, 560))
    qt.QImage(str(THUMBNAIL)).scaled(260, 280, qt.Qt.KeepAspectRatio, qt.Qt.SmoothTransformation).save(str(THUMBNAIL))


def beside(path: Path, left: Path, right: Path) -> None:
    """Put two pictures of the same height beside each other, and remove the two."""
    from picture_window import window_picture
    from PIL import Image

    window_picture(Image.open(left), Image.open(right)).save(path)
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
        print(f"{SHARED_DATA} is not there: the pictures of a real CT are left as they are.")
    wanted = sys.argv[1:]
    host = SlicerHost.start()
    for job in jobs:
        if not wanted or job.__name__.removesuffix("_pictures") in wanted:
            job(host, SCREENSHOTS)
    for path in sorted(SCREENSHOTS.iterdir()):
        print(path.relative_to(REPOSITORY), f"{path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
