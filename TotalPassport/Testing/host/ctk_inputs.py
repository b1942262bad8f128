"""Small stand-ins for the input widgets of CTK that scripted modules use."""

from __future__ import annotations

import enum
from typing import ClassVar

from PySide6 import QtCore, QtWidgets
from PySide6.QtCore import Property, Signal

from . import dialogs
from .signals import connect_weakly


def _plain_property(kind: type | str, name: str, default: object) -> tuple[Property, object]:
    """A property that only keeps its value, and its setter: for settings that the host has no use for."""
    attribute = f"_{name}"

    def read(self):
        return self.__dict__.get(attribute, default)

    def write(self, value) -> None:
        self.__dict__[attribute] = value

    return Property(kind, read, write), write


def _spin_property(kind: type, name: str) -> tuple[Property, object]:
    """A property of the spin box inside a `ctkSliderWidget`, and its setter."""
    setter_name = "set" + name[0].upper() + name[1:]

    def read(self):
        return getattr(self._spin, name)

    def write(self, value) -> None:
        getattr(self._spin, setter_name)(value)

    return Property(kind, read, write), write


class ctkComboBox(QtWidgets.QComboBox):
    """A combo box that shows a default text when nothing is selected."""

    host_strict = True
    defaultText, setDefaultText = _plain_property(str, "defaultText", "")
    scrollWheelEnabled, setScrollWheelEnabled = _plain_property(bool, "scrollWheelEnabled", True)


class ctkCheckableComboBox(QtWidgets.QComboBox):
    """A combo box whose items carry check marks."""

    host_strict = True
    host_signals: ClassVar = {"checkedIndexesChanged()": "checkedIndexesChanged"}
    checkedIndexesChanged = Signal()

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        connect_weakly(self.model(), "rowsInserted", self._make_checkable)
        connect_weakly(self.model(), "dataChanged", self._on_data_changed)

    def _on_data_changed(self, *_range) -> None:
        self.checkedIndexesChanged.emit()

    def _make_checkable(self, _parent, first: int, last: int) -> None:
        for row in range(first, last + 1):
            item = self.model().item(row)
            item.setFlags(item.flags() | QtCore.Qt.ItemIsUserCheckable)
            item.setData(QtCore.Qt.Unchecked, QtCore.Qt.CheckStateRole)

    def checkState(self, index: QtCore.QModelIndex) -> QtCore.Qt.CheckState:
        return QtCore.Qt.CheckState(int(self.model().data(index, QtCore.Qt.CheckStateRole)))

    def setCheckState(self, index: QtCore.QModelIndex, state: QtCore.Qt.CheckState) -> None:
        self.model().itemFromIndex(index).setCheckState(state)

    def checkedIndexes(self) -> list[QtCore.QModelIndex]:
        rows = [self.model().index(row, 0) for row in range(self.count)]
        return [index for index in rows if self.checkState(index) == QtCore.Qt.Checked]

    def allChecked(self) -> bool:
        return len(self.checkedIndexes()) == self.count

    def noneChecked(self) -> bool:
        return not self.checkedIndexes()


class ctkSliderWidget(QtWidgets.QWidget):
    """A slider and a spin box that show one number."""

    host_strict = True
    host_signals: ClassVar = {"valueChanged(double)": "valueChanged", "valueIsChanging(double)": "valueIsChanging"}
    valueChanged = Signal(float)
    valueIsChanging = Signal(float)
    _STEPS = 1000

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._slider = QtWidgets.QSlider(QtCore.Qt.Horizontal, self)
        self._slider.setRange(0, self._STEPS)
        self._spin = QtWidgets.QDoubleSpinBox(self)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        layout.addWidget(self._spin)
        connect_weakly(self._spin, "valueChanged", self._on_spin_changed)
        connect_weakly(self._slider, "sliderMoved", self._on_slider_moved)

    def _on_spin_changed(self, value: float) -> None:
        low, high = self._spin.minimum, self._spin.maximum
        self._slider.setValue(round((value - low) / ((high - low) or 1.0) * self._STEPS))
        self.valueChanged.emit(value)

    def _on_slider_moved(self, position: int) -> None:
        low, high = self._spin.minimum, self._spin.maximum
        self._spin.setValue(low + (high - low) * position / self._STEPS)

    value, setValue = _spin_property(float, "value")
    minimum, setMinimum = _spin_property(float, "minimum")
    maximum, setMaximum = _spin_property(float, "maximum")
    singleStep, setSingleStep = _spin_property(float, "singleStep")
    decimals, setDecimals = _spin_property(int, "decimals")
    prefix, setPrefix = _spin_property(str, "prefix")
    suffix, setSuffix = _spin_property(str, "suffix")
    pageStep, setPageStep = _plain_property(float, "pageStep", 1.0)
    tickInterval, setTickInterval = _plain_property(float, "tickInterval", 0.0)
    tracking, setTracking = _plain_property(bool, "tracking", True)

    def setRange(self, low: float, high: float) -> None:
        self._spin.setRange(low, high)


class ctkDoubleSpinBox(QtWidgets.QDoubleSpinBox):
    """A spin box for floating point numbers."""

    host_strict = True


class ctkCheckBox(QtWidgets.QCheckBox):
    """A check box."""

    host_strict = True


class ctkDirectoryButton(QtWidgets.QWidget):
    """A button that shows a folder and asks for another one when it is clicked."""

    host_strict = True
    host_signals: ClassVar = {
        "directoryChanged(QString)": "directoryChanged",
        "directorySelected(QString)": "directorySelected",
    }
    directoryChanged = Signal(str)
    directorySelected = Signal(str)
    caption, setCaption = _plain_property(str, "caption", "")

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._directory = "."
        self._button = QtWidgets.QPushButton(self._directory, self)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._button)
        connect_weakly(self._button, "clicked", self._on_clicked)

    def _on_clicked(self, _checked: bool) -> None:
        self.browse()

    def _get_directory(self) -> str:
        return self._directory

    def setDirectory(self, path: str) -> None:
        if path != self._directory:
            self._directory = path
            self._button.setText(path)
            self.directoryChanged.emit(path)

    directory = Property(str, _get_directory, setDirectory)

    def browse(self) -> None:
        """Ask for a folder, as a click does."""
        path = dialogs.answers.ask("directory", self.caption)
        if path:
            self.setDirectory(str(path))
            self.directorySelected.emit(str(path))


class _PathFilter(enum.IntFlag):
    """What `ctkPathLineEdit` accepts; the values are those of QDir."""

    Dirs = int(QtCore.QDir.Dirs.value)
    Files = int(QtCore.QDir.Files.value)
    Drives = int(QtCore.QDir.Drives.value)
    NoSymLinks = int(QtCore.QDir.NoSymLinks.value)
    NoDotAndDotDot = int(QtCore.QDir.NoDotAndDotDot.value)
    Readable = int(QtCore.QDir.Readable.value)
    Writable = int(QtCore.QDir.Writable.value)
    Executable = int(QtCore.QDir.Executable.value)
    Hidden = int(QtCore.QDir.Hidden.value)


class ctkPathLineEdit(QtWidgets.QWidget):
    """A path that can be typed or browsed for."""

    host_strict = True
    host_signals: ClassVar = {
        "currentPathChanged(QString)": "currentPathChanged",
        "validInputChanged(bool)": "validInputChanged",
    }
    currentPathChanged = Signal(str)
    validInputChanged = Signal(bool)

    Filter = _PathFilter
    Dirs, Files, Drives = _PathFilter.Dirs, _PathFilter.Files, _PathFilter.Drives
    NoSymLinks, NoDotAndDotDot = _PathFilter.NoSymLinks, _PathFilter.NoDotAndDotDot
    Readable, Writable = _PathFilter.Readable, _PathFilter.Writable
    Executable, Hidden = _PathFilter.Executable, _PathFilter.Hidden

    filters, setFilters = _plain_property(int, "filters", int(_PathFilter.Files))
    nameFilters, setNameFilters = _plain_property("QStringList", "nameFilters", [])
    settingKey, setSettingKey = _plain_property(str, "settingKey", "")
    label, setLabel = _plain_property(str, "label", "")
    showHistoryButton, setShowHistoryButton = _plain_property(bool, "showHistoryButton", True)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._edit = QtWidgets.QComboBox(self)
        self._edit.setEditable(True)
        self._browse = QtWidgets.QToolButton(self)
        self._browse.setText("...")
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._edit, 1)
        layout.addWidget(self._browse)
        connect_weakly(self._edit, "editTextChanged", self._on_text_changed)
        connect_weakly(self._browse, "clicked", self._on_clicked)

    def _on_text_changed(self, text: str) -> None:
        self.currentPathChanged.emit(text)

    def _on_clicked(self, _checked: bool) -> None:
        self.browse()

    def _get_current_path(self) -> str:
        return self._edit.currentText

    def setCurrentPath(self, path: str) -> None:
        self._edit.setEditText(path)

    currentPath = Property(str, _get_current_path, setCurrentPath)

    def _get_show_browse(self) -> bool:
        return not self._browse.isHidden()

    def setShowBrowseButton(self, show: bool) -> None:
        self._browse.setVisible(show)

    showBrowseButton = Property(bool, _get_show_browse, setShowBrowseButton)

    def browse(self) -> None:
        """Ask for a path, as a click on the button does."""
        wants_folder = bool(self.filters & _PathFilter.Dirs) and not self.filters & _PathFilter.Files
        path = dialogs.answers.ask("directory" if wants_folder else "open_file", self.label)
        if path:
            self.setCurrentPath(str(path))

    def addCurrentPathToHistory(self) -> None:
        if self._edit.findText(self.currentPath) < 0:
            self._edit.addItem(self.currentPath)

    def lineEdit(self) -> QtWidgets.QLineEdit:
        return self._edit.lineEdit()

    def comboBox(self) -> QtWidgets.QComboBox:
        return self._edit


WIDGETS = (
    ctkComboBox,
    ctkCheckableComboBox,
    ctkSliderWidget,
    ctkDoubleSpinBox,
    ctkCheckBox,
    ctkDirectoryButton,
    ctkPathLineEdit,
)
