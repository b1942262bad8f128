"""Drives the module's panel as a user does: chooses, clicks, waits and looks. For tests and for the screenshots."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PHANTOM_SHAPE = (40, 36, 30)

RESULTS_VARIABLE = "TOTALPASSPORT_PHANTOM_RESULTS"
"""Names the folder in which the phantom's child keeps its results; without it every run is measured anew."""

PHANTOM_CHILD = f"""
import hashlib, shutil
from pathlib import Path

emit(event="started", pid=os.getpid(), version="0", stages=["load", "infer", "write"])
segmentation = Path(job["output_folder"], "ct_segmentation.nii.gz")
passport = Path(job["output_folder"], "ct_passport.json")
kept = os.environ.get({RESULTS_VARIABLE!r})
if kept:
    kept = Path(kept, hashlib.sha256(Path(__file__).read_bytes() + Path(job["ct"]).read_bytes()).hexdigest())


def measure():
    import numpy as np
    import nibabel
    sys.path.insert(0, {str(Path(__file__).parents[1])!r})
    from TotalPassportLib.description_run import describe

    image = nibabel.load(job["ct"])
    hu = np.asarray(image.dataobj)
    labels = np.zeros(hu.shape, np.uint8)
    labels[hu == 100], labels[hu == 200], labels[hu == 300] = 1, 2, 5
    nibabel.save(type(image)(labels, image.affine), segmentation)
    describe(segmentation, passport, labels="total")


emit(event="progress", stage="infer", done=1, total=2, fraction=0.5)
if kept and kept.is_dir():
    shutil.copytree(kept, job["output_folder"], dirs_exist_ok=True)
else:
    measure()
    if kept:
        kept.mkdir()
        for path in (segmentation, passport):
            shutil.copy(path, kept)
emit(event="result", segmentation=str(segmentation), passport=str(passport), n_organs=3)
"""
"""A child that finds the organs of the phantom by their grey values, and measures them with the real library.

The same child with the same CT gives the same results, so the libraries are loaded for the first run only.
"""


def phantom_voxels() -> np.ndarray:
    """Return a CT ``[i, j, k]`` with three organs, each of one grey value, all clearly different in size."""
    voxels = np.full(PHANTOM_SHAPE, -1000, np.int16)
    voxels[2:38, 2:34, 2:28] = 20
    voxels[5:11, 20:30, 10:14] = 100  # spleen
    voxels[26:31, 6:12, 5:13] = 200  # right kidney
    voxels[18:34, 14:28, 15:26] = 300  # liver
    return voxels


class Panel:
    """The module's panel in the host.

    Parameters
    ----------
    host : the running host.
    widget : the module's widget instance.
    write_child : writes a scripted child from its body and returns its path.
    """

    phantom_child = PHANTOM_CHILD

    def __init__(self, host: Any, widget: Any, write_child: Callable[[str], Path] | None = None) -> None:
        self.host = host
        self.widget = widget
        self.ui = widget.ui
        self.logic = widget.logic
        self.phantom: Any = None
        self._write_child = write_child
        self._real_script = self.logic.runner.script

    # -- what is there --------------------------------------------------------------------------------------------

    @property
    def parameters(self) -> Any:
        """The parameter node."""
        return self.widget._parameterNode

    def nodes(self) -> Any:
        """Return the nodes of the passport that is shown."""
        from TotalPassportSlicer.nodes.scan_nodes import ScanNodes

        return ScanNodes(self.parameters.passport)

    def passport(self) -> Any:
        """Return the passport that is shown."""
        return self.logic.passportOf(self.parameters.passport)

    def passport_named(self, name: str) -> Any:
        """Return the passport of a text node, by its name."""
        import slicer

        return self.logic.passportOf(slicer.util.getNode(name))

    def table_texts(self, column: int) -> list[str]:
        """Return what a column of the organ table shows, from top to bottom."""
        return self._column(self.ui.organTableView, column)

    def change_texts(self, column: int) -> list[str]:
        """Return what a column of the table of changes shows, from top to bottom."""
        return self._column(self.ui.changesTableView, column)

    def _column(self, view: Any, column: int) -> list[str]:
        model = view.model()
        return [model.index(row, column).data() for row in range(model.rowCount())]

    def model_rows(self) -> list[tuple[str, ...]]:
        """Return what the table of models shows, row after row."""
        model = self.ui.modelsTableView.model()
        return [tuple(model.index(row, column).data() for column in range(4)) for row in range(model.rowCount())]

    def offered(self) -> list[str]:
        """Return the entries of the list of what can be found."""
        box = self.ui.taskComboBox
        return [box.itemText(index) for index in range(box.count)]

    def tree_texts(self, view: Any) -> list[str]:
        """Return the first texts of all rows of a tree, groups in square brackets before their rows."""
        return [f"[{text}]" if item.hasChildren() else text for text, item in self._rows_of(view)]

    def _rows_of(self, view: Any) -> list[tuple[str, Any]]:
        shown, model = view.model(), view.model().sourceModel
        rows = []

        def walk(parent: Any) -> None:
            for number in range(shown.rowCount(parent)):
                index = shown.index(number, 0, parent)
                rows.append((index.data(), model.itemFromIndex(shown.mapToSource(index))))
                walk(index)

        walk(view.rootIndex())
        return rows

    def toggle(self, view: Any, text: str) -> None:
        """Check or uncheck the row of a tree that has this text."""
        import qt

        item = next(item for shown, item in self._rows_of(view) if shown == text)
        item.setCheckState(qt.Qt.Unchecked if item.checkState() == qt.Qt.Checked else qt.Qt.Checked)

    def checked(self, view: Any) -> list[str]:
        """Return the texts of the rows of a tree that are checked."""
        import qt

        return [text for text, item in self._rows_of(view) if item.checkState() == qt.Qt.Checked]

    def segment_names(self, node: Any) -> list[str]:
        """Return the names of a segmentation's segments in their order."""
        segmentation = node.GetSegmentation()
        return [segmentation.GetSegment(identifier).GetName() for identifier in segmentation.GetSegmentIDs()]

    def count(self, class_name: str) -> int:
        """Return how many nodes of a class the scene has."""
        import slicer

        return len(slicer.util.getNodesByClass(class_name))

    def node_names(self) -> list[str]:
        """Return the names of all nodes that hold data or show it."""
        import slicer

        kinds = ("vtkMRMLDisplayableNode", "vtkMRMLTableNode", "vtkMRMLTextNode", "vtkMRMLDisplayNode")
        nodes = [node for kind in kinds for node in slicer.util.getNodesByClass(kind)]
        return [f"{node.GetClassName()} {node.GetName()}" for node in nodes]

    def slice_positions(self) -> list[np.ndarray]:
        """Return the middle of each slice view in RAS mm."""
        import slicer

        matrices = [node.GetSliceToRAS() for node in slicer.util.getNodesByClass("vtkMRMLSliceNode")]
        return [np.array([matrix.GetElement(row, 3) for row in range(3)]) for matrix in matrices]

    def parent_item(self, node: Any) -> int:
        """Return the subject hierarchy item above a node's."""
        import slicer

        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        return hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node))

    def folder_count(self) -> int:
        """Return how many folders of ours the subject hierarchy has."""
        import slicer
        import vtk
        from TotalPassportSlicer.nodes.scan_nodes import PASSPORT_ATTRIBUTE

        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        items = vtk.vtkIdList()
        hierarchy.GetItemChildren(hierarchy.GetSceneItemID(), items, True)
        ids = [items.GetId(index) for index in range(items.GetNumberOfIds())]
        return sum(hierarchy.GetItemAttribute(item, PASSPORT_ATTRIBUTE) == "1" for item in ids)

    def exported_labels(self, node: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return a segmentation's label values ``[i, j, k]`` and affine, as Slicer's own export gives them."""
        import slicer
        import vtk
        from TotalPassportSlicer.nodes.volumes import to_array

        labelmap = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
        segmentation = node.GetSegmentation()
        ids, values = vtk.vtkStringArray(), {}
        for number, identifier in enumerate(segmentation.GetSegmentIDs(), start=1):
            ids.InsertNextValue(identifier)
            values[number] = segmentation.GetSegment(identifier).GetLabelValue()
        logic = slicer.vtkSlicerSegmentationsModuleLogic
        mode = slicer.vtkSegmentation.EXTENT_REFERENCE_GEOMETRY
        assert logic.ExportSegmentsToLabelmapNode(node, ids, labelmap, None, mode)
        exported = slicer.util.arrayFromVolume(labelmap).transpose(2, 1, 0)
        labels = np.zeros(exported.shape, np.int32)
        for number, value in values.items():
            labels[exported == number] = value
        matrix = vtk.vtkMatrix4x4()
        labelmap.GetIJKToRASMatrix(matrix)
        slicer.mrmlScene.RemoveNode(labelmap)
        return labels, to_array(matrix)

    def temporary_folders(self) -> list[Path]:
        """Return the private folders that exist."""
        from TotalPassportSlicer.child.workspace import PREFIX

        return list(self.logic.runner.temporary_root.glob(f"{PREFIX}*"))

    # -- what a user does -----------------------------------------------------------------------------------------

    def choose_model(self, name: str) -> None:
        """Choose what a model finds: its task and its quality, or a model of no task."""
        from TotalPassportLib.models.task import mode_of_model

        known = mode_of_model(name)
        self.choose(f"task:{known[0].name}" if known else f"model:{name}")
        if known is not None and len(known[0].modes) > 1:
            self.ui.qualityComboBox.currentIndex = self.ui.qualityComboBox.findData(known[1])

    def choose(self, data: str) -> None:
        """Choose an entry of the list of what can be found."""
        self.ui.taskComboBox.currentIndex = self.ui.taskComboBox.findData(data)

    def choose_scan(self, node: Any) -> None:
        """Choose a scan, and the model that needs no download."""
        self.parameters.inputVolume = node
        self.choose_model("demo")

    def apply(self) -> None:
        """Click Apply, or Cancel."""
        self.ui.applyButton.click()

    def wait(self, seconds: float = 60) -> Any:
        """Wait for the end of the run and return how it ended."""
        outcome = self.logic.waitForFinished(seconds)
        assert outcome is not None, "the run did not end in time"
        return outcome

    def apply_and_wait(self, seconds: float = 60) -> Any:
        """Click Apply and wait for the end."""
        self.apply()
        return self.wait(seconds)

    def wait_until(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        """Keep the window alive until something is the case."""
        import slicer

        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline:
            slicer.app.processEvents()
            time.sleep(0.005)
        assert condition()

    def click_organ(self, name: str, *, add: bool = False) -> None:
        """Click a row of the organ table; ``add`` holds Ctrl."""
        self._click_row(self.ui.organTableView, self.table_texts(0).index(name), add)

    def open_organ(self, name: str) -> None:
        """Double-click a row of the organ table."""
        view = self.ui.organTableView
        view.doubleClicked.emit(view.model().index(self.table_texts(0).index(name), 0))

    def click_change(self, name: str) -> None:
        """Click a row of the table of changes."""
        self._click_row(self.ui.changesTableView, self.change_texts(0).index(name))

    def open_change(self, name: str) -> None:
        """Double-click a row of the table of changes."""
        view = self.ui.changesTableView
        view.doubleClicked.emit(view.model().index(self.change_texts(0).index(name), 0))

    def check_organ(self, name: str, shown: bool) -> None:
        """Check or uncheck the box before an organ's name."""
        import qt

        index = self.ui.organTableView.model().index(self.table_texts(0).index(name), 0)
        state = qt.Qt.Checked if shown else qt.Qt.Unchecked
        assert self.ui.organTableView.model().setData(index, state.value, qt.Qt.CheckStateRole)

    def shown_segments(self) -> list[str]:
        """Return the names of the segments that can be seen."""
        node = self.nodes().segmentation
        display, segmentation = node.GetDisplayNode(), node.GetSegmentation()
        ids = [name for name in segmentation.GetSegmentIDs() if display.GetSegmentVisibility(name)]
        return [segmentation.GetSegment(name).GetName() for name in ids]

    def choose_pair(self, first: Any, second: Any) -> None:
        """Choose two passports in the section Compare and align."""
        self.ui.compareCollapsibleButton.collapsed = False
        self.ui.firstPassportSelector.setCurrentNode(first)
        self.ui.secondPassportSelector.setCurrentNode(second)

    def click_model(self, title: str) -> None:
        """Open the section Models and click a row of its table."""
        self.ui.modelsCollapsibleButton.collapsed = False
        self._click_row(self.ui.modelsTableView, [row[0] for row in self.model_rows()].index(title))

    def _click_row(self, view: Any, row: int, add: bool = False) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        index = view.model().index(row, 0)
        view.scrollTo(index)
        key = Qt.KeyboardModifier.ControlModifier if add else Qt.KeyboardModifier.NoModifier
        # Beside the check box, which has the left of the first cell.
        place = view.visualRect(index).center()
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, key, place)

    # -- the scene ------------------------------------------------------------------------------------------------

    def add_phantom(self, name: str = "Phantom") -> Any:
        """Add the phantom to the scene."""
        import slicer

        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(phantom_voxels().transpose(2, 1, 0)))
        node.SetSpacing(2.0, 2.5, 3.0)
        node.CreateDefaultDisplayNodes()
        return node

    def expected_labels(self) -> np.ndarray:
        """Return the label values ``[i, j, k]`` that the phantom's child finds."""
        voxels = phantom_voxels()
        labels = np.zeros(voxels.shape, np.int32)
        for grey, label in ((100, 1), (200, 2), (300, 5)):
            labels[voxels == grey] = label
        return labels

    def set_affine(self, affine: np.ndarray) -> None:
        """Put the phantom onto another grid."""
        import slicer
        import vtk

        matrix = vtk.vtkMatrix4x4()
        matrix.DeepCopy(affine.ravel())
        self.phantom.SetIJKToRASMatrix(matrix)
        assert slicer.mrmlScene.IsNodePresent(self.phantom)

    def affine(self, node: Any = None) -> np.ndarray:
        """Return the affine of a volume, the phantom's by default."""
        import vtk
        from TotalPassportSlicer.nodes.volumes import to_array

        matrix = vtk.vtkMatrix4x4()
        (node or self.phantom).GetIJKToRASMatrix(matrix)
        return to_array(matrix)

    def set_voxels(self, voxels: np.ndarray) -> None:
        """Give the phantom other voxels ``[i, j, k]``."""
        import slicer

        slicer.util.updateVolumeFromArray(self.phantom, np.ascontiguousarray(voxels.transpose(2, 1, 0)))

    def add_boxes(self, sizes: dict[str, int]) -> Any:
        """Add a segmentation with one box for each name, of different sizes and places."""
        return self._add_segments({name: [12 * index + 2] for index, name in enumerate(sizes)})

    def add_overlapping_boxes(self, *names: str) -> Any:
        """Add a segmentation whose boxes overlap."""
        return self._add_segments({name: [3 * index + 2] for index, name in enumerate(names)})

    def _add_segments(self, starts: dict[str, list[int]]) -> Any:
        import slicer

        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Boxes")
        node.CreateDefaultDisplayNodes()
        for name, (start,) in starts.items():
            image = slicer.vtkOrientedImageData()
            image.SetDimensions(40, 20, 10)
            image.SetSpacing(1.0, 1.0, 2.0)
            image.AllocateScalars(3, 1)  # unsigned char
            image.GetPointData().GetScalars().Fill(0)
            for i in range(start, start + 8):
                for j in range(4, 4 + start % 7 + 3):
                    for k in range(2, 7):
                        image.SetScalarComponentFromDouble(i, j, k, 0, 1)
            node.AddSegmentFromBinaryLabelmapRepresentation(image, name)
        return node

    # -- dialogs --------------------------------------------------------------------------------------------------

    def error_dialogs(self) -> list[str]:
        """Return the texts of the error dialogs since the last look."""
        return [shown.text for shown in self.host.answers.take("error")]

    def answer_question(self, answer: bool, matching: str = "") -> None:
        """Answer the next question with OK or Cancel."""
        self.host.answers.expect("confirm", answer, matching)

    def press(self, button: str, matching: str = "") -> None:
        """Press a button, by its text, in the next question that has buttons of its own."""

        def answer(box: Any) -> Any:
            return box.standardButton(next(each for each in box.buttons() if each.text.replace("&", "") == button))

        self.host.answers.expect("message_box", answer, matching)

    def answer_save_dialog(self, path: str) -> None:
        """Choose a file in the next dialog that asks where to save; nothing stands for Cancel."""
        self.host.answers.expect("save_file", path)

    # -- the child ------------------------------------------------------------------------------------------------

    def use_child(self, body: str) -> None:
        """Let a scripted child do the next runs."""
        assert self._write_child is not None
        self.logic.runner.script = self._write_child(body)

    def use_real_child(self) -> None:
        """Let the library's own child do the next runs."""
        self.logic.runner.script = self._real_script

    def child_processes(self) -> dict[int, str]:
        """Return the processes that were started here and still run."""
        from host.environment import session_processes

        return session_processes()

    def run_module_test(self) -> None:
        """Run the module's own test class."""
        self.host.run_module_test(Path(__file__).parents[1] / "TotalPassport.py")
